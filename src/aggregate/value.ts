/**
 * Go values as a plain tree, and how they are written: as text, nearly as Go's source would have them and safe to print,
 * and as JSON by cli.md.
 */
import { hex } from "../base/index.js";
import { formatComplex, formatFloat, formatGoDuration } from "./numbers.js";
import { decodeUtf8, printable, quote } from "./text.js";

export interface ValueField {
  readonly name: string;
  readonly value: Value;
}

export type Value =
  | { readonly kind: "integer"; readonly value: bigint }
  | { readonly kind: "duration"; readonly nanoseconds: bigint }
  | { readonly kind: "bool"; readonly value: boolean }
  /** `size` is of the type: a float32's decimals end sooner. */
  | { readonly kind: "float"; readonly value: number; readonly size: 4 | 8 }
  | { readonly kind: "complex"; readonly real: number; readonly imaginary: number; readonly size: 4 | 8 }
  /** A string, a []byte or an error's message. */
  | { readonly kind: "string"; readonly bytes: Buffer; readonly cut: boolean }
  /** What is neither a string nor a number, but has a name: a type, a function, a time. */
  | { readonly kind: "name"; readonly text: string }
  /** `omitted`: fields that were not captured. */
  | { readonly kind: "struct"; readonly fields: readonly ValueField[]; readonly omitted: number }
  /** `more`: elements behind these. */
  | { readonly kind: "list"; readonly elements: readonly Value[]; readonly more: bigint }
  | { readonly kind: "nil" }
  | { readonly kind: "pointer"; readonly target: Value }
  /** A pointer that was not followed: a runtime address. */
  | { readonly kind: "address"; readonly address: bigint }
  /** An interface that holds what the run did not know to read. */
  | { readonly kind: "opaque"; readonly type: string }
  | { readonly kind: "map"; readonly length: bigint }
  | { readonly kind: "channel"; readonly length: bigint; readonly capacity: bigint }
  | { readonly kind: "unreadable"; readonly reason: string };

export type ValueJson = string | number | boolean | null | readonly ValueJson[] | { readonly [key: string]: ValueJson };

/** A 64-bit integer as JSON carries it without loss. */
export const integerJson = (value: bigint): number | string =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);

/** What stands in place of a value that could not be read. */
export const unreadableText = (reason: string): string => `(unreadable: ${reason})`;

/** One line without anything that a terminal acts upon. */
export function formatValueText(value: Value): string {
  switch (value.kind) {
    case "integer":
    case "bool":
      return String(value.value);
    case "duration":
      return formatGoDuration(value.nanoseconds);
    case "float":
      return formatFloat(value.value, value.size);
    case "complex":
      return formatComplex(value.real, value.imaginary, value.size);
    case "string":
      return quote(value.bytes, value.cut ? "cut" : "read");
    case "name":
      return printable(value.text);
    case "struct": {
      const fields = value.fields.map((field) => `${printable(field.name)}: ${formatValueText(field.value)}`);
      return `{${[...fields, ...(value.omitted > 0 ? ["…"] : [])].join(", ")}}`;
    }
    case "list":
      return `[${[...value.elements.map(formatValueText), ...(value.more > 0n ? ["…"] : [])].join(", ")}]`;
    case "nil":
      return "nil";
    case "pointer":
      return `&${formatValueText(value.target)}`;
    case "address":
      return hex(value.address);
    case "opaque":
      return `${printable(value.type)}(…)`;
    case "map":
      return `map(len ${value.length})`;
    case "channel":
      return `chan(len ${value.length}, cap ${value.capacity})`;
    case "unreadable":
      return unreadableText(printable(value.reason));
  }
}

/** By cli.md, "Values in JSON". Maps and channels are objects of their `len` and `cap`. */
export function valueJson(value: Value): ValueJson {
  switch (value.kind) {
    case "integer":
      return integerJson(value.value);
    case "bool":
      return value.value;
    case "duration":
      return integerJson(value.nanoseconds);
    case "float":
      return Number.isFinite(value.value) ? value.value : formatFloat(value.value, value.size);
    case "complex":
      return formatComplex(value.real, value.imaginary, value.size);
    case "string":
      return decodeUtf8(value.bytes, value.cut ? "cut" : "read");
    case "name":
      return value.text;
    case "struct": {
      const fields = value.fields.map((field): [string, ValueJson] => [field.name, valueJson(field.value)]);
      return objectJson([...fields, ...(value.omitted > 0 ? [["…", value.omitted] as [string, ValueJson]] : [])]);
    }
    case "list":
      return [...value.elements.map(valueJson), ...(value.more > 0n ? ["…"] : [])];
    case "nil":
      return null;
    case "pointer":
      return valueJson(value.target);
    case "address":
      return hex(value.address);
    case "opaque":
      return { unreadable: value.type };
    case "map":
      return { len: integerJson(value.length) };
    case "channel":
      return { len: integerJson(value.length), cap: integerJson(value.capacity) };
    case "unreadable":
      return { unreadable: value.reason };
  }
}

/** Names come from a file: none of them, `__proto__` included, means anything to us. */
export const objectJson = (fields: readonly (readonly [string, ValueJson])[]): { readonly [key: string]: ValueJson } =>
  Object.fromEntries(fields);
