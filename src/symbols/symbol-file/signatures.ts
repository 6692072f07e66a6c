/**
 * The signatures table. A record is empty for a function without a known signature; else flags, the parameters, the
 * results, each a name and the number of a type, and, where flagged, the parameters' places at the entry and what a
 * closure captures.
 */
import { Cursor } from "../../base/index.js";
import type { CapturedVariable, Captures, GoType, GoVariable, RecordedPlace, Signature } from "../../binary/index.js";
import { readCount, readText, readZigzag, requireEnd } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";

const HAS_RECEIVER = 1;
const MAY_LACK_RESULTS = 2;
/** Of a signature that says whether it lacks results. */
const KNOWS_RESULTS = 4;
const HAS_ENTRY_PLACES = 8;
const HAS_CAPTURES = 16;

const PLACES = ["unknown", "register", "frame"] as const;
const HELD = ["value", "address", "unknown"] as const;

/** `numberOf` gives types their numbers. */
export function writeSignature(signature: Signature | undefined, numberOf: (type: GoType) => number): Buffer {
  if (signature === undefined) return Buffer.alloc(0);
  const { parameters, results, entryPlaces, captures, mayLackResults, hasReceiver } = signature;
  const writer = new ByteWriter();
  writer.u8(
    (hasReceiver ? HAS_RECEIVER : 0) |
      (mayLackResults === true ? MAY_LACK_RESULTS : 0) |
      (mayLackResults === undefined ? 0 : KNOWS_RESULTS) |
      (entryPlaces === undefined ? 0 : HAS_ENTRY_PLACES) |
      (captures === undefined ? 0 : HAS_CAPTURES),
  );
  for (const variables of [parameters, results]) {
    writer.uleb128(variables.length);
    for (const { name, type } of variables) {
      writer.text(name);
      writer.uleb128(numberOf(type));
    }
  }
  if (entryPlaces !== undefined) {
    writer.uleb128(entryPlaces.length);
    for (const place of entryPlaces) writePlace(writer, place);
  }
  if (captures !== undefined) writeCaptures(writer, captures(), numberOf);
  return writer.take();
}

function writePlace(writer: ByteWriter, place: RecordedPlace | undefined): void {
  writer.u8(PLACES.indexOf(place?.kind ?? "unknown"));
  if (place?.kind === "register") writer.uleb128(place.register);
  if (place?.kind === "frame") writer.zigzag(place.offset);
}

function writeCaptures(writer: ByteWriter, { variables, gap }: Captures, numberOf: (type: GoType) => number): void {
  writer.uleb128(variables.length);
  for (const { name, type, offset, held } of variables) {
    writer.text(name);
    writer.uleb128(numberOf(type));
    writer.uleb128(offset);
    writer.u8(HELD.indexOf(held));
  }
  writer.u8(gap === undefined ? 0 : 1);
  if (gap !== undefined) writer.text(gap);
}

export function readSignature(cursor: Cursor, typeAt: (number: number) => GoType): Signature | undefined {
  if (cursor.atEnd) return undefined;
  const flags = cursor.u8();
  const variables = (): GoVariable[] =>
    Array.from({ length: readCount(cursor) }, () => ({ name: readText(cursor), type: typeAt(cursor.uleb128()) }));
  const [parameters, results] = [variables(), variables()];
  const entryPlaces =
    (flags & HAS_ENTRY_PLACES) === 0 ? undefined : Array.from({ length: readCount(cursor) }, () => readPlace(cursor));
  const rest = cursor.slice(cursor.length - cursor.position);
  if ((flags & HAS_CAPTURES) === 0) requireEnd(new Cursor(rest, cursor.structure));
  return {
    parameters,
    results,
    hasReceiver: (flags & HAS_RECEIVER) !== 0,
    source: "symbol-file",
    ...((flags & KNOWS_RESULTS) === 0 ? {} : { mayLackResults: (flags & MAY_LACK_RESULTS) !== 0 }),
    ...(entryPlaces === undefined ? {} : { entryPlaces }),
    ...((flags & HAS_CAPTURES) === 0
      ? {}
      : { captures: () => readCaptures(new Cursor(rest, cursor.structure), typeAt) }),
  };
}

function readCaptures(cursor: Cursor, typeAt: (number: number) => GoType): Captures {
  const variables = Array.from({ length: readCount(cursor) }, (): CapturedVariable => {
    const [name, type, offset] = [readText(cursor), typeAt(cursor.uleb128()), cursor.uleb128()];
    const held = HELD[cursor.u8()];
    return held === undefined ? cursor.fail("unknown kind of capture") : { name, type, offset, held };
  });
  const gap = cursor.u8() === 0 ? undefined : readText(cursor);
  requireEnd(cursor);
  return { variables, gap };
}

function readPlace(cursor: Cursor): RecordedPlace | undefined {
  const kind = PLACES[cursor.u8()];
  if (kind === undefined) return cursor.fail("unknown kind of place");
  if (kind === "unknown") return undefined;
  return kind === "register" ? { kind, register: cursor.uleb128() } : { kind, offset: readZigzag(cursor) };
}
