/**
 * Symbol files as fuzzing sees them: unpacked, so that damage stands behind right checksums. A mutated one is packed again;
 * its directory's own numbers are damaged like everything else, but for those that say where blocks are in the file.
 *
 *     {"pieces": [["identity", 190], ["names numbers", 16], ["names 0", 4711], …]} newline, then the pieces
 *
 * A table's numbers are its count of records and that of records in a block, of 8 bytes each.
 */
import { Cursor } from "../../src/base/index.js";
import { ByteWriter } from "../../src/symbols/symbol-file/byte-writer.js";
import { MAGIC, PRELUDE_SIZE, TABLES } from "../../src/symbols/symbol-file/format.js";
import { readIdentity } from "../../src/symbols/symbol-file/identity.js";
import { pack, unpack } from "../../src/symbols/symbol-file/packing.js";
import type { Anchors } from "./mutation.js";
import type { Region } from "./structure.js";

interface Piece {
  readonly name: string;
  readonly bytes: Buffer;
}

const NUMBERS = " numbers";
const FIRST = "{";

/** Whether a base is one of these. */
export const isUnpacked = (bytes: Buffer): boolean => bytes.toString("latin1", 0, 1) === FIRST;

function join(pieces: readonly Piece[]): Buffer {
  const head = JSON.stringify({ pieces: pieces.map(({ name, bytes }) => [name, bytes.length]) });
  return Buffer.concat([Buffer.from(`${head}\n`), ...pieces.map(({ bytes }) => bytes)]);
}

/** The pieces of an undamaged file. */
export function unpackSymbolFile(file: Buffer): Buffer {
  const size = file.readUInt32LE(MAGIC.length);
  const bytes = unpack(file.subarray(PRELUDE_SIZE, PRELUDE_SIZE + size), "directory");
  const directory = new Cursor(bytes, "directory");
  readIdentity(directory);
  const pieces: Piece[] = [{ name: "identity", bytes: bytes.subarray(0, directory.position) }];
  let offset = PRELUDE_SIZE + size;
  for (const table of TABLES) {
    const [count, perBlock] = [directory.uleb128(), directory.uleb128()];
    const numbers = Buffer.alloc(16);
    numbers.writeBigUInt64LE(BigInt(count), 0);
    numbers.writeBigUInt64LE(BigInt(perBlock), 8);
    pieces.push({ name: `${table}${NUMBERS}`, bytes: numbers });
    for (let block = 0; block < Math.ceil(count / perBlock); block++) {
      const length = directory.uleb128();
      pieces.push({ name: `${table} ${block}`, bytes: unpack(file.subarray(offset, offset + length), table) });
      offset += length;
    }
  }
  pieces.push({ name: "starts", bytes: bytes.subarray(directory.position) });
  return join(pieces);
}

/** Where pieces begin in an unpacked file. */
export function anchorsOfUnpacked(bytes: Buffer): Anchors {
  const end = bytes.indexOf("\n");
  const { pieces } = JSON.parse(bytes.toString("utf8", 0, end)) as { readonly pieces: readonly [string, number][] };
  const anchors = new Map<string, number>();
  let offset = end + 1;
  for (const [name, length] of pieces) {
    anchors.set(name.replaceAll(" ", "-"), offset);
    offset += length;
  }
  return anchors;
}

/** The symbol file that an unpacked one, damaged behind its head, makes. `anchors` are those of the undamaged one. */
export function packSymbolFile(bytes: Buffer, anchors: Anchors): Buffer {
  const places = [...anchors];
  const pieceAt = (index: number): Buffer =>
    bytes.subarray(places[index]?.[1] ?? bytes.length, places[index + 1]?.[1] ?? bytes.length);
  const directory = new ByteWriter();
  const blocks: Buffer[] = [];
  places.forEach(([name], index) => {
    const piece = pieceAt(index);
    if (!/-\d+$/.test(name)) {
      if (!name.endsWith(NUMBERS.replace(" ", "-"))) directory.raw(piece);
      else for (const at of [0, 8]) directory.uleb128(piece.length < at + 8 ? 0 : Number(piece.readBigUInt64LE(at)));
      return;
    }
    const packed = pack(piece, "quick");
    directory.uleb128(packed.length);
    blocks.push(packed);
  });
  const packed = pack(directory.take(), "quick");
  const size = Buffer.alloc(4);
  size.writeUInt32LE(packed.length);
  return Buffer.concat([MAGIC, size, packed, ...blocks]);
}

/** Every piece is damaged as often as any other, and so is its beginning, where lengths and counts stand. */
export function findUnpackedRegions(bytes: Buffer): readonly Region[] {
  const places = [...anchorsOfUnpacked(bytes)];
  return places.flatMap(([anchor, start], index): readonly Region[] => {
    const length = (places[index + 1]?.[1] ?? bytes.length) - start;
    const kind = anchor.endsWith("-numbers") ? "numbers" : anchor.replace(/-\d+$/, "");
    const region = (count: number, stride: number, width: number): Region => {
      return { kind, start: { anchor, offset: 0 }, count, stride, fields: [[0, width]] };
    };
    if (length === 0) return [];
    if (anchor.endsWith("-numbers")) return [region(2, 8, 8)];
    return [region(length, 1, 1), region(Math.min(length, 64), 1, 1)];
  });
}
