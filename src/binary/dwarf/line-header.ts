/** Headers of line number programs (.debug_line, DWARF 2 to 5): the file table and what the opcodes mean. */
import { Cursor } from "../../base/index.js";
import { FORM } from "./constants.js";
import { readOffset } from "./form.js";
import type { DebugSections } from "./sections.js";

export interface LineHeader {
  /** Where the opcodes begin and end in .debug_line. */
  readonly programStart: number;
  readonly programEnd: number;
  readonly minimumInstructionLength: number;
  /** Whether rows begin statements until the program says otherwise. */
  readonly beginsWithStatements: boolean;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** Operand counts of the standard opcodes, from opcode 1. */
  readonly operandCounts: readonly number[];
  /** By file number as the program uses it: from 1 before DWARF 5 (entry 0 is empty), from 0 in DWARF 5. */
  readonly files: readonly string[];
}

const CONTENT = { path: 1, directoryIndex: 2 } as const;

const join = (directory: string | undefined, name: string): string =>
  name.startsWith("/") || directory === undefined || directory === "" || directory === "."
    ? name
    : `${directory.replace(/\/$/, "")}/${name}`;

const sharedString = (section: Buffer, name: string, offset: number): string => {
  const cursor = new Cursor(section, name);
  cursor.seek(offset);
  return cursor.cString();
};

interface TableEntry {
  readonly path: string;
  readonly directory: number;
}

/** A DWARF 5 directory or file table, whose columns describe themselves. */
const readTable = (cursor: Cursor, sections: DebugSections, offsetSize: number): TableEntry[] => {
  const columns: { content: number; form: number }[] = [];
  for (let left = cursor.u8(); left > 0; left--) columns.push({ content: cursor.uleb128(), form: cursor.uleb128() });
  const count = cursor.uleb128();
  // Each entry takes at least a byte, so a larger count is damage, not a reason to allocate.
  if (count > cursor.length - cursor.position || (columns.length === 0 && count > 0)) cursor.fail(`${count} entries`);
  const entries: TableEntry[] = [];
  for (let index = 0; index < count; index++) {
    let path = "";
    let directory = 0;
    for (const { content, form } of columns) {
      let text = "";
      let value = 0;
      switch (form) {
        case FORM.string:
          text = cursor.cString();
          break;
        case FORM.lineStringPointer:
          text = sharedString(sections.lineStrings, ".debug_line_str", readOffset(cursor, offsetSize));
          break;
        case FORM.stringPointer:
          text = sharedString(sections.strings, ".debug_str", readOffset(cursor, offsetSize));
          break;
        case FORM.udata:
          value = cursor.uleb128();
          break;
        case FORM.data1:
          value = cursor.u8();
          break;
        case FORM.data2:
          value = cursor.u16();
          break;
        case FORM.data4:
          value = cursor.u32();
          break;
        case FORM.data8:
          cursor.skip(8);
          break;
        case FORM.data16:
          cursor.skip(16);
          break;
        case FORM.block:
          cursor.skip(cursor.uleb128());
          break;
        default:
          cursor.fail(`form 0x${form.toString(16)} in a file table`);
      }
      if (content === CONTENT.path) path = text;
      else if (content === CONTENT.directoryIndex) directory = value;
    }
    entries.push({ path, directory });
  }
  return entries;
};

const readFilesV5 = (cursor: Cursor, sections: DebugSections, offsetSize: number): string[] => {
  const directories = readTable(cursor, sections, offsetSize).map((entry) => entry.path);
  return readTable(cursor, sections, offsetSize).map((entry) => join(directories[entry.directory], entry.path));
};

const readFilesV4 = (cursor: Cursor): string[] => {
  const directories = [""];
  for (let name = cursor.cString(); name !== ""; name = cursor.cString()) directories.push(name);
  const files = [""];
  for (let name = cursor.cString(); name !== ""; name = cursor.cString()) {
    files.push(join(directories[cursor.uleb128()], name));
    cursor.uleb128();
    cursor.uleb128();
  }
  return files;
};

/** Parses the header of the program at `offset` of .debug_line. */
export const parseLineHeader = (sections: DebugSections, offset: number): LineHeader => {
  const whole = new Cursor(sections.lines, ".debug_line");
  whole.seek(offset);
  let length = whole.u32();
  let offsetSize = 4;
  if (length === 0xffffffff) {
    length = whole.u64AsNumber();
    offsetSize = 8;
  }
  const programEnd = whole.position + length;
  if (programEnd > whole.length) whole.fail(`line program of ${length} bytes runs past the section`);
  const cursor = new Cursor(sections.lines.subarray(0, programEnd), ".debug_line", whole.position);
  const version = cursor.u16();
  if (version < 2 || version > 5) cursor.fail(`line program version ${version} is not known`);
  if (version >= 5) cursor.skip(2);
  const headerLength = readOffset(cursor, offsetSize);
  const programStart = cursor.position + headerLength;
  if (programStart > programEnd) cursor.fail("line program header runs past its program");
  const minimumInstructionLength = cursor.u8();
  // VLIW operation counts matter on no machine that Go runs on.
  if (version >= 4) cursor.skip(1);
  const beginsWithStatements = cursor.u8() !== 0;
  const lineBase = cursor.i8();
  const lineRange = cursor.u8();
  const opcodeBase = cursor.u8();
  if (lineRange === 0 || opcodeBase === 0) cursor.fail("line range or opcode base is 0");
  const operandCounts = [...cursor.slice(opcodeBase - 1)];
  const files = version >= 5 ? readFilesV5(cursor, sections, offsetSize) : readFilesV4(cursor);
  return {
    programStart,
    programEnd,
    minimumInstructionLength,
    beginsWithStatements,
    lineBase,
    lineRange,
    opcodeBase,
    operandCounts,
    files,
  };
};
