/** Sites of C functions against GNU objdump, of arm64 against llvm-objdump: every function of a library and of a program, whatever it is written in. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import type { VirtualAddress } from "../../src/base/index.js";
import { openCodeFile, type UsdtNote } from "../../src/binary/index.js";
import { findFunctionSites, findUsdtSite } from "../../src/probes/index.js";
import { CodeFile, type NativeFunction } from "../../src/symbols/index.js";
import { fixturePath } from "../fixture.js";
import * as llvm from "./disassembly.js";
import { gnuListing } from "./site-truth.js";

/** What the kernel takes no uprobe on, of what these files have. */
const UNPROBEABLE = /^(?:lock|[cdes]s|ud2|hlt|syscall|int3|rdtsc|xgetbv|cpuid|in|out|cli|sti|data16 cs|cs nopw)\b/;

const DIRECT_JUMP = /^(?:bnd |notrack )?(?:j\w+|loop\w*)(?:,p[nt])? +([0-9a-f]+)/;

interface Disassembled {
  readonly address: number;
  readonly text: string;
}

/** All instructions of a file, in address order. */
class Disassembly {
  private readonly addresses: readonly number[];
  private readonly texts: ReadonlyMap<number, string>;

  constructor(path: string) {
    this.texts = gnuListing(path);
    this.addresses = [...this.texts.keys()].sort((a, b) => a - b);
  }

  /** From the instruction at `start`, which must be one, up to `end`. */
  between(start: number, end: number): readonly Disassembled[] {
    const code: Disassembled[] = [];
    for (let index = this.indexOf(start); (this.addresses[index] ?? end) < end; index++) {
      const address = this.addresses[index] ?? assert.fail();
      code.push({ address, text: this.texts.get(address) ?? assert.fail() });
    }
    return code;
  }

  addressAfter(address: number): number | undefined {
    return this.addresses[this.indexOf(address) + 1];
  }

  private indexOf(address: number): number {
    let low = 0;
    for (let high = this.addresses.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((this.addresses[middle] ?? 0) < address) low = middle + 1;
      else high = middle;
    }
    assert.equal(this.addresses[low], address);
    return low;
  }
}

interface Expected {
  /** Of the site, or why there is none. */
  readonly at: number | string;
  readonly code: readonly Disassembled[];
}

function expected(fn: NativeFunction, disassembly: Disassembly): Expected {
  const code = disassembly.between(fn.address, fn.address + Math.max(fn.size, 1));
  const [first, second] = code;
  if (fn.kind === "ifunc") return { at: "ifunc", code };
  assert.ok(first !== undefined, fn.name);
  const targets = code.flatMap(({ text }) => {
    const target = DIRECT_JUMP.exec(text)?.[1];
    return target === undefined ? [] : [Number.parseInt(target, 16)];
  });
  const isFree = ({ address, text }: Disassembled) => !targets.includes(address) && !UNPROBEABLE.test(text);
  if (first.text === "endbr64" && second !== undefined && isFree(second)) return { at: second.address, code };
  if (targets.includes(first.address)) return { at: "re-entered", code };
  return { at: UNPROBEABLE.test(first.text) ? "unprobeable" : first.address, code };
}

async function open(path: string): Promise<CodeFile> {
  return new CodeFile((await openCodeFile(path)).elf, path);
}

const noteAt = (address: number): UsdtNote => ({
  provider: "test",
  name: "place",
  address: address as VirtualAddress,
  semaphore: undefined,
  arguments: [],
});

for (const path of ["/lib/x86_64-linux-gnu/libc.so.6", "/bin/bash", "/lib/x86_64-linux-gnu/libstdc++.so.6"]) {
  describe(`native sites of ${path}`, () => {
    let disassembly: Disassembly;
    before(() => {
      disassembly = new Disassembly(path);
    });

    it("are where the disassembler says that functions begin", async () => {
      const file = await open(path);
      using _source = file.elf.source;
      const seen = new Set<number | string>();
      for (const fn of file.functions.all()) {
        const truth = expected(fn, disassembly);
        const sites = findFunctionSites(file, fn, "unneeded");
        const where = `${fn.name} ${fn.address.toString(16)}`;
        assert.equal(sites.ok ? sites.value.entry.address : sites.refusal.code, truth.at, where);
        if (!sites.ok) {
          seen.add(sites.refusal.code);
          continue;
        }
        const { entry, exit } = sites.value;
        seen.add(entry.address === fn.address ? "first" : "behind the mark");
        assert.deepEqual(exit, { ...entry, kind: "function-return" }, where);
        assert.equal(entry.kind, "function", where);
        assert.equal(entry.address + entry.bytes.length, disassembly.addressAfter(entry.address), where);
        assert.deepEqual(file.elf.source.read(entry.offset, entry.bytes.length), entry.bytes, where);
      }
      assert.ok(seen.has("first"), [...seen].join());
    });

    it("of notes are at instructions, and refused between them", async () => {
      const file = await open(path);
      using _source = file.elf.source;
      for (const fn of file.functions
        .all()
        .filter(({ size }) => size > 40 && size < 400)
        .slice(0, 150)) {
        const { code } = expected(fn, disassembly);
        const boundaries = new Map(code.map((each) => [each.address, each]));
        for (let address = fn.address + 0; address < fn.address + fn.size; address++) {
          const site = findUsdtSite(file, noteAt(address));
          const instruction = boundaries.get(address);
          const where = `${fn.name} ${address.toString(16)}`;
          if (instruction === undefined) {
            assert.ok(!site.ok && ["misplaced", "undecodable"].includes(site.refusal.code), where);
          } else if (site.ok) {
            assert.equal(address + site.value.bytes.length, disassembly.addressAfter(address), where);
            assert.doesNotMatch(instruction.text, UNPROBEABLE, where);
          } else {
            assert.equal(site.refusal.code, "unprobeable", `${where} ${instruction.text}`);
            assert.match(instruction.text, UNPROBEABLE, where);
          }
        }
      }
    });
  });
}

describe("native sites of an arm64 program", () => {
  it("are where llvm-objdump says that functions begin, unless a jump leads back there", async () => {
    const path = fixturePath("variety", "1.27", "arm64");
    const disassembly = new llvm.Disassembly(path);
    const file = await open(path);
    using _source = file.elf.source;
    const seen = new Set<string>();
    for (const fn of file.functions.all()) {
      const code = disassembly.between(fn.address, fn.address + fn.size);
      const [first] = code;
      // The linker marks the ends of its sections as functions.
      if (first === undefined || fn.size < 4) continue;
      const isBack = code.some((each, index) => {
        const flow = llvm.flowOf("arm64", code, index);
        return (flow === "jump" || flow === "conditional") && llvm.targetOf(each) === fn.address;
      });
      const usual = /^m(?:rs|sr) /i.test(first.text) ? "unprobeable" : "first";
      const sites = findFunctionSites(file, fn, "unneeded");
      const told = sites.ok ? "first" : sites.refusal.code;
      assert.equal(told, isBack ? "re-entered" : usual, `${fn.name} ${first.text}`);
      if (sites.ok) assert.equal(sites.value.entry.address, fn.address, fn.name);
      seen.add(told);
    }
    assert.deepEqual([...seen].sort(), ["first", "re-entered", "unprobeable"]);
  });
});
