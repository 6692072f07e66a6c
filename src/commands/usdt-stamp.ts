/** `usdt stamp`: writes notes of a Go program's static probes into its file, or into a copy of it. */
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { messageOf, RunError, UnmeasurableError, UsageError } from "../base/index.js";
import { type GoProbes, openGoBinary, readGoProbes, stampNotes } from "../binary/index.js";
import { formatQuantity } from "../export/index.js";
import type { StampRequest } from "./request.js";
import type { Streams } from "./streams.js";

/**
 * Puts a program with these bytes at `path`, whole or not at all: a process that runs the old one keeps it. It has the
 * mode of `like`, and its owner as far as we may say so. Throws a RunError when it can't be written.
 */
function putInPlace(path: string, bytes: Buffer, like: Stats): void {
  const fresh = join(dirname(path), `.${basename(path)}.${process.pid}`);
  let made = false;
  try {
    const descriptor = openSync(fresh, "wx", 0o600);
    made = true;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (process.geteuid?.() === 0) chownSync(fresh, like.uid, like.gid);
    chmodSync(fresh, like.mode & 0o7777);
    renameSync(fresh, path);
  } catch (error) {
    // What somebody else has there stays.
    if (made) rmSync(fresh, { force: true });
    throw new RunError("output-not-writable", `cannot write ${path}: ${messageOf(error)}`, {
      hint: "choose another file with --output",
      cause: error,
    });
  }
}

/**
 * The file that a path leads to, through links; the path itself where there is none yet. Throws a UsageError for a device and
 * its like: the program would take its place.
 */
function resolved(path: string): string {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined) return path;
  if (!there.isFile()) throw new UsageError(`${path} is no file: a stamped program would replace it`);
  return realpathSync(path);
}

function requireProbes(found: GoProbes | undefined, path: string, version: string): GoProbes {
  if (found === undefined)
    throw new UnmeasurableError("unknown-go-version", `${path}: how ${version} describes types is not known`);
  if (found.probes.length > 0) return found;
  const [first] = found.refused;
  if (first !== undefined)
    throw new UnmeasurableError("no-probes", `${path}: ${first.provider}:${first.name} can't be told: ${first.reason}`);
  throw new UnmeasurableError("no-probes", `${path}: no static probes of package usdt are in it`, {
    hint: 'each is a package variable usdt.Probe{Name: "provider:name", Fire: function} that is used, and a USDT_PROBE',
  });
}

const json = (output: string, { probes, refused }: GoProbes): string =>
  `${JSON.stringify({
    file: output,
    probes: probes.map(({ provider, name, address, semaphore, ...rest }) => ({
      name: `usdt:${provider}:${name}`,
      function: rest.function,
      address,
      semaphore,
      arguments: rest.arguments,
    })),
    refused: refused.map(({ provider, name, ...rest }) => ({
      name: `usdt:${provider}:${name}`,
      function: rest.function,
      reason: rest.reason,
    })),
  })}\n`;

export async function usdtStamp(request: StampRequest, streams: Streams): Promise<number> {
  const output = request.output ?? request.file;
  if (output === "-")
    throw new UsageError("a stamped program does not go to stdout", { hint: "name a file: -o PROGRAM" });
  const place = resolved(output);
  using binary = await openGoBinary(request.file);
  const like = statSync(request.file);
  const found = requireProbes(readGoProbes(binary), request.file, binary.version.text);
  putInPlace(place, stampNotes(binary.elf, found.probes), like);
  if (request.json) streams.out.write(json(output, found));
  if (request.quiet) return 0;
  for (const { provider, name, reason } of found.refused)
    streams.err.write(`warning: usdt:${provider}:${name} is left out: ${reason}\n`);
  streams.err.write(`${output}: ${formatQuantity(found.probes.length, "probe")}; gospect list -e ${output} 'usdt:*'\n`);
  return 0;
}
