/**
 * Questions and their answers as files: a line that names the format, the SHA-256 of all that follows, the question behind its
 * length, and the answer. The file's name is made of the question. A file that is not exactly this is no answer.
 */
import { createHash } from "node:crypto";
import { CacheFolder } from "./folder.js";

const FORMAT = Buffer.from("gospect answer 1\n");
const DIGEST_BYTES = 32;
const LENGTH_BYTES = 4;

/** Defined where the program is bundled: a digest of the whole program, because another may answer differently. */
declare const GOSPECT_BUILD: string | undefined;
const ownBuild = typeof GOSPECT_BUILD === "string" ? GOSPECT_BUILD : undefined;

function sha256(parts: readonly Buffer[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** What stands before the answer, from its length on. */
function statement(question: string): Buffer {
  const text = Buffer.from(question);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text]);
}

export interface AnswerCacheOptions {
  /** Where HOME and XDG_CACHE_HOME are looked up. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Which program answers. */
  readonly build?: string | undefined;
}

export class AnswerCache {
  private readonly folder: CacheFolder;
  private readonly build: string;

  private constructor(folder: CacheFolder, build: string) {
    this.folder = folder;
    this.build = build;
  }

  /** Undefined where the user has no folder for it, and for a program that is not known by a digest. */
  static open({ environment = process.env, build = ownBuild }: AnswerCacheOptions = {}): AnswerCache | undefined {
    if (build === undefined) return undefined;
    const folder = CacheFolder.open(environment);
    return folder === undefined ? undefined : new AnswerCache(folder, build);
  }

  /** What was kept for exactly this question by this very program. */
  find(question: string): Buffer | undefined {
    const expected = statement(this.whole(question));
    const bytes = this.folder.find(this.nameOf(question));
    if (bytes === undefined || !bytes.subarray(0, FORMAT.length).equals(FORMAT)) return undefined;
    const stated = bytes.subarray(FORMAT.length, FORMAT.length + DIGEST_BYTES);
    const rest = bytes.subarray(FORMAT.length + DIGEST_BYTES);
    if (!rest.subarray(0, expected.length).equals(expected) || !sha256([rest]).equals(stated)) return undefined;
    return rest.subarray(expected.length);
  }

  keep(question: string, answer: readonly Buffer[]): void {
    const rest = [statement(this.whole(question)), ...answer];
    this.folder.keep(this.nameOf(question), [FORMAT, sha256(rest), ...rest]);
  }

  private whole(question: string): string {
    return JSON.stringify([this.build, question]);
  }

  private nameOf(question: string): string {
    return sha256([Buffer.from(this.whole(question))]).toString("hex");
  }
}
