/** Source files and lines of Go code, as each function's pc-value tables tell them. */
import type { PclntabHeader } from "./pclntab-format.js";
import { cString, type FunctionRecords, LazyTable, type PclntabSource, readU32 } from "./pclntab-records.js";
import { findPcValue, PcValueReader } from "./pctable.js";

/** A position in source. */
export interface SourceLine {
  readonly file: string;
  readonly line: number;
}

const NO_FILE = 0xffffffff;

/** Throws a FormatError when the bytes it needs are damaged. */
export class LineTables {
  private readonly records: FunctionRecords;
  private readonly header: PclntabHeader;
  private readonly unitTable: LazyTable;
  private readonly fileTable: LazyTable;
  private readonly files = new Map<number, string>();

  constructor({ image, header, moduledata }: PclntabSource, records: FunctionRecords) {
    this.records = records;
    this.header = header;
    this.unitTable = new LazyTable(image, moduledata.unitTable);
    this.fileTable = new LazyTable(image, moduledata.fileTable);
  }

  /** At `offset` bytes into the function; undefined where no table covers it. */
  at(index: number, offset: number): SourceLine | undefined {
    const { records } = this;
    const fileTable = records.field(index, records.layout.pcFile);
    const lineTable = records.field(index, records.layout.pcLine);
    if (fileTable === 0 || lineTable === 0) return undefined;
    const fileNumber = findPcValue(records.pcTables, fileTable, records.quantum, offset) ?? -1;
    const line = findPcValue(records.pcTables, lineTable, records.quantum, offset) ?? -1;
    if (fileNumber < 0 || line < 0) return undefined;
    const file = this.fileOf(index, fileNumber);
    return file === undefined ? undefined : { file, line };
  }

  /** The functions, ascending, that have code of a file which `matches`, their own or inlined. */
  functionsOf(matches: (file: string) => boolean): readonly number[] {
    const { records } = this;
    const known = new Map<number, boolean>();
    const isOf = (index: number, number: number): boolean => {
      const offset = this.fileOffset(index, number);
      let is = known.get(offset);
      if (is === undefined) {
        const file = this.fileOf(index, number);
        is = file !== undefined && matches(file);
        known.set(offset, is);
      }
      return is;
    };
    const functions: number[] = [];
    for (let index = 0; index < records.count; index++) {
      const table = records.field(index, records.layout.pcFile);
      if (table === 0) continue;
      const room = records.room(index);
      const reader = new PcValueReader(records.pcTables, table, records.quantum);
      while (reader.end < room && reader.advance()) {
        if (reader.value < 0 || !isOf(index, reader.value)) continue;
        functions.push(index);
        break;
      }
    }
    return functions;
  }

  /** The file of that number in the function's file table; undefined when it names none. */
  fileOf(index: number, number: number): string | undefined {
    const offset = this.fileOffset(index, number);
    if (offset === NO_FILE) return undefined;
    let file = this.files.get(offset);
    if (file === undefined) {
      file = cString(this.fileTable.bytes, offset, "file table");
      this.files.set(offset, file);
    }
    return file;
  }

  private fileOffset(index: number, number: number): number {
    const { unit } = this.records.layout;
    if (unit !== undefined)
      return readU32(this.unitTable.bytes, (this.records.field(index, unit) + number) * 4, "file numbers");
    // Behind the function table stands the position of the file table, whose first word is its length.
    const { functionTable, functionCount } = this.header;
    const files = readU32(this.fileTable.bytes, functionTable + functionCount * 16 + 8, "function table");
    if (number === 0 || number >= readU32(this.fileTable.bytes, files, "file table")) return NO_FILE;
    return readU32(this.fileTable.bytes, files + number * 4, "file table");
  }
}
