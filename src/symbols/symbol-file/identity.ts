/**
 * Whether a program is the build that a symbol file describes.
 *
 * FACT(go1.19..go1.27): `strip` and `objcopy` keep both build ids. A link of its own with -ldflags="-s -w" changes both,
 * whatever else is equal; but its function table — names, code ranges, files, lines, inlining — is the same to the byte.
 * With -trimpath the code is too; without, the linker records its own flags among the program's data, which moves
 * what follows, and instructions that refer to it differ in their displacements.
 *
 * So it is the same build when an id is equal, or when code and function table are. A link of its own without -trimpath
 * is refused: nothing in it proves that types and signatures are the same.
 */
import { createHash } from "node:crypto";
import { type Cursor, UnmeasurableError } from "../../base/index.js";
import type { GoBinary } from "../../binary/index.js";
import { readText } from "./byte-reader.js";
import type { ByteWriter } from "./byte-writer.js";

const HASH_SIZE = 32;

/** What the file says of the build it was made from. Hashes are SHA-256. */
export interface BuildIdentity {
  readonly goVersion: string;
  readonly arch: string;
  readonly goBuildId: string | undefined;
  readonly gnuBuildId: string | undefined;
  /** Of the bytes from the first function to the end of the last. */
  readonly codeHash: Buffer;
  /** Of the parts of pclntab, and where the code is. */
  readonly functionTableHash: Buffer;
}

export function identityOf(binary: GoBinary): BuildIdentity {
  return {
    goVersion: binary.version.text,
    arch: binary.arch,
    goBuildId: binary.goBuildId,
    gnuBuildId: binary.gnuBuildId,
    codeHash: hashCode(binary),
    functionTableHash: hashFunctionTable(binary),
  };
}

function hashCode(binary: GoBinary): Buffer {
  const { minpc, maxpc } = binary.moduledata;
  return createHash("sha256")
    .update(binary.elf.readVirtual(minpc, maxpc - minpc))
    .digest();
}

function hashFunctionTable(binary: GoBinary): Buffer {
  const { minpc, maxpc, text, nameTable, unitTable, fileTable, pcTable, functionTable } = binary.moduledata;
  const hash = createHash("sha256").update(`${minpc} ${maxpc} ${text}`);
  for (const { address, size } of [nameTable, unitTable, fileTable, pcTable, functionTable])
    hash.update(binary.elf.readVirtual(address, size));
  return hash.digest();
}

export function writeIdentity(writer: ByteWriter, identity: BuildIdentity): void {
  const { goVersion, arch, goBuildId, gnuBuildId, codeHash, functionTableHash } = identity;
  for (const text of [goVersion, arch, goBuildId ?? "", gnuBuildId ?? ""]) writer.text(text);
  for (const hash of [codeHash, functionTableHash]) writer.raw(hash);
}

export function readIdentity(cursor: Cursor): BuildIdentity {
  return {
    goVersion: readText(cursor),
    arch: readText(cursor),
    goBuildId: readText(cursor) || undefined,
    gnuBuildId: readText(cursor) || undefined,
    codeHash: cursor.slice(HASH_SIZE),
    functionTableHash: cursor.slice(HASH_SIZE),
  };
}

const same = <T>(left: T | undefined, right: T | undefined): boolean => left !== undefined && left === right;

function isSameBuild(identity: BuildIdentity, binary: GoBinary): boolean {
  if (identity.arch !== binary.arch || identity.goVersion !== binary.version.text) return false;
  if (same(identity.goBuildId, binary.goBuildId)) return true;
  if (same(identity.gnuBuildId, binary.gnuBuildId)) return true;
  return identity.functionTableHash.equals(hashFunctionTable(binary)) && identity.codeHash.equals(hashCode(binary));
}

const idText = ({ goBuildId, gnuBuildId }: { goBuildId: string | undefined; gnuBuildId: string | undefined }): string =>
  goBuildId ?? gnuBuildId ?? "none";

/** @throws UnmeasurableError `build-id-mismatch` unless `binary` is the build that the symbol file at `path` describes. */
export function requireSameBuild(identity: BuildIdentity, path: string, binary: GoBinary): void {
  if (isSameBuild(identity, binary)) return;
  throw new UnmeasurableError(
    "build-id-mismatch",
    `${path} describes another build than ${binary.path}: ` +
      `its build id is ${idText(identity)} (${identity.goVersion}, ${identity.arch}), ` +
      `the program's ${idText(binary)} (${binary.version.text}, ${binary.arch})`,
    {
      hint: "make it with gospect symbols from the program before it was stripped, or build both with -trimpath, differing in -ldflags='-s -w' only",
    },
  );
}
