/** Sites of C functions and notes in a library made for this: what is chosen, and what is refused and why. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FileOffset, VirtualAddress } from "../../src/base/index.js";
import { openCodeFile, type UsdtNote } from "../../src/binary/index.js";
import { findFunctionSites, findUsdtSite, planProbes } from "../../src/probes/index.js";
import { CodeFile, type NativeFunction } from "../../src/symbols/index.js";

const SOURCE = `
.text
.macro function name
.globl \\name
.type \\name, @function
\\name:
.endm
.macro end name
.size \\name, . - \\name
.endm

function plain; push %rbp; pop %rbp; ret; end plain
function marked; endbr64; push %rbp; pop %rbp; ret; end marked
function loop_behind; endbr64; 1: dec %edi; jne 1b; ret; end loop_behind
function loop_at_start; 1: dec %edi; jne 1b; ret; end loop_at_start
function calls_itself; dec %edi; je 1f; call calls_itself; 1: ret; end calls_itself
function locked; lock incl (%rdi); ret; end locked
function marked_locked; endbr64; lock incl (%rdi); ret; end marked_locked
function garbage; .byte 0x06, 0x06, 0x06; end garbage
function has_nop; mov $0x90909090, %eax; nop; nopw 0x10(%rax); ret; end has_nop
.type unsized, @function
unsized: endbr64; sub $8, %rsp; add $8, %rsp; ret
.byte 0x06, 0x06
.type unsized_loop, @function
unsized_loop: dec %edi; jne unsized_loop; ret
.type _Z5throwv, @function
function _Z5throwv; ret; end _Z5throwv
function parted.cold; ret; end parted.cold
function setjmp; ret; end setjmp
function dlsym; ret; end dlsym
.balign 16
bare: mov $0x90909090, %eax; nop; ret
.globl table
.data
table: .quad 0
`;

let folder = "";
let file: CodeFile;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "gospect-native-"));
  writeFileSync(join(folder, "one.s"), SOURCE);
  const path = join(folder, "one.so");
  execFileSync("cc", ["-shared", "-nostdlib", "-o", path, "one.s"], { cwd: folder });
  file = new CodeFile((await openCodeFile(path)).elf, path);
});
after(() => {
  file.elf.source[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

const named = (name: string): NativeFunction => file.functions.find(name)[0] ?? assert.fail(name);

function told(name: string, exits?: "needed" | "unneeded"): string {
  const fn = named(name);
  const sites = findFunctionSites(file, fn, exits);
  if (!sites.ok) return sites.refusal.code;
  return `${sites.value.entry.instruction} +${sites.value.entry.address - fn.address}`;
}

describe("sites of C functions", () => {
  it("are the first instruction, or the one behind endbr64", () => {
    assert.equal(told("plain"), "push %rbp +0");
    assert.equal(told("marked"), "push %rbp +4");
    assert.equal(told("calls_itself"), "dec %edi +0");
    assert.equal(told("unsized"), "sub $0x8,%rsp +4");
  });

  it("are not where the function's own jumps lead", () => {
    assert.equal(told("loop_behind"), "endbr64 +0");
    assert.equal(told("loop_at_start"), "re-entered");
    assert.equal(told("unsized_loop"), "re-entered");
  });

  it("are not on what the kernel refuses, or nobody understands", () => {
    assert.equal(told("locked"), "unprobeable");
    assert.equal(told("marked_locked"), "endbr64 +0");
    assert.equal(told("garbage"), "undecodable");
    const nowhere = { ...named("plain"), address: 0x7fff0000 as VirtualAddress };
    const sites = findFunctionSites(file, nowhere);
    assert.equal(sites.ok ? "" : sites.refusal.code, "no-code");
  });

  it("have no uretprobe where a return address is read", () => {
    for (const name of ["_Z5throwv", "parted.cold", "setjmp", "dlsym"]) {
      assert.equal(told(name), "unsafe-return", name);
      assert.equal(told(name, "unneeded"), "ret +0", name);
    }
  });

  it("are planned there too where nothing needs the return", () => {
    const program = { main: file, libraries: [] };
    const request = { probes: ["c:setjmp"], by: [], signatures: [] };
    const [probe, ...more] = planProbes(program, { ...request, of: "arg0" }).probes;
    assert.deepEqual([probe?.kind, probe?.exits, probe?.entry.kind, more], ["place", [], "place", []]);
    assert.throws(() => planProbes(program, request), /keeps its return address/);
  });

  it("are none of where a program begins", async () => {
    const { elf } = await openCodeFile("/bin/bash");
    using _source = elf.source;
    const fn = { ...named("plain"), name: "begin", address: elf.entryPoint, size: 0 };
    const sites = findFunctionSites(new CodeFile(elf, elf.path), fn);
    assert.equal(sites.ok ? "" : sites.refusal.code, "unsafe-return");
  });
});

describe("sites of notes", () => {
  const site = (address: number, semaphore?: number) => {
    const note: UsdtNote = {
      provider: "test",
      name: "place",
      address: address as VirtualAddress,
      semaphore:
        semaphore === undefined
          ? undefined
          : { address: semaphore as VirtualAddress, offset: (semaphore - 0x1000) as FileOffset },
      arguments: [],
    };
    const found = findUsdtSite(file, note);
    return found.ok ? found.value : found.refusal.code;
  };

  it("are instructions of the function that they are in", () => {
    const fn = named("has_nop");
    assert.deepEqual(site(fn.address + 5, 0x4010), {
      kind: "place",
      address: fn.address + 5,
      offset: file.elf.toFileOffset((fn.address + 5) as VirtualAddress),
      bytes: Buffer.from([0x90]),
      instruction: "nop",
      semaphore: 0x3010,
    });
    const wide = site(fn.address + 6);
    assert.ok(typeof wide === "object" && wide.bytes.length === 5 && !("semaphore" in wide));
    assert.equal(site(fn.address + 8), "undecodable");
    for (const within of [1, 2, 3, 4, 7, 9, 10]) assert.equal(site(fn.address + within), "misplaced", `${within}`);
    assert.equal(site(named("locked").address), "unprobeable");
    assert.equal(site(0x7fff0000), "no-code");
  });

  it("where no function is known are NOPs", () => {
    const bare = Math.ceil((named("dlsym").address + 1) / 16) * 16;
    assert.equal(site(bare), "misplaced");
    assert.ok(typeof site(bare + 5) === "object");
  });
});
