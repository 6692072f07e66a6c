/** An open symbol file: everything a symbol table is made of, decoded record by record as it is asked for. */
import { Cursor, FormatError, UnmeasurableError, type VirtualAddress } from "../../base/index.js";
import type { ByteSource, GoBinary, GoType, Signature } from "../../binary/index.js";
import type { FunctionSource } from "../function-source.js";
import type { Frame, PackageVariable } from "../table.js";
import { MAGIC, PRELUDE_SIZE, TABLES, type TableName } from "./format.js";
import { FunctionRecords } from "./functions.js";
import { type BuildIdentity, readIdentity, requireSameBuild } from "./identity.js";
import { findByName } from "./name-index.js";
import { unpack } from "./packing.js";
import { Positions } from "./positions.js";
import { type BlockFormName, RecordTable } from "./record-table.js";
import { ScopeTable } from "./scopes.js";
import { readSignature } from "./signatures.js";
import { TypeTable } from "./types.js";
import { VariableTable } from "./variables.js";

/** Of tables that are not in rows. */
const FORMS: Partial<Record<TableName, BlockFormName>> = { positions: "columns" };

/** Owns its source. Every method throws a FormatError where the bytes it needs are damaged. */
export class SymbolFile implements FunctionSource, Disposable {
  readonly typeSource = "symbol-file";
  readonly identity: BuildIdentity;
  readonly functionCount: number;
  private readonly source: ByteSource;
  private readonly tables: Readonly<Record<TableName, RecordTable>>;
  private readonly records: FunctionRecords;
  private readonly scopes: ScopeTable;
  private readonly types: TypeTable;
  private readonly variables: VariableTable;
  private positions: { readonly index: number; readonly value: Positions } | undefined;
  private allNames: readonly string[] | undefined;

  /**
   * Takes over the source, also when it throws: UnmeasurableError `not-symbol-file` for a file of another sort, FormatError
   * for a damaged one. Reads the directory only.
   */
  constructor(source: ByteSource) {
    try {
      this.source = source;
      const directory = readDirectory(source);
      this.identity = readIdentity(directory.cursor);
      let offset = directory.end;
      const tables = TABLES.map((name) => {
        const table = new RecordTable(source, name, FORMS[name] ?? "rows", directory.cursor, offset);
        offset = table.end;
        return [name, table] as const;
      });
      if (offset !== source.size)
        throw new FormatError(source.path, offset, `${source.size - offset} bytes behind its end`);
      this.tables = Object.fromEntries(tables) as Record<TableName, RecordTable>;
      const { names, scopes, files, functions, positions, signatures, types, typeIndex } = this.tables;
      const { variables, variableIndex } = this.tables;
      this.records = new FunctionRecords(functions, directory.cursor);
      if (!directory.cursor.atEnd) directory.cursor.fail("more than a directory");
      this.functionCount = functions.count;
      if (positions.count !== functions.count || signatures.count !== functions.count || names.count < functions.count)
        throw new FormatError(source.path, 0, "tables of functions differ in length");
      this.scopes = new ScopeTable(names, scopes, files);
      this.types = new TypeTable(types, typeIndex);
      this.variables = new VariableTable(variables, variableIndex, (number) => this.types.at(number));
    } catch (error) {
      source[Symbol.dispose]();
      throw error;
    }
  }

  /** As messages name it. */
  get path(): string {
    return this.source.path;
  }

  /** @throws UnmeasurableError `build-id-mismatch` unless the file describes that very build; see identity.ts. */
  requireBuild(binary: GoBinary): void {
    requireSameBuild(this.identity, this.path, binary);
  }

  nameOf(index: number): string {
    return this.scopes.name(index);
  }

  names(): readonly string[] {
    this.allNames ??= Array.from({ length: this.functionCount }, (_, index) => this.nameOf(index));
    return this.allNames;
  }

  entryOf(index: number): VirtualAddress {
    return this.records.at(index).entry;
  }

  endOf(index: number): VirtualAddress {
    return this.records.at(index).end;
  }

  isAssembly(index: number): boolean {
    return this.records.at(index).assembly;
  }

  isWrapper(index: number): boolean {
    return this.records.at(index).wrapper;
  }

  findIndexesByName(name: string): readonly number[] {
    return this.findScopes(name).filter((scope) => scope < this.functionCount);
  }

  findIndexesByPart(text: string): readonly number[] {
    return this.names().flatMap((name, index) => (name.includes(text) ? [index] : []));
  }

  findIndexByAddress(pc: VirtualAddress): number | undefined {
    return this.records.findAt(pc);
  }

  placeOf(index: number): { readonly file: string | undefined; readonly line: number | undefined } {
    const { file, startLine } = this.scopes.at(index);
    return { file, line: startLine ?? this.records.at(index).line };
  }

  inlineTreeAt(pc: VirtualAddress): readonly Frame[] {
    const index = this.records.findAt(pc);
    if (index === undefined) return [];
    const frames = this.positionsOf(index).framesAt(pc - this.records.at(index).entry, (scope) =>
      this.scopes.at(scope),
    );
    return frames.map(({ scope, line, inlined }) => {
      const { name, file, startLine, wrapper } = scope;
      return { function: name, file, line, startLine, inlined, wrapper };
    });
  }

  inlinedCopyCounts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (let scope = 0; scope < this.scopes.count; scope++) {
      const copies = this.scopes.copies(scope);
      if (copies > 0) counts.set(this.scopes.name(scope), copies);
    }
    return counts;
  }

  inlinedCopyCountsOf(names: Iterable<string>): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const name of names) {
      const copies = this.findScopes(name).reduce((sum, scope) => sum + this.scopes.copies(scope), 0);
      if (copies > 0) counts.set(name, copies);
    }
    return counts;
  }

  linkNamesOf(index: number): readonly string[] {
    const { linkNames } = this.records.at(index);
    return linkNames.length === 0 ? [this.nameOf(index)] : linkNames;
  }

  signatureOf(index: number): Signature | undefined {
    return readSignature(this.tables.signatures.cursor(index), (number) => this.types.at(number));
  }

  findType(name: string): GoType | undefined {
    return this.types.find(name);
  }

  findVariable(name: string): PackageVariable | undefined {
    return this.variables.find(name);
  }

  variableNames(): Iterable<string> {
    return this.variables.names();
  }

  [Symbol.dispose](): void {
    this.source[Symbol.dispose]();
  }

  private findScopes(name: string): readonly number[] {
    const { scopeIndex, names } = this.tables;
    const bytes = Buffer.from(name);
    const search = { name, count: names.count, groupSize: names.perBlock };
    return findByName(scopeIndex, search, (scope) => this.scopes.isNamed(scope, bytes));
  }

  /** A stack's frames and the addresses of one function are asked for in turn. */
  private positionsOf(index: number): Positions {
    if (this.positions?.index !== index) {
      const mappings = this.tables.positions.record(index).toString("latin1");
      this.positions = { index, value: new Positions(mappings, index) };
    }
    return this.positions.value;
  }
}

function readDirectory(source: ByteSource): { readonly cursor: Cursor; readonly end: number } {
  const prelude = source.read(0, Math.min(PRELUDE_SIZE, source.size));
  const version = MAGIC.length - 1;
  if (!prelude.subarray(0, version).equals(MAGIC.subarray(0, version)))
    throw new UnmeasurableError("not-symbol-file", `${source.path}: not a symbol file`, {
      hint: "gospect symbols -e PROGRAM -o FILE makes one",
    });
  if (prelude[version] !== MAGIC[version])
    throw new FormatError(source.path, version, `version ${prelude[version]} of symbol files is not known`, {
      hint: "make it again with this gospect",
    });
  const cursor = new Cursor(prelude, source.path, MAGIC.length);
  const size = cursor.u32();
  const bytes = unpack(source.read(PRELUDE_SIZE, size), `${source.path}: directory`);
  return { cursor: new Cursor(bytes, `${source.path}: directory`), end: PRELUDE_SIZE + size };
}
