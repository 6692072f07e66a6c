/**
 * The rules for sites, worked out anew from a disassembler's text: where a function is entered, all the ways out of it, and
 * why it may have to be refused. Every function of a binary is compared, exits as whole lists.
 */
import assert from "node:assert/strict";
import { hex } from "../../src/base/index.js";
import { openGoBinary } from "../../src/binary/index.js";
import { SiteFinder } from "../../src/probes/index.js";
import { type GoFunction, openSymbolTable } from "../../src/symbols/index.js";
import { type Disassembled, Disassembly, type Flow, flowOf, targetOf } from "./disassembly.js";
import { assertSame } from "./dwarf-truth.js";

type Arch = "amd64" | "arm64";

/** A function as the disassembler sees it. */
interface Listing {
  readonly fn: GoFunction;
  readonly code: readonly Disassembled[];
  readonly flows: readonly Flow[];
}

function listingOf(arch: Arch, disassembly: Disassembly, fn: GoFunction): Listing {
  const code = disassembly.between(fn.entry, fn.end);
  return { fn, code, flows: code.map((_, index) => flowOf(arch, code, index)) };
}

/** The jump that is taken when the stack is too small: it leads to nothing but the call that grows the stack. */
function stackCheckOf(arch: Arch, { code, flows }: Listing, growers: ReadonlySet<number>): Disassembled | undefined {
  for (const [index, instruction] of code.entries()) {
    if (flows[index] !== "call" || !growers.has(targetOf(instruction) ?? 0)) continue;
    let first = index;
    while (first > 0 && flows[first - 1] === "next") first--;
    const block = new Set(code.slice(first, index + 1).map(({ address }) => address));
    const taken = arch === "amd64" ? /^jbe / : /^b\.ls /;
    const check = code.find((one) => taken.test(one.text) && block.has(targetOf(one) ?? 0));
    if (check !== undefined && check.address < instruction.address) return check;
  }
  return undefined;
}

/** The stack check's jump, else a push of the frame pointer at the start, else the first instruction. */
function entryOf(arch: Arch, listing: Listing, growers: ReadonlySet<number>): readonly [Disassembled, string] {
  const check = stackCheckOf(arch, listing, growers);
  if (check !== undefined) return [check, "stack-check"];
  const [first] = listing.code;
  assert.ok(first !== undefined, `${listing.fn.name} has code`);
  const pushed = listing.code.find(({ text }) => !/^(?:endbr64|nop)$/.test(text));
  return arch === "amd64" && pushed?.text === "pushq %rbp" ? [pushed, "push"] : [first, "first"];
}

const leaves = ({ fn }: Listing, target: number | undefined): boolean =>
  target !== undefined && (target < fn.entry || target >= fn.end);

function exitsOf(listing: Listing): readonly (readonly [Disassembled, string])[] {
  return listing.code.flatMap((instruction, index): (readonly [Disassembled, string])[] => {
    const flow = listing.flows[index];
    if (flow === "return") return [[instruction, "return"]];
    const jumpsOut = flow === "indirect-jump" || (flow === "jump" && leaves(listing, targetOf(instruction)));
    return jumpsOut ? [[instruction, "tail-jump"]] : [];
  });
}

/** Nothing before an entry site may move SP. */
const MOVES_STACK: Readonly<Record<Arch, RegExp>> = {
  amd64: /^(?:push|pop|call|ret|enter|leave)|^(?:add|sub|and|lea|mov)[a-z]* .*, %rsp$/,
  arm64: /\[sp, #-?0x[0-9a-f]+\]!|\[sp\], #|^(?:add|sub|mov) sp,|^(?:bl|blr|ret) /,
};

/** What a uprobe would not be put on, by the kernel's rules. */
const UNPROBEABLE: Readonly<Record<Arch, RegExp>> = {
  amd64:
    /^lock$|^lock |^(?:int3|hlt|in|out|cli|sti|syscall|sysret|ud2|rdtsc|rdmsr|wrmsr|cpuid)\b|%(?:cs|ds|es|ss):|%zmm/,
  arm64: /^(?:svc|hvc|brk|hlt|udf|mrs|msr|dmb|dsb|isb|yield|wfe|ldxr|stxr|ldaxr|stlxr)\b/,
};

/** The runtime goes on with their callers without them: their returns are never reached. */
export const CHANGES_STACKS = /^runtime\.(?:mcall|morestack)$/;
const TAKES_STACK: Readonly<Record<Arch, RegExp>> = {
  amd64: /^movq .*\(%r\w+\), %rsp$/,
  arm64: /^mov sp, x\d+$/,
};

/** Whether the disassembly bears out a refusal: what makes each code true. */
function isBorneOut(arch: Arch, code: string, listing: Listing, growers: ReadonlySet<number>): boolean {
  const { fn, code: instructions, flows } = listing;
  const [entry] = entryOf(arch, listing, growers);
  const exits = exitsOf(listing);
  const some = (wanted: Flow, test: (instruction: Disassembled) => boolean): boolean =>
    instructions.some((instruction, index) => flows[index] === wanted && test(instruction));
  switch (code) {
    case "no-return":
      return (
        exits.length === 0 ||
        (CHANGES_STACKS.test(fn.name) && instructions.some(({ text }) => TAKES_STACK[arch].test(text)))
      );
    case "entry-is-exit":
      return exits.some(([exit]) => exit.address === entry.address);
    case "entry-repeats":
      return (["jump", "conditional"] as const).some((flow) =>
        some(flow, (one) => {
          const target = targetOf(one) ?? Number.POSITIVE_INFINITY;
          return target >= fn.entry && target <= entry.address;
        }),
      );
    case "leaves-conditionally":
      return some("conditional", (one) => leaves(listing, targetOf(one)));
    case "computed-jump":
      return fn.assembly && (some("indirect-jump", () => true) || some("within", () => true));
    case "unprobeable":
      return [entry, ...exits.map(([exit]) => exit)].some(({ text }) => UNPROBEABLE[arch].test(text));
    case "undecodable": {
      // Padding is no part of it: what matters is how the last instruction before goes on.
      const last = instructions.findLastIndex(({ text }) => !/^(?:int3|udf #0x0)$/.test(text));
      return fn.assembly && (flows[last] === "next" || flows[last] === "conditional");
    }
    default:
      return false;
  }
}

/** Compares the sites of every function, and every refusal. Returns how many functions have sites. */
export async function compareWithDisassembly(path: string): Promise<number> {
  using binary = await openGoBinary(path);
  const { arch } = binary;
  const symbols = openSymbolTable(binary);
  const finder = new SiteFinder(binary, symbols);
  const disassembly = new Disassembly(path);
  const growers = new Set(
    ["runtime.morestack", "runtime.morestack_noctxt", "runtime.morestackc"].flatMap((name) =>
      symbols.findByName(name).map(({ entry }): number => entry),
    ),
  );
  const ours: string[] = [];
  const theirs: string[] = [];
  const unfounded: string[] = [];
  for (const fn of symbols.functions()) {
    const listing = listingOf(arch, disassembly, fn);
    const sites = finder.find(fn);
    if (listing.code.length === 0) {
      // Marks of the linker, which are nothing but zeros on arm64.
      assert.ok(!sites.ok && fn.name.startsWith("go:textfips"), fn.name);
      continue;
    }
    if (!sites.ok) {
      const { code } = sites.refusal;
      if (!isBorneOut(arch, code, listing, growers)) unfounded.push(`${fn.name}: ${code}`);
      continue;
    }
    const { entry, exits } = sites.value;
    const spell = (address: number, end: number, kind: string): string => `${hex(address)}..${hex(end)} ${kind}`;
    ours.push(
      [
        fn.name,
        spell(entry.address, entry.address + entry.bytes.length, entry.placement ?? ""),
        ...exits.map(({ address, bytes, kind }) => spell(address, address + bytes.length, kind)),
      ].join(", "),
    );
    const expected = [entryOf(arch, listing, growers), ...exitsOf(listing)];
    theirs.push(
      [
        fn.name,
        ...expected.map(([{ address }, kind]) => {
          const end = arch === "arm64" ? address + 4 : disassembly.addressAfter(address);
          return spell(address, end ?? 0, kind);
        }),
      ].join(", "),
    );
    for (const { address, text } of listing.code) {
      if (address >= entry.address) break;
      assert.ok(!MOVES_STACK[arch].test(text), `${text} before the entry site of ${fn.name}`);
    }
    for (const site of [entry, ...exits]) {
      const inFile = binary.elf.source.read(site.offset, site.bytes.length);
      assert.deepEqual(inFile, site.bytes, `${fn.name}: the bytes at the file offset`);
    }
  }
  assertSame(ours, theirs);
  assert.deepEqual(unfounded, []);
  return ours.length;
}
