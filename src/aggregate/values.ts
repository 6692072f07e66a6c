/**
 * Keys of series: from the raw bits of a `--by` value to what people and programs read.
 *
 * `text` is safe to print: nothing in it moves a terminal's cursor, changes its colours or reverses its direction. `json`
 * follows cli.md: integers as numbers up to 2^53, then as strings; what could not be read as `{"unreadable": …}`.
 */
import { hex, invariant } from "../base/index.js";
import { FAILURES } from "./captured.js";
import type { ValueEncoding } from "./dimension.js";
import { floatOf, formatGoDuration } from "./numbers.js";
import type { RawValue } from "./records.js";
import { decodeUtf8, printable } from "./text.js";
import { formatValueText, integerJson, unreadableText, type Value, type ValueJson, valueJson } from "./value.js";

/** One value of one dimension. */
export interface KeyValue {
  readonly kind: "integer" | "bool" | "float" | "string" | "pointer" | "range" | "unreadable";
  readonly text: string;
  readonly json: ValueJson;
  /** The number itself for integers and pointers, the low bound for ranges: what sorting and numeric labels use. */
  readonly integer: bigint | undefined;
}

/** Decodes one value. `raw` must hold what its dimension's encoding promises: bytes for a string, bits for the rest. */
export function decodeValue(raw: RawValue, encoding: ValueEncoding): KeyValue {
  if (raw.status !== "read" && raw.status !== "cut") return unreadable(FAILURES[raw.status]);
  if ("bytes" in raw) {
    invariant(encoding.kind === "string", `a ${encoding.kind} value was recorded as bytes`);
    if (raw.bytes.length === 0 && encoding.empty === "nil") return NIL_NAME;
    return decodeString(raw.bytes, raw.status);
  }
  invariant("bits" in raw, "a value was read, but holds neither bits nor bytes");
  return decodeBits(raw.bits, encoding);
}

function decodeBits(bits: bigint, encoding: ValueEncoding): KeyValue {
  switch (encoding.kind) {
    case "integer": {
      const width = encoding.size * 8;
      const value = encoding.signed ? BigInt.asIntN(width, bits) : BigInt.asUintN(width, bits);
      const text = encoding.unit === "ns" ? formatGoDuration(value) : String(value);
      return { kind: "integer", text, json: integerJson(value), integer: value };
    }
    case "bool":
      return { kind: "bool", text: String(bits !== 0n), json: bits !== 0n, integer: undefined };
    case "pointer": {
      const text = hex(bits);
      return bits === 0n
        ? { kind: "pointer", text: "nil", json: null, integer: bits }
        : { kind: "pointer", text, json: text, integer: bits };
    }
    case "float":
      return floatKey({ kind: "float", value: floatOf(bits, encoding.size), size: encoding.size });
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

const floatKey = (value: Value & { kind: "float" }): KeyValue => ({
  kind: "float",
  text: formatValueText(value),
  json: valueJson(value),
  integer: undefined,
});

const unreadable = (reason: string): KeyValue => ({
  kind: "unreadable",
  text: unreadableText(reason),
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

/** The type of a nil interface: as a trace shows it. */
const NIL_NAME: KeyValue = { kind: "string", text: "nil", json: null, integer: undefined };

function decodeString(bytes: Buffer, status: "read" | "cut"): KeyValue {
  const decoded = decodeUtf8(bytes, status);
  const text = decoded === "" ? '""' : printable(decoded);
  return { kind: "string", text, json: decoded, integer: undefined };
}
