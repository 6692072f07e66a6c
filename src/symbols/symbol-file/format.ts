/**
 * The container of a symbol file, version 2. All numbers are unsigned LEB128 unless a size is given.
 *
 *     "gosym\r\n" + version u8, u32 bytes of the packed directory, packed directory, packed blocks, end of file
 *
 * The directory says which build the file describes (identity.ts) and where the tables' blocks are. A table is a list of
 * records, cut into blocks of equally many; each block is compressed alone, so that a question about one function
 * decompresses the blocks that function's records are in and no others. What is packed is four bytes of the SHA-256 of
 * what follows, then Brotli (RFC 7932), which is an eighth smaller here than Deflate.
 *
 * | table     | one record each            | holds                                                                 |
 * |-----------|----------------------------|-----------------------------------------------------------------------|
 * | names     | scope                      | its name, as pclntab has it                                           |
 * | scopes    | scope                      | file, declaration line, inlined copies (scopes.ts)                    |
 * | functions | function                   | entry, size, flags, other names (functions.ts)                        |
 * | positions | function                   | lines and inlined calls, a `mappings` string (positions.ts, columns.ts)|
 * | signatures| function                   | parameters and results; empty when unknown (signatures.ts)            |
 * | types     | type                       | kind, name, layout, numbers of other types (types.ts)                 |
 * | files     | source file                | its path                                                              |
 * | variables | package variable           | address, type, name (variables.ts)                                    |
 * | scopeIndex, typeIndex, variableIndex | bucket of names | what hashes there: blocks of names and variables, types (name-index.ts) |
 *
 * A scope is a function of the source: those with code come first and have the function's own number, those that exist
 * inlined only follow. Functions are numbered in address order, as in pclntab.
 */

/** CR LF: a file that was sent as text is recognized at once. */
export const MAGIC = Buffer.from("gosym\r\n\x02", "latin1");
export const PRELUDE_SIZE = MAGIC.length + 4;

export const TABLES = [
  "names",
  "scopes",
  "functions",
  "positions",
  "signatures",
  "types",
  "files",
  "variables",
  "scopeIndex",
  "typeIndex",
  "variableIndex",
] as const;
export type TableName = (typeof TABLES)[number];

/** Large enough to find in it what repeats, small enough to be decompressed in a millisecond. */
export const BLOCK_TARGET_BYTES = 2 ** 17;

/** LIMIT: a decompressed directory or block: of one record, if that is larger than a block should be. */
export const MAX_BLOCK_BYTES = 2 ** 24;

/** LIMIT: records of one table; the largest programs have a tenth of it. */
export const MAX_RECORDS = 2 ** 24;
