/** What makes one value of another: C strings of their addresses, first words, integers of another width. */
import { gsLimits } from "../abi/index.js";
import { found, type Outcome, refused } from "../base/index.js";
import type { GoType } from "../binary/index.js";
import { type Emit, Label } from "./code-builder.js";
import type { Conversion } from "./expression.js";
import { isText } from "./literals.js";
import { loadBytes, loadInteger, loadPair, loadWord, type Operand, WORD, wordSize } from "./operand.js";
import { article, hintFor } from "./type-text.js";

const STRING: GoType = { kind: "string", name: "string", size: 2 * WORD };
/** A string of which nothing but its end says how long it is. */
const C_STRING: GoType = { kind: "string", name: "char *", size: 2 * WORD };

const INTEGERS: Readonly<Record<Conversion, GoType & { readonly kind: "int" }>> = {
  int8: { kind: "int", name: "int8", size: 1, signed: true },
  int16: { kind: "int", name: "int16", size: 2, signed: true },
  int32: { kind: "int", name: "int32", size: 4, signed: true },
  int64: { kind: "int", name: "int64", size: 8, signed: true },
  uint8: { kind: "int", name: "uint8", size: 1, signed: false },
  uint16: { kind: "int", name: "uint16", size: 2, signed: false },
  uint32: { kind: "int", name: "uint32", size: 4, signed: false },
  uint64: { kind: "int", name: "uint64", size: 8, signed: false },
};

/** Leaves an address in A; undefined for what can't be one. */
function addressIn(of: Operand): Outcome<Emit> | undefined {
  const { type } = of;
  if (type.kind === "opaque-pointer") return loadWord(of, 0);
  if (type.kind === "pointer") return type.target().size === 1 ? loadWord(of, 0) : undefined;
  return type.kind === "int" && type.size === WORD ? loadInteger(of, type) : undefined;
}

/** `str(e)`: the NUL-terminated string at an address. */
export function cString(of: Operand, text: string): Outcome<Operand> {
  if (isText(of.type)) {
    return refused("wrong-type", `${of.text} is ${article(of.type)} already`, `name it as it is: ${of.text}`);
  }
  const address = addressIn(of);
  if (address === undefined) {
    return refused("wrong-type", `${of.text} is ${article(of.type)}, not the address of a C string`, hintFor(of));
  }
  if (!address.ok) return address;
  const value: Emit = (to) => {
    address.value(to);
    to.emit({ op: "c-string" });
  };
  return found({ type: C_STRING, phase: of.phase, text, at: "accumulator", value });
}

/** `str(e, n)`: the n bytes at an address, as a string. */
export function countedString(of: Operand, length: Operand, text: string): Outcome<Operand> {
  const address = addressIn(of);
  if (address === undefined) {
    return refused("wrong-type", `${of.text} is ${article(of.type)}, not an address`, hintFor(of));
  }
  if (!address.ok) return address;
  if (length.type.kind !== "int") {
    return refused("wrong-type", `${length.text} is ${article(length.type)}, not a number of bytes`, hintFor(length));
  }
  if (length.phase !== of.phase && length.phase !== "either" && of.phase !== "either") {
    return refused("mixed-ends", `${of.text} and ${length.text} are not there at the same end of a call`);
  }
  const count = loadInteger(length, length.type);
  if (!count.ok) return count;
  const value: Emit = (to) => {
    count.value(to);
    to.emit({ op: "give-b" });
    address.value(to);
  };
  return found({
    type: STRING,
    phase: of.phase === "either" ? length.phase : of.phase,
    text,
    at: "accumulator",
    value,
  });
}

/** `word(e)`: the first word of a string. */
export function firstWord(of: Operand, text: string): Outcome<Operand> {
  if (!isText(of.type)) {
    return refused("wrong-type", `${of.text} is ${article(of.type)}: only strings have words`, hintFor(of));
  }
  const pair = loadPair(of);
  if (!pair.ok) return pair;
  const value: Emit = (to) => {
    pair.value(to);
    to.emit({ op: "word" });
  };
  return found({ type: STRING, phase: of.phase, text, at: "accumulator", value });
}

/** `int32(e)` and its like: the low bytes of an integer. */
export function converted(to: Conversion, of: Operand, text: string): Outcome<Operand> {
  const type = INTEGERS[to];
  const own = of.type.kind === "int" ? (wordSize(of.type.size) ?? WORD) : WORD;
  if (of.type.kind !== "int" && of.type.kind !== "pointer" && of.type.kind !== "opaque-pointer") {
    return refused("wrong-type", `${of.text} is ${article(of.type)}, not an integer`, hintFor(of));
  }
  const signed = of.type.kind === "int" && of.type.signed;
  const whole = loadBytes(of, { offset: 0, size: own, signed });
  if (!whole.ok) return whole;
  const size = wordSize(type.size) ?? WORD;
  const value: Emit = (code) => {
    whole.value(code);
    if (size !== WORD) code.emit({ op: "truncate", size, signed: type.signed });
  };
  return found({ type, phase: of.phase, text, at: "accumulator", value });
}

/** Leaves the length of a string in A where it had to be looked for; undefined where it is known. */
export function searchedLength(of: Operand): Outcome<Emit> | undefined {
  if (of.type !== C_STRING) return undefined;
  const pair = loadPair(of);
  if (!pair.ok) return pair;
  return found((to) => {
    const all = new Label();
    pair.value(to);
    to.emit({ op: "take-b" });
    to.withVariables(2, (length = 0, most = 0) => {
      to.put(length);
      to.set(gsLimits.GS_CHUNK_BYTES);
      to.put(most);
      to.get(length);
      to.emit({ op: "compare", relation: "<=", variable: most, signed: false });
      to.jumpIf(all);
      to.emit({ op: "fail", as: "too-large" });
      to.place(all);
      to.get(length);
    });
  });
}
