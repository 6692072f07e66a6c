/** One function that has code: its place, its signature, where its variables live. */
import { FormatError, hex, type VirtualAddress, virtualAddress } from "../../base/index.js";
import type { GoType, GoVariable, RecordedPlace, Signature } from "../gotype.js";
import { capturesOf } from "./captures.js";
import { AT, TAG } from "./constants.js";
import type { Die } from "./die.js";
import type { Dwarf } from "./dwarf.js";
import type { LinePosition } from "./line-table.js";
import { type DwarfVariable, readVariables } from "./locals.js";
import type { LocationPiece } from "./location.js";
import { first, originsOf } from "./origins.js";
import { rangesOf } from "./ranges.js";
import { parseReceiver, type ReceiverName, withoutTypeArguments } from "./receiver.js";

/** An address as the rest of the program uses it. */
export const requireAddress = (die: Die, value: number): VirtualAddress => {
  if (!Number.isSafeInteger(value))
    throw new FormatError(".debug_info", die.offset, `address ${hex(value)} is out of range`);
  return virtualAddress(value);
};

export class DwarfFunction {
  readonly name: string;
  readonly lowPc: VirtualAddress;
  /** Exclusive. Go's functions are contiguous. */
  readonly highPc: VirtualAddress;
  /** Made by the compiler around another function: an ABI or method wrapper. */
  readonly isWrapper: boolean;
  /** The entry, for what is derived from it elsewhere in this folder. */
  readonly die: Die;
  private readonly dwarf: Dwarf;
  private readonly chain: readonly Die[];
  private declared: LinePosition | undefined;
  private known: readonly DwarfVariable[] | undefined;

  constructor(dwarf: Dwarf, die: Die) {
    this.dwarf = dwarf;
    this.die = die;
    this.chain = originsOf(dwarf, die);
    this.name = first(this.chain, (entry) => entry.string(AT.name)) ?? "";
    const [range] = rangesOf(die);
    const start = range?.start ?? die.address(AT.lowPc) ?? 0;
    this.lowPc = requireAddress(die, start);
    this.highPc = requireAddress(die, range?.end ?? start);
    this.isWrapper = die.has(AT.trampoline);
  }

  /** The file that declares it; undefined when the debug data does not say. */
  get file(): string | undefined {
    return this.declaration().file || undefined;
  }

  /** The line of its declaration; undefined when the debug data does not say. */
  get line(): number | undefined {
    return this.declaration().line || undefined;
  }

  /** Written in assembly: the debug data has neither parameters nor results. */
  get isAssembly(): boolean {
    // Saying where a function was declared may take its line table; what has variables or was inlined has been compiled.
    if (this.chain.length > 1 || this.variables().length > 0) return false;
    return this.file?.endsWith(".s") ?? false;
  }

  /**
   * Whether blank parameters (`_`, or without a name) appear in the signature. Where they do not, compare with
   * `DwarfVariable.locationAt(lowPc)` before trusting that a parameter arrives where its position in the list says.
   */
  get listsBlankParameters(): boolean {
    return this.die.unit.listsBlankParameters;
  }

  /**
   * Whether the signature may lack unnamed results. FACT(go1.23..go1.27): a result that is returned from inside a loop over
   * a function is kept in a variable of the compiler's own, and the result itself is left out.
   */
  get mayLackResults(): boolean {
    const variables = this.variables();
    return variables.some(({ name }) => name.startsWith("#")) && !variables.some(({ role }) => role === "result");
  }

  /** Undefined for assembly. */
  get signature(): Signature | undefined {
    return this.isAssembly ? undefined : this.compiledSignature();
  }

  /** Of a function that is known not to be assembly. */
  compiledSignature(): Signature {
    const variables = this.variables();
    const pick = (role: DwarfVariable["role"]): DwarfVariable[] => variables.filter((one) => one.role === role);
    const listed = pick("parameter");
    const parameters: GoVariable[] = listed.map(({ name, type }) => ({ name, type }));
    const receiver = parseReceiver(this.name);
    let hasReceiver = receiver !== undefined && isOfType(parameters[0]?.type, receiver);
    const entryPlaces = this.listsBlankParameters
      ? []
      : listed.map((parameter) => entryPlace(parameter.locationAt(this.lowPc)));
    if (receiver !== undefined && !this.listsBlankParameters && !(hasReceiver && this.arrivesFirst(variables))) {
      const type = this.findReceiverType(receiver);
      if (type !== undefined) {
        parameters.unshift({ name: "", type });
        entryPlaces.unshift(undefined);
        hasReceiver = true;
      }
    }
    const results = pick("result").map(({ name, type }) => ({ name, type }));
    const captures = capturesOf({
      name: this.name,
      variables: () => this.variables(),
      listsCaptures: this.die.unit.listsCaptures,
      findType: (name) => this.dwarf.findType(name),
      findReceiverName: (method) => this.dwarf.findFunction(method)?.receiverName,
    });
    const signature = {
      parameters,
      results,
      hasReceiver,
      source: "dwarf",
      mayLackResults: this.mayLackResults,
      ...(captures === undefined ? {} : { captures }),
    } as const;
    return this.listsBlankParameters ? signature : { ...signature, entryPlaces };
  }

  /** What a method calls its receiver; undefined when it has none, or no name for it. */
  get receiverName(): string | undefined {
    const receiver = parseReceiver(this.name);
    const named = this.variables().find(({ role }) => role === "parameter");
    return receiver !== undefined && isOfType(named?.type, receiver) ? named?.name || undefined : undefined;
  }

  /** Parameters, results, then locals of the outermost block, each group in source order. A shape's dictionary is left out. */
  variables(): readonly DwarfVariable[] {
    this.known ??= readVariables(this.dwarf, this.die);
    return this.known;
  }

  /**
   * Whether the first listed parameter is in the first register at the entry: DWARF numbers it 0 on amd64 (AX) and arm64 (R0).
   * Where no place is recorded it is taken to be so.
   */
  private arrivesFirst(variables: readonly DwarfVariable[]): boolean {
    const pieces = variables.find((one) => one.role === "parameter")?.locationAt(this.lowPc);
    const piece = pieces?.find((one) => one.kind !== "absent");
    return piece?.kind !== "register" || piece.register === 0 || piece.register >= 17;
  }

  private findReceiverType(receiver: ReceiverName): GoType | undefined {
    return receiver.typeName.includes("(") ? undefined : this.dwarf.findType(receiver.typeName);
  }

  private declaration(): LinePosition {
    this.declared ??= this.readDeclaration();
    return this.declared;
  }

  private readDeclaration(): LinePosition {
    const number = this.die.number(AT.declarationFile);
    const file = number === undefined ? undefined : this.dwarf.lineTable(this.die.unit)?.files[number];
    const line = first(this.chain, (entry) => entry.number(AT.declarationLine));
    if (file !== undefined && line !== undefined) return { file, line };
    const entry = this.entryPosition();
    return { file: file ?? entry?.file ?? "", line: line ?? this.earliestLine(entry) };
  }

  /** The place of the first instruction in this function's own source, even where that instruction was inlined into it. */
  private entryPosition(): LinePosition | undefined {
    for (const child of this.die.children()) {
      if (child.tag !== TAG.inlinedSubroutine) continue;
      if (!rangesOf(child).some(({ start, end }) => start <= this.lowPc && this.lowPc < end)) continue;
      const file = this.dwarf.lineTable(this.die.unit)?.files[child.number(AT.callFile) ?? -1];
      if (file !== undefined) return { file, line: child.number(AT.callLine) ?? 0 };
    }
    return this.dwarf.lineAt(this.lowPc);
  }

  /** FACT(go1.19): functions carry no line, but their parameters do; neither they nor the first instruction come before it. */
  private earliestLine(entry: LinePosition | undefined): number {
    let line = entry?.line ?? Number.POSITIVE_INFINITY;
    for (const child of this.die.children()) {
      if (child.tag !== TAG.formalParameter) continue;
      line = Math.min(line, child.number(AT.declarationLine) ?? line);
    }
    return Number.isFinite(line) ? line : 0;
  }
}

/** Of the first byte that is anywhere. */
function entryPlace(pieces: readonly LocationPiece[] | undefined): RecordedPlace | undefined {
  const [piece] = pieces ?? [];
  if (piece?.kind === "register") return { kind: "register", register: piece.register };
  return piece?.kind === "frame" ? { kind: "frame", offset: piece.offset } : undefined;
}

const isOfType = (type: GoType | undefined, receiver: ReceiverName): boolean =>
  type !== undefined &&
  (type.kind === "pointer") === receiver.pointer &&
  withoutTypeArguments(type.name) === receiver.typeName;
