/**
 * Captured words and bytes back to Go values, by their Shape. Total: whatever a part holds, every value comes out, if only
 * as the reason why it can't be read.
 */
import { hex } from "../base/index.js";
import { errnoMessage } from "./errno.js";
import { floatOf, formatTime, unixNanoseconds } from "./numbers.js";
import type { CapturedPart, ReadFailure } from "./records.js";
import type { Shape, Slot } from "./shape.js";
import { formatValueText, type Value, type ValueField } from "./value.js";

/** Names for addresses among captured words. */
export interface CapturedNames {
  /** Of a type, by the virtual address of its descriptor or, with `table`, of an itab; as Go prints it. */
  typeName(address: number, table: boolean): string | undefined;
  /** Of the function whose code holds a virtual address. */
  functionName(address: number): string | undefined;
}

export interface CapturedSource {
  /** `lost`: what was captured found no room; undefined: nothing was captured. */
  readonly part: CapturedPart | "lost" | undefined;
  /** Runtime address = virtual address + bias. */
  readonly bias: bigint;
  readonly names: CapturedNames;
}

/** Why there is no value, as people and programs read it. */
export const FAILURES: Readonly<Record<ReadFailure, string>> = {
  fault: "fault",
  nil: "nil pointer",
  "too-large": "too large to search",
  "not-found": "not found",
  "other-type": "of another type",
  "no-room": "no room",
};

type Unreadable = Value & { readonly kind: "unreadable" };

const unreadable = (reason: string): Unreadable => ({ kind: "unreadable", reason });
const NIL: Value = { kind: "nil" };

/** What one shown value was. */
export function decodeCaptured(shape: Shape, { part, bias, names }: CapturedSource): Value {
  if (part === "lost" || part === undefined) {
    const reason = part === "lost" ? "no room" : "not captured";
    return new Decoder({ words: [], outcomes: [], tail: Buffer.alloc(0) }, bias, names, reason).value(shape);
  }
  // Only searches take so many steps that none are left for what follows.
  return new Decoder(part, bias, names, "too much to search before it").value(shape);
}

class Decoder {
  private readonly part: CapturedPart;
  private readonly bias: bigint;
  private readonly names: CapturedNames;
  /** Of a slot that nothing was kept in. */
  private readonly absence: string;

  constructor(part: CapturedPart, bias: bigint, names: CapturedNames, absence: string) {
    this.part = part;
    this.bias = bias;
    this.names = names;
    this.absence = absence;
  }

  value(shape: Shape): Value {
    switch (shape.kind) {
      case "integer":
        return this.with(shape.slot, (word) => ({
          kind: "integer",
          value: shape.signed ? BigInt.asIntN(shape.size * 8, word) : BigInt.asUintN(shape.size * 8, word),
        }));
      case "duration":
        return this.with(shape.slot, (word) => ({ kind: "duration", nanoseconds: BigInt.asIntN(64, word) }));
      case "bool":
        return this.with(shape.slot, (word) => ({ kind: "bool", value: (word & 0xffn) !== 0n }));
      case "float":
        return this.with(shape.slot, (word) => ({
          kind: "float",
          value: floatOf(word, shape.size),
          size: shape.size,
        }));
      case "complex":
        return this.with(shape.real, (real) =>
          this.with(shape.imaginary, (imaginary) => ({
            kind: "complex",
            real: floatOf(real, shape.size),
            imaginary: floatOf(imaginary, shape.size),
            size: shape.size,
          })),
        );
      case "string":
        return this.string(shape.slot);
      case "bytes":
        return this.unlessNil(shape.pointer, () => this.string(shape.slot));
      case "struct":
        return this.struct(shape);
      case "array":
        return this.list(shape.elements, BigInt(shape.length));
      case "slice":
        return this.unlessNil(shape.pointer, () =>
          this.withCount(shape.length, (length) => this.list(shape.elements, length)),
        );
      case "pointer":
        return this.pointer(shape);
      case "interface":
        return this.interface(shape);
      case "message":
        return this.message(shape.parts);
      case "joined":
        return this.joined(shape);
      case "errno":
        return this.with(shape.slot, (word) => message(errnoMessage(word)));
      case "type-name":
        return this.with(shape.word, (word) =>
          word === 0n ? NIL : { kind: "name", text: this.typeName(word, shape.table) },
        );
      case "map":
        return this.unlessNil(shape.pointer, () => this.withCount(shape.length, (length) => ({ kind: "map", length })));
      case "channel":
        return this.unlessNil(shape.pointer, () =>
          this.withCount(shape.length, (length) =>
            this.withCount(shape.capacity, (capacity) => ({ kind: "channel", length, capacity })),
          ),
        );
      case "function":
        return this.function(shape.slot);
      case "time":
        return this.with(shape.wall, (wall) => this.with(shape.ext, (ext) => timeOf(wall, ext)));
      case "constant":
        return { kind: "name", text: shape.text };
      case "unreadable":
        return unreadable(shape.reason);
    }
  }

  /** The slot's word, or why there is none. */
  private word(slot: Slot): bigint | Unreadable {
    const outcome = this.part.outcomes[slot];
    const word = this.part.words[slot];
    if (outcome === undefined || word === undefined) return unreadable(this.absence);
    return outcome === "read" || outcome === "cut" ? word : unreadable(FAILURES[outcome]);
  }

  private with(slot: Slot, decode: (word: bigint) => Value): Value {
    const word = this.word(slot);
    return typeof word === "bigint" ? decode(word) : word;
  }

  private unlessNil(slot: Slot, decode: () => Value): Value {
    return this.with(slot, (word) => (word === 0n ? NIL : decode()));
  }

  /** A length, which in the memory of a damaged program may be anything. */
  private withCount(slot: Slot, decode: (count: bigint) => Value): Value {
    return this.with(slot, (word) => {
      const count = BigInt.asIntN(64, word);
      return count < 0n ? unreadable(`a length of ${count}`) : decode(count);
    });
  }

  private string(slot: Slot): Value {
    return this.with(slot, (place) => {
      const start = Number(BigInt.asUintN(32, place));
      const end = start + Number(BigInt.asUintN(32, place >> 32n));
      if (end > this.part.tail.length) return unreadable("kept bytes are missing");
      const cut = this.part.outcomes[slot] === "cut";
      return { kind: "string", bytes: this.part.tail.subarray(start, end), cut };
    });
  }

  private struct(shape: Shape & { kind: "struct" }): Value {
    const fields = shape.fields.map(({ name, shape: field }): ValueField => ({ name, value: this.value(field) }));
    return sharedReason(fields.map(({ value }) => value)) ?? { kind: "struct", fields, omitted: shape.omitted };
  }

  private list(shapes: readonly Shape[], length: bigint): Value {
    const present = length < BigInt(shapes.length) ? shapes.slice(0, Number(length)) : shapes;
    const elements = present.map((element) => this.value(element));
    const more = length - BigInt(elements.length);
    return sharedReason(elements) ?? { kind: "list", elements, more };
  }

  private pointer({ slot, target }: Shape & { kind: "pointer" }): Value {
    return this.unlessNil(slot, () => {
      if (target === undefined) return this.with(slot, (address) => ({ kind: "address", address }));
      const value = this.value(target);
      return value.kind === "unreadable" ? value : { kind: "pointer", target: value };
    });
  }

  private interface(shape: Shape & { kind: "interface" }): Value {
    return this.with(shape.word, (word) => {
      if (word === 0n) return NIL;
      const taken = this.word(shape.taken);
      const known = typeof taken === "bigint" ? shape.cases[Number(BigInt.asUintN(32, taken))] : undefined;
      if (known !== undefined) return this.value(known.shape);
      return { kind: "opaque", type: this.typeName(word, shape.table) };
    });
  }

  private message(parts: readonly (string | Shape)[]): Value {
    const pieces = parts.map((part) =>
      typeof part === "string" ? { bytes: Buffer.from(part), cut: false } : saying(this.value(part)),
    );
    const last = pieces.at(-1);
    const bytes = pieces.flatMap((piece) =>
      piece.cut && piece !== last ? [piece.bytes, Buffer.from("…")] : [piece.bytes],
    );
    return { kind: "string", bytes: Buffer.concat(bytes), cut: last?.cut ?? false };
  }

  private joined({ list, separator }: Shape & { kind: "joined" }): Value {
    const value = this.value(list);
    if (value.kind !== "list") return value;
    const said = value.elements.map(saying);
    const bytes = said.flatMap((each, index) => (index === 0 ? [each.bytes] : [Buffer.from(separator), each.bytes]));
    return { kind: "string", bytes: Buffer.concat(bytes), cut: value.more > 0n || said.at(-1)?.cut === true };
  }

  private function(slot: Slot): Value {
    // A nil function has no code to read the address of.
    if (this.part.outcomes[slot] === "nil") return NIL;
    return this.with(slot, (word) => {
      if (word === 0n) return NIL;
      const address = this.virtual(word);
      return { kind: "name", text: this.names.functionName(address) ?? hex(address) };
    });
  }

  private typeName(word: bigint, table: boolean): string {
    const address = this.virtual(word);
    return this.names.typeName(address, table) ?? `type at ${hex(address)}`;
  }

  /** Negative for what lies before the image. */
  private virtual(word: bigint): number {
    return Number(BigInt.asIntN(64, word - this.bias));
  }
}

/** All of them could not be read, and for the same reason: then neither could what they make up. */
function sharedReason(values: readonly Value[]): Unreadable | undefined {
  const [first, ...rest] = values;
  if (first?.kind !== "unreadable") return undefined;
  return rest.every((each) => each.kind === "unreadable" && each.reason === first.reason) ? first : undefined;
}

const message = (text: string): Value => ({ kind: "string", bytes: Buffer.from(text), cut: false });

function timeOf(wall: bigint, ext: bigint): Value {
  const nanoseconds = unixNanoseconds(wall, ext);
  const text = nanoseconds === undefined ? undefined : formatTime(nanoseconds);
  return text === undefined ? unreadable("no time that there is") : { kind: "name", text };
}

/** A value as part of an error's message: strings without quotes. */
function saying(value: Value): { readonly bytes: Buffer; readonly cut: boolean } {
  if (value.kind === "string") return value;
  return { bytes: Buffer.from(plainText(value)), cut: false };
}

/** What `%v` prints of what errors are made of. */
function plainText(value: Value): string {
  switch (value.kind) {
    case "integer":
    case "duration":
    case "bool":
    case "float":
    case "complex":
    case "unreadable":
      return formatValueText(value);
    case "name":
      return value.text;
    case "nil":
      return "<nil>";
    default:
      return "…";
  }
}
