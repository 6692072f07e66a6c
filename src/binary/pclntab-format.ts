/**
 * The layout of a Go program's pclntab and of the per-function records in it, for every generation there is.
 *
 * Follows golang.org/s/go12symtab for the first one and the runtime's `pcHeader` and `_func` for the later ones. 64-bit
 * little-endian programs only. FACT(go1.19..go1.27): the magic number alone decides every layout in this file.
 */
import { Cursor, FormatError, hex } from "../base/index.js";

/** Named after the first Go release that wrote it. */
export type PclntabFormat = "go1.2" | "go1.16" | "go1.18" | "go1.20";

const FORMATS: ReadonlyMap<number, PclntabFormat> = new Map([
  [0xfffffffb, "go1.2"],
  [0xfffffffa, "go1.16"],
  [0xfffffff0, "go1.18"],
  [0xfffffff1, "go1.20"],
]);
export const PCLNTAB_MAGICS: readonly number[] = [...FORMATS.keys()];

/** As many bytes as the longest header has. */
export const PCLNTAB_HEADER_SIZE = 72;

/** LIMIT: the largest Go programs have under a million functions. */
const MAX_FUNCTIONS = 2 ** 24;

/** Offsets are from the header's first byte. */
export interface PclntabHeader {
  readonly format: PclntabFormat;
  /** Code addresses are multiples of it: 1 on amd64, 4 on arm64. */
  readonly pcQuantum: number;
  readonly functionCount: number;
  /** What function entries are relative to; 0 where they are absolute, and where only moduledata knows (go1.26). */
  readonly textStart: number;
  readonly nameTable: number;
  readonly unitTable: number;
  readonly fileTable: number;
  readonly pcTable: number;
  /** The sorted function table, followed by the function records; records are found relative to it. */
  readonly functionTable: number;
}

/** Parses and checks a header at the start of `bytes`; throws a FormatError for anything a Go linker does not write. */
export function parsePclntabHeader(bytes: Buffer): PclntabHeader {
  const cursor = new Cursor(bytes, "pclntab header");
  const magic = cursor.u32();
  const format = FORMATS.get(magic);
  if (format === undefined) throw new FormatError(cursor.structure, 0, `${hex(magic)} is not a known magic number`);
  if (cursor.u16() !== 0) cursor.fail("padding is not zero");
  const pcQuantum = cursor.u8();
  if (pcQuantum !== 1 && pcQuantum !== 2 && pcQuantum !== 4) cursor.fail(`instruction quantum ${pcQuantum}`);
  const pointerSize = cursor.u8();
  if (pointerSize !== 8) cursor.fail(`pointers of ${pointerSize} bytes; only 64-bit programs are understood`);
  const functionCount = cursor.u64AsNumber();
  if (functionCount === 0 || functionCount > MAX_FUNCTIONS) cursor.fail(`${functionCount} functions`);
  const common = { format, pcQuantum, functionCount };
  if (format === "go1.2")
    return { ...common, textStart: 0, nameTable: 0, unitTable: 0, fileTable: 0, pcTable: 0, functionTable: 16 };
  cursor.u64AsNumber();
  const textStart = format === "go1.16" ? 0 : cursor.u64AsNumber();
  const header: PclntabHeader = {
    ...common,
    textStart,
    nameTable: cursor.u64AsNumber(),
    unitTable: cursor.u64AsNumber(),
    fileTable: cursor.u64AsNumber(),
    pcTable: cursor.u64AsNumber(),
    functionTable: cursor.u64AsNumber(),
  };
  const tables = [
    cursor.position,
    header.nameTable,
    header.unitTable,
    header.fileTable,
    header.pcTable,
    header.functionTable,
  ];
  if (tables.some((table, index) => table < (tables[index - 1] ?? 0))) cursor.fail("tables are not in their order");
  return header;
}

/** Byte offsets inside a function record; undefined for what a generation does not have. */
export interface FunctionRecordLayout {
  /** 4: relative to the text's start; 8: an address. The function table's two columns have the same width. */
  readonly entrySize: 4 | 8;
  readonly nameOffset: number;
  readonly pcStack: number;
  readonly pcFile: number;
  readonly pcLine: number;
  readonly pcDataCount: number;
  readonly unit: number | undefined;
  readonly startLine: number | undefined;
  readonly functionId: number;
  readonly flags: number | undefined;
  readonly funcDataCount: number;
  readonly size: number;
}

const POINTER_RECORD = { entrySize: 8, nameOffset: 8, pcStack: 20, pcFile: 24, pcLine: 28, pcDataCount: 32 } as const;
const OFFSET_RECORD = {
  entrySize: 4,
  nameOffset: 4,
  pcStack: 16,
  pcFile: 20,
  pcLine: 24,
  pcDataCount: 28,
  unit: 32,
} as const;

export const FUNCTION_RECORDS: Readonly<Record<PclntabFormat, FunctionRecordLayout>> = {
  "go1.2": {
    ...POINTER_RECORD,
    unit: undefined,
    startLine: undefined,
    functionId: 36,
    flags: undefined,
    funcDataCount: 39,
    size: 40,
  },
  "go1.16": {
    ...POINTER_RECORD,
    unit: 36,
    startLine: undefined,
    functionId: 40,
    flags: 41,
    funcDataCount: 43,
    size: 44,
  },
  "go1.18": { ...OFFSET_RECORD, startLine: undefined, functionId: 36, flags: 37, funcDataCount: 39, size: 40 },
  "go1.20": { ...OFFSET_RECORD, startLine: 36, functionId: 40, flags: 41, funcDataCount: 43, size: 44 },
};
