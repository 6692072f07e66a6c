/**
 * From a Go type to what is captured of a value: the code that keeps its words and bytes, and the shape by which they are
 * read back, made side by side so that they agree. What does not fit is left out, and the shape says so.
 */
import type { Shape } from "../aggregate/index.js";
import type { Outcome, Refusal } from "../base/index.js";
import type { GoType } from "../binary/index.js";
import type { CodeStep } from "./code.js";
import { CodeBuilder, codeOf, type Emit, Label } from "./code-builder.js";
import type { DynamicType } from "./dynamic-types.js";
import { ERRNO, messageParts } from "./error-messages.js";
import { emitChoice, likelyTypes, type Reach, WHOLE_VALUE } from "./held-types.js";
import { isText } from "./literals.js";
import type { Surroundings } from "./locate.js";
import {
  dereference,
  heldValue,
  loadBytes,
  loadPair,
  loadWord,
  type Operand,
  part,
  typeWord,
  WORD,
  wordSize,
} from "./operand.js";

/** LIMIT: bytes kept of each string. */
const TEXT = 128;
/** LIMIT: elements kept of a slice or an array, and fields of a struct. */
const ELEMENTS = 8;
const FIELDS = 24;
/** Variables that a composite, an interface or a pointer needs while its parts are captured. */
const VARIABLES = 3;

const FALLIBLE: ReadonlySet<CodeStep["op"]> = new Set([
  ...(["load", "load-pair", "compare-bytes", "fail"] as const),
  ...(["c-string", "word"] as const),
]);

/** What one value may take of what all of a part share. */
export interface Room {
  readonly slots: number;
  readonly steps: number;
  /** Bytes of strings. */
  readonly tail: number;
}

/** Writes the code of one part of an event, value after value. */
export class CaptureWriter {
  readonly code = new CodeBuilder();
  /** Taken so far. */
  slots = 0;
  tail = 0;
  private slotLimit = 0;
  private stepLimit = 0;
  private tailLimit = 0;
  private readonly around: Pick<Surroundings, "program" | "packagePath">;

  constructor(around: Pick<Surroundings, "program" | "packagePath">) {
    this.around = around;
  }

  /** A whole value, which takes no more than that, but for a few steps. */
  capture(of: Operand, room: Room): Shape {
    this.slotLimit = this.slots + room.slots;
    this.stepLimit = this.code.length + room.steps;
    this.tailLimit = this.tail + room.tail;
    return this.value(of, WHOLE_VALUE) ?? unreadable("no room");
  }

  /** A number or bool that some steps leave in A. */
  captureWord(emit: Emit): number {
    return this.keep(emit);
  }

  /** The dynamic type of an interface. */
  captureTypeName(of: Operand): Shape {
    const word = typeWord(of);
    return word.ok
      ? { kind: "type-name", word: this.keep(word.value), table: false }
      : unreadable(reasonOf(word.refusal));
  }

  private value(of: Operand, reach: Reach): Shape | undefined {
    const { type } = of;
    if (type.name === "time.Duration" && type.kind === "int") {
      return this.word(of, 0, (slot) => ({ kind: "duration", slot }));
    }
    if (type.name === ERRNO) return this.word(of, 0, (slot) => ({ kind: "errno", slot }));
    switch (type.kind) {
      case "int": {
        const { signed } = type;
        const size = wordSize(type.size) ?? WORD;
        return this.scalar(of, { offset: 0, size, signed }, (slot) => ({ kind: "integer", slot, signed, size }));
      }
      case "bool":
        return this.scalar(of, { offset: 0, size: 1, signed: false }, (slot) => ({ kind: "bool", slot }));
      case "float": {
        const size = type.size === 4 ? 4 : 8;
        return this.scalar(of, { offset: 0, size, signed: false }, (slot) => ({ kind: "float", slot, size }));
      }
      case "complex":
        return this.complex(of, type.size === 8 ? 4 : 8);
      case "string":
        return this.text(of);
      case "opaque-pointer":
        return this.word(of, 0, (slot) => ({ kind: "pointer", type: type.name, slot, target: undefined }));
      case "func":
        return this.function(of);
      case "map":
      case "chan":
        return this.counted(of, type);
      case "interface":
        return this.interface(of, reach);
      case "pointer":
        return this.pointer(of, type, reach);
      default:
        return this.composite(of, reach);
    }
  }

  /** Whether so many slots more may be taken. */
  private hasRoom(slots: number): boolean {
    return this.code.length <= this.stepLimit && this.slots + slots <= this.slotLimit;
  }

  /** Keeps what the steps leave in A, or why they failed. */
  private keep(emit: Emit): number {
    const slot = this.slots++;
    this.attempt(emit);
    this.code.emit({ op: "keep", slot });
    return slot;
  }

  /** Runs steps that may fail; afterwards A is what they left, or 0. */
  private attempt(emit: Emit): void {
    const failed = new Label();
    const steps = codeOf(emit);
    if (steps.some(({ op }) => FALLIBLE.has(op))) this.code.attempt(failed);
    emit(this.code);
    this.code.place(failed);
  }

  private scalar(
    of: Operand,
    wanted: { readonly offset: number; readonly size: 1 | 2 | 4 | 8; readonly signed: boolean },
    shape: (slot: number) => Shape,
  ): Shape | undefined {
    const emit = loadBytes(of, wanted);
    if (!emit.ok) return unreadable(reasonOf(emit.refusal));
    return this.hasRoom(1) ? shape(this.keep(emit.value)) : undefined;
  }

  private word(of: Operand, offset: number, shape: (slot: number) => Shape): Shape | undefined {
    return this.scalar(of, { offset, size: WORD, signed: false }, shape);
  }

  private complex(of: Operand, size: 4 | 8): Shape | undefined {
    const halves = [0, size].map((offset) => loadBytes(of, { offset, size, signed: false }));
    const [real, imaginary] = halves;
    if (real === undefined || imaginary === undefined) return unreadable("no room");
    if (!real.ok) return unreadable(reasonOf(real.refusal));
    if (!imaginary.ok) return unreadable(reasonOf(imaginary.refusal));
    if (!this.hasRoom(2)) return undefined;
    return { kind: "complex", real: this.keep(real.value), imaginary: this.keep(imaginary.value), size };
  }

  /** Bytes at an address, their number in B. */
  private keepBytes(pair: Emit): number | undefined {
    const left = this.tailLimit - this.tail;
    const kept = Math.min(TEXT, left - (left % WORD));
    if (kept < WORD || !this.hasRoom(2)) return undefined;
    const slot = this.slots;
    this.slots += 2;
    this.tail += kept;
    this.attempt(pair);
    this.code.emit({ op: "keep-bytes", slot, most: kept });
    return slot;
  }

  private text(of: Operand): Shape | undefined {
    const pair = loadPair(of);
    if (!pair.ok) return unreadable(reasonOf(pair.refusal));
    const slot = this.keepBytes(pair.value);
    return slot === undefined ? undefined : { kind: "string", slot };
  }

  private function(of: Operand): Shape | undefined {
    const context = loadWord(of, 0);
    if (!context.ok) return unreadable(reasonOf(context.refusal));
    if (!this.hasRoom(1)) return undefined;
    // A function value is the address of its context, which begins with the address of its code.
    const slot = this.keep((to) => {
      context.value(to);
      to.emit({ op: "load", offset: 0, size: WORD, signed: false });
    });
    return { kind: "function", slot };
  }

  private counted(of: Operand, type: GoType & { readonly kind: "map" | "chan" }): Shape | undefined {
    const pointer = loadWord(of, 0);
    if (!pointer.ok) return unreadable(reasonOf(pointer.refusal));
    if (!this.hasRoom(type.kind === "map" ? 2 : 3)) return undefined;
    // FACT(go1.12..go1.27): maps and channels begin with their length; a channel's capacity follows.
    const at = (offset: number): number =>
      this.keep((to) => {
        pointer.value(to);
        to.emit({ op: "load", offset, size: WORD, signed: true });
      });
    const common = { type: type.name, pointer: this.keep(pointer.value), length: at(0) };
    return type.kind === "map" ? { kind: "map", ...common } : { kind: "channel", ...common, capacity: at(WORD) };
  }

  private pointer(of: Operand, type: GoType & { readonly kind: "pointer" }, reach: Reach): Shape | undefined {
    const address = loadWord(of, 0);
    if (!address.ok) return unreadable(reasonOf(address.refusal));
    if (!this.hasRoom(1)) return undefined;
    const slot = this.keep(address.value);
    const bare: Shape = { kind: "pointer", type: type.name, slot, target: undefined };
    if (reach.pointers === 0 || reach.depth === 0 || this.code.freeVariables < VARIABLES) return bare;
    const target = this.code.withVariables(1, (variable = 0) => {
      const nil = new Label();
      this.code.put(variable);
      this.code.jumpUnless(nil);
      const pointed: Operand = {
        type: type.target(),
        phase: of.phase,
        text: `*${of.text}`,
        at: "memory",
        address: (to) => to.get(variable),
        offset: 0,
      };
      const shape = this.value(pointed, { ...reach, pointers: reach.pointers - 1 });
      this.code.place(nil);
      return shape;
    });
    return { ...bare, target };
  }

  /** What consists of parts; where it lies in memory its address is worked out once. */
  private composite(of: Operand, reach: Reach): Shape | undefined {
    if (of.type.name === "time.Time" && of.type.kind === "struct") return this.time(of);
    if (reach.depth === 0 || this.code.freeVariables < VARIABLES) return unreadable("too deep");
    const inner = { ...reach, depth: reach.depth - 1 };
    if (of.at !== "memory" || codeOf(of.address).length <= 1) return this.parts(of, inner);
    if (!this.hasRoom(1)) return undefined;
    const { address } = of;
    return this.code.withVariables(1, (base = 0) => {
      const failed = new Label();
      const worked = new Label();
      const end = new Label();
      const first = this.slots;
      this.code.attempt(failed);
      address(this.code);
      this.code.jump(worked);
      this.code.place(failed);
      // Why there is no such value is said of its first part.
      this.code.emit({ op: "keep", slot: first });
      this.code.jump(end);
      this.code.place(worked);
      this.code.put(base);
      const shape = this.parts({ ...of, address: (to) => to.get(base) }, inner);
      if (this.slots === first) this.slots++;
      this.code.place(end);
      return shape;
    });
  }

  private parts(of: Operand, reach: Reach): Shape | undefined {
    const { type } = of;
    switch (type.kind) {
      case "struct":
        return this.struct(of, type, reach);
      case "array": {
        const elementType = type.element();
        const elements = this.elements(Math.min(type.length, ELEMENTS), (index) =>
          this.value(part(of, { offset: index * elementType.size, type: elementType }, `${of.text}[${index}]`), reach),
        );
        return { kind: "array", type: type.name, length: type.length, elements };
      }
      case "slice":
        return isText(type) ? this.bytes(of) : this.slice(of, type, reach);
      default:
        return undefined;
    }
  }

  private struct(of: Operand, type: GoType & { readonly kind: "struct" }, reach: Reach): Shape {
    const fields: { name: string; embedded: boolean; shape: Shape }[] = [];
    for (const field of type.fields) {
      if (fields.length === FIELDS) break;
      const { name, embedded } = field;
      const shape = this.value(part(of, field, `${of.text}.${name}`), reach);
      if (shape === undefined) break;
      fields.push({ name, embedded, shape });
    }
    return { kind: "struct", type: type.name, fields, omitted: type.fields.length - fields.length };
  }

  /** As many as there is room for. */
  private elements(count: number, capture: (index: number) => Shape | undefined): readonly Shape[] {
    const elements: Shape[] = [];
    while (elements.length < count) {
      const shape = capture(elements.length);
      if (shape === undefined) break;
      elements.push(shape);
    }
    return elements;
  }

  private bytes(of: Operand): Shape | undefined {
    const [pointer, pair] = [loadWord(of, 0), loadPair(of)];
    if (!pointer.ok) return unreadable(reasonOf(pointer.refusal));
    if (!pair.ok) return unreadable(reasonOf(pair.refusal));
    if (!this.hasRoom(3)) return undefined;
    const kept = this.keep(pointer.value);
    const slot = this.keepBytes(pair.value);
    return slot === undefined ? undefined : { kind: "bytes", slot, pointer: kept };
  }

  private slice(of: Operand, type: GoType & { readonly kind: "slice" }, reach: Reach): Shape | undefined {
    const [address, count] = [loadWord(of, 0), loadWord(of, WORD)];
    if (!address.ok) return unreadable(reasonOf(address.refusal));
    if (!count.ok) return unreadable(reasonOf(count.refusal));
    if (!this.hasRoom(2)) return undefined;
    const elementType = type.element();
    return this.code.withVariables(2, (base = 0, size = 0) => {
      const end = new Label();
      const pointer = this.keep(address.value);
      this.code.put(base);
      const length = this.keep(count.value);
      this.code.put(size);
      const elements = this.elements(ELEMENTS, (index) => {
        if (!this.hasRoom(0)) return undefined;
        this.code.set(index);
        this.code.emit({ op: "compare", relation: "<", variable: size, signed: true });
        this.code.jumpUnless(end);
        const element: Operand = {
          type: elementType,
          phase: of.phase,
          text: `${of.text}[${index}]`,
          at: "memory",
          address: (to) => to.get(base),
          offset: index * elementType.size,
        };
        return this.value(element, reach);
      });
      this.code.place(end);
      return { kind: "slice", type: type.name, pointer, length, elements };
    });
  }

  private time(of: Operand): Shape | undefined {
    const [wall, ext] = [loadWord(of, 0), loadWord(of, WORD)];
    if (!wall.ok) return unreadable(reasonOf(wall.refusal));
    if (!ext.ok) return unreadable(reasonOf(ext.refusal));
    if (!this.hasRoom(2)) return undefined;
    return { kind: "time", wall: this.keep(wall.value), ext: this.keep(ext.value) };
  }

  private interface(of: Operand, reach: Reach): Shape | undefined {
    const [word, data] = [typeWord(of), loadWord(of, WORD)];
    if (!word.ok) return unreadable(reasonOf(word.refusal));
    if (!data.ok) return unreadable(reasonOf(data.refusal));
    if (!this.hasRoom(2)) return undefined;
    const types = this.code.freeVariables < VARIABLES ? [] : likelyTypes(of.type, reach, this.around);
    const kept = this.keep(word.value);
    const taken = this.slots++;
    const shape = { kind: "interface", type: of.type.name, word: kept, table: false, taken } as const;
    if (types.length === 0) return { ...shape, cases: [] };
    return this.code.withVariables(2, (descriptor = 0, value = 0) => {
      const end = new Label();
      this.code.put(descriptor);
      this.code.jumpUnless(end);
      this.attempt(data.value);
      this.code.put(value);
      const cases = this.cases(types, { descriptor, value, taken, end }, of, reach);
      this.code.place(end);
      return { ...shape, cases };
    });
  }

  /** One of them at most is taken, so they share the slots behind those of the interface. */
  private cases(
    types: readonly DynamicType[],
    places: { readonly descriptor: number; readonly value: number; readonly taken: number; readonly end: Label },
    of: Operand,
    reach: Reach,
  ): readonly { readonly type: string; readonly shape: Shape }[] {
    const { slots, tail } = this;
    let most = { slots, tail };
    const cases: { type: string; shape: Shape }[] = [];
    const reached: { readonly descriptor: DynamicType["descriptor"]; readonly label: Label }[] = [];
    const choice = new Label();
    this.code.jump(choice);
    for (const { type, descriptor } of types) {
      this.slots = slots;
      this.tail = tail;
      if (!this.hasRoom(0)) break;
      const label = new Label();
      reached.push({ descriptor, label });
      this.code.place(label);
      this.code.set(cases.length);
      this.code.emit({ op: "keep", slot: places.taken });
      const shape = this.dynamicValue(heldValue(type, places.value, of), reach);
      this.code.jump(places.end);
      cases.push({ type: type.name, shape: shape ?? unreadable("no room") });
      most = { slots: Math.max(most.slots, this.slots), tail: Math.max(most.tail, this.tail) };
    }
    this.slots = most.slots;
    this.tail = most.tail;
    this.code.place(choice);
    reached.sort((left, right) => left.descriptor - right.descriptor);
    emitChoice(this.code, reached, places);
    return cases;
  }

  /** An error as its message where that can be made; else the value itself. */
  private dynamicValue(of: Operand, reach: Reach): Shape | undefined {
    const parts = messageParts(of.type.name);
    if (parts === undefined) return this.value(of, { ...reach, depth: Math.min(reach.depth - 1, 2), pointers: 1 });
    const target: Outcome<Operand> = of.type.kind === "pointer" ? dereference(of, of.text) : { ok: true, value: of };
    const within = { ...reach, errors: reach.errors - 1 };
    const shapes: (string | Shape)[] = [];
    for (const each of parts) {
      if (typeof each === "string") {
        shapes.push(each);
        continue;
      }
      const type = target.ok ? target.value.type : undefined;
      const field = type?.kind === "struct" ? type.fields.find(({ name }) => name === each.field) : undefined;
      const shape = target.ok && field ? this.value(part(target.value, field, each.field), within) : undefined;
      const { separator } = each;
      shapes.push(
        shape === undefined || separator === undefined ? (shape ?? "…") : { kind: "joined", list: shape, separator },
      );
    }
    return { kind: "message", parts: shapes };
  }
}

const unreadable = (reason: string): Shape => ({ kind: "unreadable", reason });

/** In the few words that stand in place of a value. */
function reasonOf({ code }: Refusal): string {
  switch (code) {
    case "float-in-register":
      return "a float in a register";
    case "optimized-away":
      return "optimized away";
    default:
      return "its place is not known";
  }
}
