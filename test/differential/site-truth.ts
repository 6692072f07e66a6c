/**
 * Entry and exit sites of every function of a binary against `go tool objdump` (compiled code) and GNU objdump (assembly,
 * whose vector instructions the Go tool does not know).
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { type GoBinary, openGoBinary } from "../../src/binary/index.js";
import { type Site, SiteFinder } from "../../src/probes/index.js";
import { type GoFunction, openSymbolTable } from "../../src/symbols/index.js";
import { type GoVersion, goCommand } from "../fixture.js";
import { CHANGES_STACKS } from "./site-rules.js";

const LISTING_BYTES = 2 ** 30;

/** Address to instruction. */
type Listing = ReadonlyMap<number, string>;

function goListing(version: GoVersion, path: string): Listing {
  const text = execFileSync(goCommand(version), ["tool", "objdump", path], {
    encoding: "latin1",
    maxBuffer: LISTING_BYTES,
  });
  const listing = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [, address, , instruction] = line.trim().split(/\t+/);
    if (address?.startsWith("0x") && instruction !== undefined) listing.set(Number(address), instruction.trim());
  }
  return listing;
}

export function gnuListing(path: string): Listing {
  const text = execFileSync("objdump", ["-d", "--no-show-raw-insn", path], {
    encoding: "latin1",
    maxBuffer: LISTING_BYTES,
  });
  const listing = new Map<number, string>();
  for (const line of text.split("\n")) {
    const match = /^\s*([0-9a-f]+):\t(.*)$/.exec(line);
    if (match !== null) listing.set(Number.parseInt(match[1] ?? "", 16), match[2]?.trim() ?? "");
  }
  return listing;
}

interface Expected {
  readonly returns: readonly number[];
  readonly growsStack: boolean;
  readonly boundaries: ReadonlySet<number>;
}

function expected(fn: GoFunction, listing: Listing): Expected {
  const returns: number[] = [];
  const boundaries = new Set<number>();
  let growsStack = false;
  for (let address: number = fn.entry; address < fn.end; address++) {
    const instruction = listing.get(address);
    if (instruction === undefined) continue;
    boundaries.add(address);
    if (/^(?:REP;? )?RET|^(?:repz? )?ret/.test(instruction)) returns.push(address);
    if (/^(?:CALL|call).*runtime\.morestack/.test(instruction)) growsStack = true;
  }
  return { returns, growsStack, boundaries };
}

/** Nothing before an entry site may move SP: no push, no pop, no call, no arithmetic on it. */
const MOVES_STACK =
  /^(?:PUSH|POP|CALL|RET|ENTER|LEAVE)|^(?:ADD|SUB|AND)Q .*, SP$|^(?:push|pop|call|ret|enter|leave)|^(?:add|sub|and) .*,%rsp$/;

function checkSite(binary: GoBinary, site: Site, where: string): void {
  assert.deepEqual(binary.elf.readVirtual(site.address, site.bytes.length), site.bytes, where);
  const inFile = binary.elf.source.read(site.offset, site.bytes.length);
  assert.deepEqual(inFile, site.bytes, `${where}: the bytes at the file offset`);
}

/** Checks the sites of every function. */
export async function compareSites(path: string, version: GoVersion): Promise<void> {
  using binary = await openGoBinary(path);
  const symbols = openSymbolTable(binary);
  const finder = new SiteFinder(binary, symbols);
  const go = goListing(version, path);
  const gnu = gnuListing(path);
  const refusals = new Map<string, GoFunction[]>();
  let placed = 0;
  for (const fn of symbols.functions()) {
    const truth = expected(fn, fn.assembly ? gnu : go);
    const sites = finder.find(fn);
    if (!sites.ok) {
      refusals.set(sites.refusal.code, [...(refusals.get(sites.refusal.code) ?? []), fn]);
      continue;
    }
    placed++;
    const { entry, exits } = sites.value;
    const returns = exits.filter((exit) => exit.kind === "return").map((exit) => Number(exit.address));
    assert.deepEqual(returns, truth.returns, `returns of ${fn.name}`);
    assert.equal(entry.placement === "stack-check", truth.growsStack, `${fn.name} grows its stack`);
    for (const site of [entry, ...exits]) {
      assert.ok(truth.boundaries.has(site.address), `${site.instruction} of ${fn.name} is an instruction`);
      checkSite(binary, site, fn.name);
    }
    for (const address of truth.boundaries) {
      if (address >= entry.address) continue;
      const before = (fn.assembly ? gnu : go).get(address) ?? "";
      assert.ok(!MOVES_STACK.test(before), `${before} before the entry site of ${fn.name}`);
    }
  }
  // A function without a return site must be one without a return that is reached.
  for (const fn of refusals.get("no-return") ?? []) {
    if (CHANGES_STACKS.test(fn.name)) continue;
    assert.deepEqual(expected(fn, fn.assembly ? gnu : go).returns, [], `${fn.name} has no return`);
  }
  const refusedCount = symbols.functionCount - placed;
  assert.ok(refusedCount < symbols.functionCount * 0.06, `${refusedCount} of ${symbols.functionCount} refused`);
  // Compiled code is understood throughout: these refusals are for hand-written assembly.
  for (const code of ["undecodable", "computed-jump", "leaves-conditionally", "unprobeable", "no-code"]) {
    // Unoptimized, an atomic operation is a function of its own that begins with a locked instruction.
    const isLocked = (fn: GoFunction) => code === "unprobeable" && /^LOCK/.test(go.get(fn.entry) ?? "");
    const compiled = (refusals.get(code) ?? []).filter((fn) => !fn.assembly && !isLocked(fn)).map((fn) => fn.name);
    assert.deepEqual(compiled, [], code);
  }
}
