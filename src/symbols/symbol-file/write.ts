/** A binary with debug data to the bytes of its symbol file. Reads all of the debug data. */
import { UnmeasurableError } from "../../base/index.js";
import type { GoBinary } from "../../binary/index.js";
import { DebugData } from "../debug-data.js";
import { ByteWriter } from "./byte-writer.js";
import { MAGIC, TABLES, type TableName } from "./format.js";
import { type FunctionRecord, packFunctions, writeBlockStarts } from "./functions.js";
import { identityOf, writeIdentity } from "./identity.js";
import { writeNameIndex } from "./name-index.js";
import { pack } from "./packing.js";
import { encodePositions } from "./positions.js";
import { type PackedTable, packRecords, writeTableEntry } from "./record-table.js";
import { ScopeCollector } from "./scopes.js";
import { writeSignature } from "./signatures.js";
import { TypeCollector } from "./types.js";
import { packVariables, VARIABLES_PER_BLOCK } from "./variables.js";

/**
 * FACT(go1.19..go1.27): what the runtime's own data look like is asked for by these names; everything else that is asked
 * for is reached from a function's signature or a package variable.
 */
const RUNTIME_TYPES = ["runtime.g", "runtime.m"];

/** Buckets are tiny: fewer of them than fill a block, so that a look into one is quick. */
const BUCKETS_PER_BLOCK = 1024;

/** The file's bytes. @throws UnmeasurableError `no-debug-data` for a stripped binary; what reading the binary throws. */
export function writeSymbolFile(binary: GoBinary): Buffer {
  const dwarf = binary.dwarf();
  if (dwarf === undefined)
    throw new UnmeasurableError("no-debug-data", `${binary.path}: no debug data to make a symbol file of`, {
      hint: "build the program without -s and -w in -ldflags, or give the file from before it was stripped",
    });
  const { pclntab } = binary;
  const debug = new DebugData(binary);
  const types = new TypeCollector();
  for (const name of RUNTIME_TYPES) {
    const type = dwarf.findType(name);
    if (type !== undefined) types.add(type);
  }
  const all = Array.from({ length: pclntab.functionCount }, (_, index) => index);
  const scopes = new ScopeCollector();
  const functions = all.map((index): FunctionRecord => {
    const name = pclntab.nameOf(index);
    const startLine = pclntab.startLineOf(index);
    const { file, line } = pclntab.placeOf(index);
    const wrapper = pclntab.isWrapper(index);
    scopes.addFunction({ name, file, startLine, wrapper });
    const names = debug.linkNamesOf(index);
    return {
      entry: pclntab.entryOf(index),
      end: pclntab.endOf(index),
      assembly: pclntab.isAssembly(index),
      wrapper,
      linkNames: names.length === 1 && names[0] === name ? [] : names,
      line: startLine === undefined ? line : undefined,
    };
  });
  const signatures = all.map((index) => writeSignature(debug.signatureOf(index), (type) => types.add(type)));
  const positions = all.map((index) =>
    Buffer.from(
      encodePositions(pclntab, index, (scope) => scopes.number(scope)),
      "latin1",
    ),
  );
  const variables = [...debug.variables()].sort((left, right) => left.address - right.address);
  const packedVariables = packVariables(variables, (type) => types.add(type));
  for (const [name, copies] of pclntab.inlinedCopyCounts()) scopes.setCopies(name, copies);
  const scopeRecords = scopes.records();

  const names = packRecords(scopes.names.map((name) => Buffer.from(name)));
  const tables: Readonly<Record<TableName, PackedTable>> = {
    names,
    scopes: packRecords(scopeRecords),
    functions: packFunctions(functions),
    positions: packRecords(positions, { form: "columns" }),
    signatures: packRecords(signatures),
    types: packRecords(types.records),
    files: packRecords(scopes.files.map((file) => Buffer.from(file))),
    variables: packedVariables,
    scopeIndex: packRecords(writeNameIndex(scopes.names, names.perBlock), { perBlock: BUCKETS_PER_BLOCK }),
    typeIndex: packRecords(writeNameIndex(types.names, 1), { perBlock: BUCKETS_PER_BLOCK }),
    variableIndex: packRecords(
      writeNameIndex(
        variables.map(({ name }) => name),
        VARIABLES_PER_BLOCK,
      ),
      { perBlock: BUCKETS_PER_BLOCK },
    ),
  };
  const directory = new ByteWriter();
  writeIdentity(directory, identityOf(binary));
  for (const table of TABLES) writeTableEntry(directory, tables[table]);
  writeBlockStarts(directory, functions);
  const packed = pack(directory.take());
  const size = Buffer.alloc(4);
  size.writeUInt32LE(packed.length);
  return Buffer.concat([MAGIC, size, packed, ...TABLES.flatMap((table) => tables[table].blocks)]);
}
