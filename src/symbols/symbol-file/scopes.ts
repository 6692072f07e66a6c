/** The names, scopes and files tables: functions of the source, whether they have code of their own or live in others. */
import { type Cursor, FormatError } from "../../base/index.js";
import { requireEnd } from "./byte-reader.js";
import { ByteWriter } from "./byte-writer.js";
import type { RecordTable } from "./record-table.js";

/** A function as source positions refer to it. */
export interface Scope {
  readonly name: string;
  /** Undefined when no table of the binary says. */
  readonly file: string | undefined;
  /** Line of the declaration; undefined before go1.20. */
  readonly startLine: number | undefined;
  /** Made by the compiler, not written by anybody. */
  readonly wrapper: boolean;
}

/** Gives scopes and files their numbers. */
export class ScopeCollector {
  readonly names: string[] = [];
  readonly files: string[] = [];
  private readonly scopes: { readonly scope: Scope; copies: number }[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly firstOfName = new Map<string, number>();
  private readonly fileNumbers = new Map<string, number>();

  /** A new scope for each function that has code, in their order, before all others. */
  addFunction(scope: Scope): void {
    const key = keyOf(scope);
    const number = this.append(scope);
    if (!this.numbers.has(key)) this.numbers.set(key, number);
  }

  number(scope: Scope): number {
    const key = keyOf(scope);
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const number = this.append(scope);
    this.numbers.set(key, number);
    return number;
  }

  /** Of all bodies with this name, how many inlined copies there are. */
  setCopies(name: string, copies: number): void {
    const number =
      this.firstOfName.get(name) ?? this.append({ name, file: undefined, startLine: undefined, wrapper: false });
    const entry = this.scopes[number];
    if (entry !== undefined) entry.copies = copies;
  }

  records(): Buffer[] {
    return this.scopes.map(({ scope, copies }) => {
      const writer = new ByteWriter();
      writer.uleb128((scope.file === undefined ? 0 : this.fileNumber(scope.file) + 1) * 2 + (scope.wrapper ? 1 : 0));
      writer.uleb128(scope.startLine === undefined ? 0 : scope.startLine + 1);
      writer.uleb128(copies);
      return writer.take();
    });
  }

  private append(scope: Scope): number {
    const number = this.scopes.length;
    this.scopes.push({ scope, copies: 0 });
    this.names.push(scope.name);
    if (!this.firstOfName.has(scope.name)) this.firstOfName.set(scope.name, number);
    return number;
  }

  private fileNumber(file: string): number {
    let number = this.fileNumbers.get(file);
    if (number === undefined) {
      number = this.files.length;
      this.files.push(file);
      this.fileNumbers.set(file, number);
    }
    return number;
  }
}

const keyOf = ({ name, file, startLine, wrapper }: Scope): string =>
  `${name}\0${file ?? ""}\0${startLine ?? ""}\0${wrapper}`;

/** The scopes of an open file. */
export class ScopeTable {
  readonly count: number;
  private readonly names: RecordTable;
  private readonly scopes: RecordTable;
  private readonly files: RecordTable;

  constructor(names: RecordTable, scopes: RecordTable, files: RecordTable) {
    if (names.count !== scopes.count)
      throw new FormatError("scopes", 0, `${names.count} names, ${scopes.count} scopes`);
    this.count = names.count;
    this.names = names;
    this.scopes = scopes;
    this.files = files;
  }

  name(number: number): string {
    return this.names.record(number).toString("utf8");
  }

  isNamed(number: number, name: Buffer): boolean {
    return this.names.record(number).equals(name);
  }

  at(number: number): Scope {
    const cursor = this.scopes.cursor(number);
    const fileAndWrapper = cursor.uleb128();
    const file = Math.floor(fileAndWrapper / 2);
    const startLine = cursor.uleb128();
    readCopies(cursor);
    return {
      name: this.name(number),
      file: file === 0 ? undefined : this.files.record(file - 1).toString("utf8"),
      startLine: startLine === 0 ? undefined : startLine - 1,
      wrapper: fileAndWrapper % 2 === 1,
    };
  }

  /** Inlined copies of all functions with this scope's name; 0 for all but one scope of a name. */
  copies(number: number): number {
    const cursor = this.scopes.cursor(number);
    cursor.uleb128();
    cursor.uleb128();
    return readCopies(cursor);
  }
}

function readCopies(cursor: Cursor): number {
  const copies = cursor.uleb128();
  requireEnd(cursor);
  return copies;
}
