/** Line tables: runs a line number program and answers which file and line an address belongs to. */
import { Cursor } from "../../base/index.js";
import { readTargetAddress } from "./form.js";
import { type LineHeader, parseLineHeader } from "./line-header.js";
import { lastAtMost, RangeIndex } from "./ranges.js";
import type { DebugSections } from "./sections.js";

export interface LinePosition {
  readonly file: string;
  readonly line: number;
}

/** An instruction at which the compiler has a statement begin, as debuggers want to know it. */
export interface Statement extends LinePosition {
  readonly address: number;
}

const STANDARD = {
  extended: 0,
  copy: 1,
  advancePc: 2,
  advanceLine: 3,
  setFile: 4,
  negateStatement: 6,
  constAddPc: 8,
  fixedAdvancePc: 9,
} as const;
const EXTENDED = { endSequence: 1, setAddress: 2 } as const;

/** Rows of one contiguous piece of code, ascending by address; the last one only marks the end. */
interface Sequence {
  readonly addresses: Float64Array;
  readonly files: Uint32Array;
  readonly lines: Uint32Array;
  /** 1 where a statement begins. */
  readonly statements: Uint8Array;
}

class SequenceBuilder {
  private addresses: number[] = [];
  private files: number[] = [];
  private lines: number[] = [];
  private statements: number[] = [];

  add(address: number, file: number, line: number, statement: number): void {
    // A row at the address of the row before it replaces that row: the earlier one covers no instruction.
    const last = this.addresses.length - 1;
    if (this.addresses[last] === address) {
      this.files[last] = file;
      this.lines[last] = line;
      this.statements[last] = statement;
      return;
    }
    this.addresses.push(address);
    this.files.push(file);
    this.lines.push(line);
    this.statements.push(statement);
  }

  finish(end: number): Sequence | undefined {
    this.add(end, 0, 0, 0);
    const sequence = {
      addresses: Float64Array.from(this.addresses),
      files: Uint32Array.from(this.files),
      lines: Uint32Array.from(this.lines),
      statements: Uint8Array.from(this.statements),
    };
    this.addresses = [];
    this.files = [];
    this.lines = [];
    this.statements = [];
    const ascending = sequence.addresses.every(
      (address, index) => index === 0 || address > (sequence.addresses[index - 1] ?? 0),
    );
    return ascending ? sequence : undefined;
  }
}

/** Each opcode yields at most one row, so the program's length bounds time and memory. */
const runProgram = (section: Buffer, header: LineHeader): Sequence[] => {
  const cursor = new Cursor(section.subarray(0, header.programEnd), ".debug_line", header.programStart);
  const { minimumInstructionLength, lineBase, lineRange, opcodeBase } = header;
  const sequences: Sequence[] = [];
  const rows = new SequenceBuilder();
  let address = 0;
  let file = 1;
  let line = 1;
  const initially = header.beginsWithStatements ? 1 : 0;
  let statement = initially;
  while (!cursor.atEnd) {
    const opcode = cursor.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      address += Math.floor(adjusted / lineRange) * minimumInstructionLength;
      line += lineBase + (adjusted % lineRange);
      rows.add(address, file, line, statement);
      continue;
    }
    switch (opcode) {
      case STANDARD.extended: {
        const length = cursor.uleb128();
        const end = cursor.position + length;
        if (length === 0) break;
        const extended = cursor.u8();
        if (extended === EXTENDED.endSequence) {
          const sequence = rows.finish(address);
          if (sequence !== undefined) sequences.push(sequence);
          address = 0;
          file = 1;
          line = 1;
          statement = initially;
        } else if (extended === EXTENDED.setAddress) {
          if (length !== 5 && length !== 9) cursor.fail(`address of ${length - 1} bytes`);
          address = readTargetAddress(cursor, length - 1);
        }
        cursor.seek(end);
        break;
      }
      case STANDARD.copy:
        rows.add(address, file, line, statement);
        break;
      case STANDARD.advancePc:
        address += cursor.uleb128() * minimumInstructionLength;
        break;
      case STANDARD.advanceLine:
        line += cursor.sleb128();
        break;
      case STANDARD.setFile:
        file = cursor.uleb128();
        break;
      case STANDARD.negateStatement:
        statement = 1 - statement;
        break;
      case STANDARD.constAddPc:
        address += Math.floor((255 - opcodeBase) / lineRange) * minimumInstructionLength;
        break;
      case STANDARD.fixedAdvancePc:
        address += cursor.u16();
        break;
      default:
        for (let left = header.operandCounts[opcode - 1] ?? 0; left > 0; left--) cursor.uleb128();
    }
  }
  return sequences;
};

/** Sequences with a way to find the one of an address. */
interface Rows {
  readonly sequences: readonly Sequence[];
  readonly index: RangeIndex;
}

/** The line table of one unit. The file table is read at once; the program is run when the first address is asked for. */
export class LineTable {
  readonly files: readonly string[];
  private readonly sections: DebugSections;
  private readonly header: LineHeader;
  private known: Rows | undefined;

  constructor(sections: DebugSections, offset: number) {
    this.sections = sections;
    this.header = parseLineHeader(sections, offset);
    this.files = this.header.files;
  }

  private rows(): Rows {
    if (this.known !== undefined) return this.known;
    const sequences = runProgram(this.sections.lines, this.header);
    const index = new RangeIndex(
      sequences.map(({ addresses }, owner) => ({
        range: { start: addresses[0] ?? 0, end: addresses[addresses.length - 1] ?? 0 },
        owner,
      })),
    );
    this.known = { sequences, index };
    return this.known;
  }

  /** The place of the instruction at `address`; undefined outside the unit, or where the program names no file. */
  find(address: number): LinePosition | undefined {
    const { sequences, index } = this.rows();
    const owner = index.find(address);
    const sequence = owner === undefined ? undefined : sequences[owner];
    if (sequence === undefined) return undefined;
    const row = lastAtMost(sequence.addresses, address);
    const file = this.files[sequence.files[row] ?? 0];
    return file === undefined || file === "" ? undefined : { file, line: sequence.lines[row] ?? 0 };
  }

  /** The statements that begin from `start` up to `end`, which one sequence holds, in address order. */
  statementsIn(start: number, end: number): readonly Statement[] {
    const { sequences, index } = this.rows();
    const owner = index.find(start);
    const sequence = owner === undefined ? undefined : sequences[owner];
    if (sequence === undefined) return [];
    const { addresses, files, lines, statements } = sequence;
    const found: Statement[] = [];
    for (let row = lastAtMost(addresses, start); (addresses[row] ?? end) < end; row++) {
      const address = addresses[row] ?? 0;
      const file = this.files[files[row] ?? 0];
      if (address < start || statements[row] !== 1 || file === undefined || file === "") continue;
      found.push({ address, file, line: lines[row] ?? 0 });
    }
    return found;
  }
}
