/** Results that take long and depend on nothing but a file: as they were the last time, else made, and kept. */
import type { ByteSource } from "../binary/index.js";
import { encode } from "./results.js";

/** `question` is all that they depend on besides the file's bytes, as JSON has it. */
export async function remembered(
  source: ByteSource,
  question: object,
  make: () => Iterable<string>,
): Promise<readonly Buffer[]> {
  const { AnswerCache, digestOf } = await import("../cache/index.js");
  const cache = AnswerCache.open();
  if (cache === undefined) return encode(make());
  const digest = digestOf(source);
  const asked = JSON.stringify({ ...question, digest });
  const known = cache.find(asked);
  if (known !== undefined) return [known];
  const made = encode(make());
  // Who writes to the file while it is read has results of no file.
  if (digestOf(source) === digest) cache.keep(asked, made);
  return made;
}
