/**
 * Damage to a binary as text, so that what was found can be kept and read: a base, a list of edits, what readers made of
 * it. Places are named by structure, so that a seed outlives a rebuild of its base.
 *
 *     base go1.27
 *     write .gopclntab+0x8 ffffffff        bytes in hexadecimal
 *     fill .debug_info+0x0 64 00           a count of bytes, and the byte
 *     copy .text+0x20 .text+0x10 16        to, from, count
 *     truncate sections+0x40               the file ends there
 *     expect open=value functions=bad-format …
 *
 * A place is `file`, `segments` (the program headers), `sections` (the section headers) or a section's name, plus an
 * offset. Edits past the file's end are cut off there.
 */
import { type BaseName, isBaseName } from "./bases.js";

export interface Place {
  readonly anchor: string;
  readonly offset: number;
}

export type Edit =
  | { readonly kind: "write"; readonly at: Place; readonly bytes: Buffer }
  | { readonly kind: "fill"; readonly at: Place; readonly length: number; readonly byte: number }
  | { readonly kind: "copy"; readonly at: Place; readonly from: Place; readonly length: number }
  | { readonly kind: "truncate"; readonly at: Place };

export interface Mutation {
  readonly base: BaseName;
  readonly edits: readonly Edit[];
}

/** A mutation with what readers make of it; undefined until it was run. */
export interface Seed extends Mutation {
  readonly expected: string | undefined;
}

/** Where anchors begin in one file. */
export type Anchors = ReadonlyMap<string, number>;

/** Anchors of an undamaged ELF-64 file; sections without bytes in the file have none. */
export function anchorsOf(bytes: Buffer): Anchors {
  const sections = Number(bytes.readBigUInt64LE(0x28));
  const count = bytes.readUInt16LE(0x3c);
  const anchors = new Map([
    ["file", 0],
    ["segments", Number(bytes.readBigUInt64LE(0x20))],
    ["sections", sections],
  ]);
  const offsetOf = (index: number): number => Number(bytes.readBigUInt64LE(sections + index * 64 + 0x18));
  const names = offsetOf(bytes.readUInt16LE(0x3e));
  for (let index = 1; index < count; index++) {
    const name = names + bytes.readUInt32LE(sections + index * 64);
    const isInFile = bytes.readUInt32LE(sections + index * 64 + 4) !== 8;
    if (isInFile) anchors.set(bytes.toString("latin1", name, bytes.indexOf(0, name)), offsetOf(index));
  }
  return anchors;
}

function positionOf({ anchor, offset }: Place, anchors: Anchors): number {
  const start = anchors.get(anchor);
  if (start === undefined) throw new Error(`the base has no ${anchor}`);
  return start + offset;
}

/** The file offsets that an edit changes, from start (inclusive) to end. */
export function extentOf(edit: Edit, anchors: Anchors): { readonly start: number; readonly end: number } {
  const start = positionOf(edit.at, anchors);
  switch (edit.kind) {
    case "write":
      return { start, end: start + edit.bytes.length };
    case "truncate":
      return { start, end: Number.POSITIVE_INFINITY };
    default:
      return { start, end: start + edit.length };
  }
}

/** A damaged copy of `original`. */
export function applyEdits(original: Buffer, anchors: Anchors, edits: readonly Edit[]): Buffer {
  let bytes = Buffer.from(original);
  for (const edit of edits) {
    const at = positionOf(edit.at, anchors);
    if (edit.kind === "truncate") bytes = bytes.subarray(0, at);
    else if (at >= bytes.length) continue;
    else if (edit.kind === "write") edit.bytes.copy(bytes, at);
    else if (edit.kind === "fill") bytes.fill(edit.byte, at, Math.min(at + edit.length, bytes.length));
    else {
      const from = positionOf(edit.from, anchors);
      bytes.copy(bytes, at, Math.min(from, bytes.length), Math.min(from + edit.length, bytes.length));
    }
  }
  return bytes;
}

const formatPlace = ({ anchor, offset }: Place): string => `${anchor}+0x${offset.toString(16)}`;

function formatEdit(edit: Edit): string {
  const at = formatPlace(edit.at);
  switch (edit.kind) {
    case "write":
      return `write ${at} ${edit.bytes.toString("hex")}`;
    case "fill":
      return `fill ${at} ${edit.length} ${edit.byte.toString(16).padStart(2, "0")}`;
    case "copy":
      return `copy ${at} ${formatPlace(edit.from)} ${edit.length}`;
    case "truncate":
      return `truncate ${at}`;
  }
}

export function formatMutation({ base, edits }: Mutation): string {
  return [`base ${base}`, ...edits.map(formatEdit)].map((line) => `${line}\n`).join("");
}

function parsePlace(text: string | undefined): Place {
  const match = /^(\S+)\+0x([0-9a-f]+)$/.exec(text ?? "");
  if (match === null) throw new Error(`not a place: ${text}`);
  return { anchor: match[1] ?? "", offset: Number.parseInt(match[2] ?? "", 16) };
}

function parseEdit(line: string): Edit {
  const [kind, place, second, third] = line.split(" ");
  const at = parsePlace(place);
  switch (kind) {
    case "write":
      return { kind, at, bytes: Buffer.from(second ?? "", "hex") };
    case "fill":
      return { kind, at, length: Number(second), byte: Number.parseInt(third ?? "", 16) };
    case "copy":
      return { kind, at, from: parsePlace(second), length: Number(third) };
    case "truncate":
      return { kind, at };
    default:
      throw new Error(`not an edit: ${line}`);
  }
}

/** Parses a seed; lines that begin with `#` say what it is about. Throws for anything else. */
export function parseSeed(text: string): Seed {
  let base: BaseName | undefined;
  let expected: string | undefined;
  const edits: Edit[] = [];
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [word, rest = ""] = line.split(/ (.*)/s);
    if (word === "base" && isBaseName(rest)) base = rest;
    else if (word === "expect") expected = rest;
    else edits.push(parseEdit(line));
  }
  if (base === undefined) throw new Error("the seed names no base");
  return { base, edits, expected };
}
