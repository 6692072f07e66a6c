/**
 * From the raw bits of a `--by` value to what people and programs read.
 *
 * `text` is safe to print: nothing in it moves a terminal's cursor, changes its colours or reverses its direction. `json`
 * follows cli.md: integers as numbers up to 2^53, then as strings; what could not be read as `{"unreadable": …}`.
 */
import { hex, invariant } from "../base/index.js";
import type { ValueEncoding } from "./dimension.js";
import type { RawValue, ReadFailure } from "./records.js";

export type KeyJson = string | number | boolean | null | { readonly [key: string]: KeyJson };

/** One value of one dimension. */
export interface KeyValue {
  readonly kind: "integer" | "bool" | "string" | "pointer" | "range" | "unreadable";
  readonly text: string;
  readonly json: KeyJson;
  /** The number itself for integers and pointers, the low bound for ranges: what sorting and numeric labels use. */
  readonly integer: bigint | undefined;
}

/** A 64-bit integer as JSON carries it without loss. */
export const integerJson = (value: bigint): number | string =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);

/** Decodes one value. `raw` must hold what its dimension's encoding promises: bytes for a string, bits for the rest. */
export function decodeValue(raw: RawValue, encoding: ValueEncoding): KeyValue {
  if (raw.status !== "read" && raw.status !== "cut") return unreadable(FAILURES[raw.status]);
  if ("bytes" in raw) {
    invariant(encoding.kind === "string", `a ${encoding.kind} value was recorded as bytes`);
    return decodeString(raw.bytes, raw.status);
  }
  invariant("bits" in raw, "a value was read, but holds neither bits nor bytes");
  return decodeBits(raw.bits, encoding);
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

function decodeBits(bits: bigint, encoding: ValueEncoding): KeyValue {
  switch (encoding.kind) {
    case "integer": {
      const width = encoding.size * 8;
      const value = encoding.signed ? BigInt.asIntN(width, bits) : BigInt.asUintN(width, bits);
      return { kind: "integer", text: String(value), json: integerJson(value), integer: value };
    }
    case "bool":
      return { kind: "bool", text: String(bits !== 0n), json: bits !== 0n, integer: undefined };
    case "pointer": {
      const text = hex(bits);
      return bits === 0n
        ? { kind: "pointer", text: "nil", json: null, integer: bits }
        : { kind: "pointer", text, json: text, integer: bits };
    }
    case "log2":
      if (bits === NEGATIVE_LOG2) return range(undefined, 0n);
      // The exponent of 0 is recorded as 0, together with that of 1.
      return range(bits === 0n ? 0n : 1n << bits, 1n << (bits + 1n));
    case "linear": {
      const bucket = BigInt.asIntN(64, bits);
      const low = BigInt(encoding.low);
      const width = BigInt(encoding.width);
      if (bucket <= 0n) return range(undefined, low);
      const start = low + (bucket - 1n) * width;
      return bucket > BigInt(encoding.buckets) ? range(start, undefined) : range(start, start + width);
    }
    case "string":
      throw new Error("invariant violated: a string value was recorded as bits");
  }
}

/** What stands for the exponent of a negative number. */
const NEGATIVE_LOG2 = 64n;

const unreadable = (reason: string): KeyValue => ({
  kind: "unreadable",
  text: `(unreadable: ${reason})`,
  json: { unreadable: reason },
  integer: undefined,
});

function range(low: bigint | undefined, high: bigint | undefined): KeyValue {
  const text = low === undefined ? `< ${high}` : high === undefined ? `≥ ${low}` : `[${low}, ${high})`;
  const json = {
    low: low === undefined ? null : integerJson(low),
    high: high === undefined ? null : integerJson(high),
  };
  // Sorting puts "below everything" first; no low bound of a bucket is that small.
  return { kind: "range", text, json, integer: low ?? -(1n << 63n) };
}

function decodeString(bytes: Buffer, status: "read" | "cut"): KeyValue {
  const decoded = decodeUtf8(bytes, status);
  const text = decoded === "" ? '""' : printable(decoded);
  return { kind: "string", text, json: decoded, integer: undefined };
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * UTF-8 to text; a byte that belongs to no character becomes `\xNN`. A cut string ends in `…`, in place of the
 * character that the cut went through.
 */
function decodeUtf8(bytes: Buffer, status: "read" | "cut"): string {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes[at] ?? 0);
    if (length > bytes.length - at && status === "cut" && continues(bytes, at)) break;
    const character = length === 0 ? undefined : decodeCharacter(bytes.subarray(at, at + length));
    text += character ?? `\\x${(bytes[at] ?? 0).toString(16).padStart(2, "0")}`;
    at += character === undefined ? 1 : length;
  }
  return status === "cut" ? `${text}…` : text;
}

/** Bytes in the sequence that `lead` begins; 0 when it can't begin one. */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

const continues = (bytes: Buffer, at: number): boolean =>
  bytes.subarray(at + 1).every((byte) => (byte & 0xc0) === 0x80);

function decodeCharacter(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    // Expected: surrogates, overlong forms, a sequence that breaks off.
    return undefined;
  }
}

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

/** Text with everything a terminal acts upon (controls, format characters, line separators) replaced by escapes. */
export const printable = (text: string): string => (PLAIN.test(text) ? text : escapeAll(text));

const PLAIN = /^[ -~]*$/;

const escapeAll = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const short = SHORT_ESCAPES.get(character);
    if (short !== undefined) return short;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
