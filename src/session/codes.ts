/**
 * Codes as the programs read them: steps one after the other in one array of the run, each code once however many probes
 * share it, and the string literals that they compare with.
 */
import { gsConstant, gsLimits, gsOpcode, gsReadStatus, gsRelation, gsSpecial, gsStep } from "../abi/index.js";
import { invariant } from "../base/index.js";
import type { Code, CodeStep, Failure, Relation } from "../probes/index.js";
import { type WireStep, wireStep, writeStep } from "./steps.js";

const RELATIONS: Readonly<Record<Relation, number>> = {
  "==": gsRelation.GS_EQUAL,
  "!=": gsRelation.GS_NOT_EQUAL,
  "<": gsRelation.GS_LESS,
  "<=": gsRelation.GS_LESS_OR_EQUAL,
  ">": gsRelation.GS_GREATER,
  ">=": gsRelation.GS_GREATER_OR_EQUAL,
};

const FAILURES: Readonly<Record<Failure, number>> = {
  fault: gsReadStatus.GS_FAULT,
  nil: gsReadStatus.GS_NIL,
  "too-large": gsReadStatus.GS_TOO_LARGE,
  "not-found": gsReadStatus.GS_NOT_FOUND,
  "other-type": gsReadStatus.GS_OTHER_TYPE,
};

const SPECIALS: Readonly<Record<(CodeStep & { op: "special" })["value"], number>> = {
  duration: gsSpecial.GS_DURATION,
  goid: gsSpecial.GS_GOID,
  tid: gsSpecial.GS_TID,
};

const END: WireStep = { opcode: gsOpcode.GS_END };

/** What a step takes in place of its number of steps to jump, once the places are known. */
const jumpOf = (step: CodeStep): number | undefined => {
  switch (step.op) {
    case "jump":
    case "jump-if":
    case "jump-unless":
    case "try":
      return step.by;
    case "order-float":
      return step.onNan;
    default:
      return undefined;
  }
};

const fitsImmediate = (value: bigint): boolean => BigInt.asIntN(32, value) === BigInt.asIntN(64, value);

/** All codes of a run, as they are added. */
export class CodeBook {
  private readonly steps: Buffer[] = [];
  private readonly literals: Buffer[] = [];
  private readonly known = new Map<string, number>();
  private readonly knownLiterals = new Map<string, number>();
  /** Number 0 means "none": what it leads to ends at once. */
  private length = 1;

  constructor() {
    this.steps.push(encode([END]));
  }

  /** Whether any code was added. */
  get used(): boolean {
    return this.length > 1;
  }

  /** The number of a code's first step; 0 for no code. `imageBase` is that of the file whose addresses the code has. */
  add(code: Code | undefined, imageBase: number): number {
    if (code === undefined) return 0;
    const bytes = encode(this.assemble(code, imageBase));
    const key = bytes.toString("latin1");
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const first = this.length;
    this.known.set(key, first);
    this.steps.push(bytes);
    this.length += bytes.length / gsStep.size;
    return first;
  }

  /** Elements of the map `code`. */
  codeElements(): Buffer {
    return Buffer.concat(this.steps);
  }

  /** Elements of the map `constants`; one of them at least. */
  constantElements(): Buffer {
    const literals = this.literals.length === 0 ? [Buffer.alloc(0)] : this.literals;
    return Buffer.concat(
      literals.map((literal) => {
        const element = Buffer.alloc(gsConstant.size);
        element.writeBigUInt64LE(BigInt(literal.length), gsConstant.length.offset);
        literal.copy(element, gsConstant.bytes.offset);
        return element;
      }),
    );
  }

  private assemble(code: Code, imageBase: number): WireStep[] {
    // Where each step comes to lie, and where the code ends: a large number takes two.
    const places = [0];
    for (const step of code) {
      places.push((places.at(-1) ?? 0) + (step.op === "set" && !fitsImmediate(step.value) ? 2 : 1));
    }
    const wired = code.flatMap((step, index) => {
      const jump = jumpOf(step);
      if (jump === undefined) return this.wire(step, 0, imageBase);
      const target = places[index + 1 + jump];
      const next = places[index + 1];
      invariant(target !== undefined && next !== undefined, `step ${index} of a code jumps within it`);
      return this.wire(step, target - next, imageBase);
    });
    return [...wired, END];
  }

  private wire(step: CodeStep, jump: number, imageBase: number): WireStep | WireStep[] {
    switch (step.op) {
      case "set": {
        const low: WireStep = { opcode: gsOpcode.GS_SET, imm: Number(BigInt.asIntN(32, step.value)) };
        if (fitsImmediate(step.value)) return low;
        return [low, { opcode: gsOpcode.GS_SET_HIGH, imm: Number(BigInt.asIntN(32, step.value >> 32n)) }];
      }
      case "get":
        return { opcode: gsOpcode.GS_GET, a: variable(step.variable) };
      case "put":
        return { opcode: gsOpcode.GS_PUT, a: variable(step.variable) };
      case "get-b":
        return { opcode: gsOpcode.GS_GET_B, a: variable(step.variable) };
      case "put-b":
        return { opcode: gsOpcode.GS_PUT_B, a: variable(step.variable) };
      case "add-variable":
        return { opcode: gsOpcode.GS_ADD_VARIABLE, a: variable(step.variable) };
      case "multiply":
        return { opcode: gsOpcode.GS_MULTIPLY, imm: step.by };
      case "and":
        return { opcode: gsOpcode.GS_AND, imm: step.mask };
      case "shift-right":
        return { opcode: gsOpcode.GS_SHIFT_RIGHT, b: step.signed ? 1 : 0, imm: step.by };
      case "compare":
        return {
          opcode: gsOpcode.GS_COMPARE,
          a: RELATIONS[step.relation],
          b: step.signed ? 1 : 0,
          imm: variable(step.variable),
        };
      case "order-float":
        return { opcode: gsOpcode.GS_ORDER_FLOAT, a: step.size, imm: jump };
      case "compare-bytes":
        return {
          opcode: gsOpcode.GS_COMPARE_BYTES,
          a: step.prefix === "prefix" ? 1 : 0,
          imm: this.literal(step.constant),
        };
      case "jump":
        return { opcode: gsOpcode.GS_JUMP, imm: jump };
      case "jump-if":
        return { opcode: gsOpcode.GS_JUMP_IF, imm: jump };
      case "jump-unless":
        return { opcode: gsOpcode.GS_JUMP_UNLESS, imm: jump };
      case "special":
        return { opcode: gsOpcode.GS_SPECIAL, a: SPECIALS[step.value] };
      case "decided":
        invariant(step.decision < gsLimits.GS_MAX_DECIDED, "the planner bounds the decisions");
        return { opcode: gsOpcode.GS_DECIDED, imm: step.decision };
      case "try":
        return { opcode: gsOpcode.GS_TRY, imm: jump };
      case "fail":
        return { opcode: gsOpcode.GS_FAIL, a: FAILURES[step.as] };
      case "keep":
        return { opcode: gsOpcode.GS_KEEP, imm: step.slot };
      case "keep-bytes":
        invariant(step.most % 8 === 0 && step.most <= gsLimits.GS_CHUNK_BYTES, "the planner bounds kept bytes");
        return { opcode: gsOpcode.GS_KEEP_BYTES, a: step.most / 8, imm: step.slot };
      case "word":
        return { opcode: gsOpcode.GS_WORD };
      default:
        return wireStep(step, imageBase);
    }
  }

  private literal(bytes: Buffer): number {
    invariant(bytes.length <= gsLimits.GS_CONSTANT_BYTES, "the planner bounds literals");
    const key = bytes.toString("latin1");
    const known = this.knownLiterals.get(key);
    if (known !== undefined) return known;
    this.knownLiterals.set(key, this.literals.length);
    return this.literals.push(bytes) - 1;
  }
}

function variable(number: number): number {
  invariant(number < gsLimits.GS_VARIABLES, "the planner bounds the variables");
  return number;
}

function encode(steps: readonly WireStep[]): Buffer {
  const bytes = Buffer.alloc(steps.length * gsStep.size);
  steps.forEach((step, index) => {
    writeStep(bytes.subarray(index * gsStep.size), step);
  });
  return bytes;
}
