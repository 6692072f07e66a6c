/**
 * Source frames, inlined calls included, against what the running program's own runtime says about the same addresses:
 * every function's first and last byte and every 32nd between.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { type VirtualAddress, virtualAddress } from "../../src/base/index.js";
import { openGoBinary } from "../../src/binary/index.js";
import { openSymbolTable } from "../../src/symbols/index.js";
import type { GoVersion } from "../fixture.js";

const STEP = 32;
const OUTPUT_LIMIT = 2 ** 29;

/** The runtime takes the name that stands first in the table of names for none. */
function giveFirstName(lines: string[], name: string): void {
  for (const [index, line] of lines.entries()) lines[index] = line.replace(/\t\t/g, `\t${name}\t`);
}

/** Runs a program that answers as package frametable does. Returns how many addresses have inlined frames. */
export async function compareFrames(path: string, version: GoVersion, args: readonly string[]): Promise<number> {
  using binary = await openGoBinary(path);
  const { pclntab } = binary;
  const table = openSymbolTable(binary);
  const addresses: VirtualAddress[] = [];
  for (const { index, name, entry, end } of table.functions()) {
    // A mark of the linker without any line.
    if (name === "go:textfipsstart") continue;
    for (let address = entry; address < end - 1; address = virtualAddress(address + STEP)) addresses.push(address);
    // The runtime looks for the function with the return address, which must be in the same one.
    if (pclntab.findIndexByAddress(end) === index) addresses.push(virtualAddress(end - 1));
  }
  const [main] = table.findByName("main.main");
  assert.ok(main !== undefined);
  const answer = execFileSync(path, args, {
    input: [main.entry, ...addresses].map((address) => `${address.toString(16)}\n`).join(""),
    encoding: "utf8",
    maxBuffer: OUTPUT_LIMIT,
  });
  let inlined = 0;
  const ours = addresses.map((address) => {
    const physical = table.findByAddress(address);
    const all = table.symbolize(address);
    if (all.length > 1) inlined++;
    // The runtime leaves wrappers out, except a lone frame, and up to go1.20 the outermost.
    const kept = (depth: number) => all.length === 1 || (version === "1.19" && depth === all.length - 1);
    const shown = all.filter((frame, depth) => kept(depth) || !frame.wrapper);
    const frames = shown.map(({ function: name, file, line, startLine }) =>
      [name, file, line, startLine ?? 0].join("\t"),
    );
    return [physical?.entry.toString(16), frames.length, ...frames].join("\t");
  });
  const theirs = answer.trimEnd().split("\n");
  giveFirstName(theirs, pclntab.nameOf(0));
  for (const [index, frames] of ours.entries())
    assert.equal(frames, theirs[index], `at 0x${addresses[index]?.toString(16)}`);
  assert.equal(ours.length, theirs.length);
  return inlined;
}
