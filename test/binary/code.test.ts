/** The amd64 and arm64 analysis on hand-written functions: every prologue Go writes, every way out, every refusal. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { virtualAddress } from "../../src/base/index.js";
import { formatAny } from "../../src/binary/code/amd64.js";
import { ICED } from "../../src/binary/code/iced.js";
import { architectureOf, decodeFunction, findCalls, findSites } from "../../src/binary/index.js";

const START = virtualAddress(0x401000);
const MORESTACK = 0x402000;

const amd64 = architectureOf("amd64");
const arm64 = architectureOf("arm64");

const hexBytes = (...lines: readonly string[]): Buffer => Buffer.from(lines.join("").replaceAll(" ", ""), "hex");

/** One line per site, or the refusal's code. */
function describe(
  bytes: Buffer,
  options: { readonly assembly?: boolean; readonly arch?: typeof amd64; readonly exits?: "unneeded" } = {},
): string[] {
  const sites = findSites(options.arch ?? amd64, bytes, START, {
    growsStack: (target) => target === MORESTACK,
    assembly: options.assembly ?? false,
    exits: options.exits ?? "needed",
  });
  if (!sites.ok) return [sites.refusal.code];
  const { entry, exits } = sites.value;
  const line = (kind: string, site: typeof entry): string =>
    `${kind} +${(site.instruction.address - START).toString(16)} ${site.instruction.text}`;
  return [line(entry.place, entry), ...exits.map((exit) => line(exit.kind, { ...exit, place: "first" }))];
}

/** `call MORESTACK; jmp start`, as at byte `at` of a function. */
function slowPath(at: number): string {
  const bytes = Buffer.alloc(10);
  bytes[0] = 0xe8;
  bytes.writeInt32LE(MORESTACK - (START + at + 5), 1);
  bytes[5] = 0xe9;
  bytes.writeInt32LE(-(at + 10), 6);
  return bytes.toString("hex");
}

test("the stack check's jump is the entry site, whatever the frame's size and wherever g comes from", () => {
  const forms: readonly (readonly [string, string])[] = [
    ["small frame", "493b6610"],
    ["system stack", "493b6618"],
    ["large frame", "4c8d6424f8 4d3b6610"],
    ["larger frame", "4c8da42400f0ffff 4d3b6610"],
    ["ABI0", "64488b0c25f8ffffff 483b6110"],
    ["ABI0, large frame", "64488b0c25f8ffffff 488d842400f0ffff 483b4110"],
    ["ABI0, position-independent", "48c7c1f8ffffff 64488b09 483b6110"],
    ["ABI0 that loads R14", "644c8b3425f8ffffff 493b6610"],
    ["branch landing mark", "f30f1efa 493b6610"],
  ];
  for (const [name, check] of forms) {
    const checked = hexBytes(check);
    const jump = checked.length;
    // jbe +3; push %rbp; pop %rbp; ret
    const body = hexBytes(check, "7603 55 5d c3", slowPath(jump + 5));
    const slow = (START + jump + 5).toString(16);
    assert.deepEqual(
      describe(body),
      [`stack-check +${jump.toString(16)} jbe 0x${slow}`, `return +${(jump + 4).toString(16)} ret`],
      name,
    );
  }
});

test("a frame too large to subtract blindly has two jumps, and the second is the entry site", () => {
  // mov %rsp,%r12; sub $0x18638,%r12; jb slow; cmp 0x10(%r14),%r12; jbe slow; ret
  const body = hexBytes("4989e4 4981ec38860100 7207 4d3b6610 7601 c3", slowPath(0x13));
  assert.deepEqual(describe(body), ["stack-check +10 jbe 0x401013", "return +12 ret"]);
});

test("a comparison that only resembles a stack check is none", () => {
  // Does not call the runtime: the jump's target returns.
  assert.deepEqual(describe(hexBytes("493b6610 7601 c3 c3")), [
    "first +0 cmp 0x10(%r14),%rsp",
    "return +6 ret",
    "return +7 ret",
  ]);
  // Something that moves SP stands before it: then the restart is a jump to the start like any other.
  assert.deepEqual(describe(hexBytes("50 493b6610 7601 c3", slowPath(8))), ["entry-repeats"]);
});

test("without a check the entry site is the frame push, else the first instruction", () => {
  assert.deepEqual(describe(hexBytes("55 4889e5 5d c3")), ["push +0 push %rbp", "return +5 ret"]);
  assert.deepEqual(describe(hexBytes("f30f1efa 55 4889e5 5d c3")), ["push +4 push %rbp", "return +9 ret"]);
  assert.deepEqual(describe(hexBytes("4801d8 c3")), ["first +0 add %rbx,%rax", "return +3 ret"]);
});

test("every return and every jump out is an exit; padding is none", () => {
  // test %al,%al; je +1; ret; repz ret; ret $8; int3 int3
  assert.deepEqual(describe(hexBytes("84c0 7401 c3 f3c3 c20800 cccc")), [
    "first +0 test %al,%al",
    "return +4 ret",
    "return +5 rep ret",
    "return +7 ret $0x8",
  ]);
  assert.deepEqual(describe(hexBytes("4801d8 e9f8ff0f00")), ["first +0 add %rbx,%rax", "tail-jump +3 jmp 0x501000"]);
  // An interface's method by way of a wrapper.
  assert.deepEqual(describe(hexBytes("488b08 ffe1")), ["first +0 mov (%rax),%rcx", "tail-jump +3 jmp *%rcx"]);
  // A switch's table of addresses keeps control inside.
  assert.deepEqual(describe(hexBytes("4801d8 ff24c8 c3")), ["first +0 add %rbx,%rax", "return +6 ret"]);
});

test("what can't be measured is refused with its reason", () => {
  assert.deepEqual(describe(hexBytes("c3")), ["entry-is-exit"]);
  assert.deepEqual(describe(hexBytes("e9fbff0f00")), ["entry-is-exit"]);
  assert.deepEqual(describe(hexBytes("55 e8fafe0f00 0f0b")), ["no-return"]);
  assert.deepEqual(describe(hexBytes("55 e8fafe0f00 0f0b"), { exits: "unneeded" }), ["push +0 push %rbp"]);
  assert.deepEqual(describe(hexBytes("48ffc8 75fb c3")), ["entry-repeats"]);
  assert.deepEqual(describe(hexBytes("4801d8 7550 c3")), ["leaves-conditionally"]);
  assert.deepEqual(describe(hexBytes("4801d8 ffe0"), { assembly: true }), ["computed-jump"]);
  assert.deepEqual(describe(hexBytes("4801d8 06 c3")), ["undecodable"]);
  assert.deepEqual(describe(hexBytes("4801d8 e9f8ff")), ["undecodable"]);
  assert.deepEqual(describe(hexBytes("4801d8 75ff c3")), ["undecodable"]);
  assert.deepEqual(describe(hexBytes("4801d8 c3 4801d8"), { assembly: true }), ["undecodable"]);
  assert.deepEqual(describe(hexBytes("f04883030a c3")), ["unprobeable"]);
  assert.deepEqual(describe(hexBytes("")), ["undecodable"]);
});

test("arm64: the stack check's jump, else the first instruction; returns and jumps out", () => {
  const words = (...values: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(4 * values.length);
    for (const [index, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, 4 * index);
    return bytes;
  };
  const call = (at: number): number => 0x94000000 | (((MORESTACK - START) / 4 - at) & 0x3ffffff);
  const restart = (at: number): number => 0x14000000 | (-at & 0x3ffffff);
  // ldr x16, [x28, #16]; cmp sp, x16; b.ls slow; ret; mov x3, x30; bl morestack; b start
  const checked = words(0xf9400b90, 0xeb3063ff, 0x54000049, 0xd65f03c0, 0xaa1e03e3, call(5), restart(6));
  assert.deepEqual(describe(checked, { arch: arm64 }), ["stack-check +8 b.ls 0x401010", "return +c ret"]);
  const huge = words(
    0xf9400b90, // ldr x16, [x28, #16]
    0xd290c81b, // mov x27, #34368
    0xf2a0003b, // movk x27, #1, lsl #16
    0xeb3b63f1, // subs x17, sp, x27
    0x54000083, // b.lo slow
    0xeb10023f, // cmp x17, x16
    0x54000049, // b.ls slow
    0xd65f03c0, // ret
    0xaa1e03e3, // mov x3, x30
    call(9),
    restart(10),
  );
  assert.deepEqual(describe(huge, { arch: arm64 }), ["stack-check +18 b.ls 0x401020", "return +1c ret"]);
  assert.deepEqual(describe(words(0x8b000020, 0x14000400), { arch: arm64 }), [
    "first +0 .inst 0x8b000020",
    "tail-jump +4 b 0x402004",
  ]);
  // A table of addresses, then a register that holds whatever it was given.
  assert.deepEqual(describe(words(0xf860783b, 0xd61f0360, 0xd65f03c0), { arch: arm64 }), [
    "first +0 .inst 0xf860783b",
    "return +8 ret",
  ]);
  assert.deepEqual(describe(words(0x8b000020, 0xd61f0360), { arch: arm64 }), [
    "first +0 .inst 0x8b000020",
    "tail-jump +4 br x27",
  ]);
});

/** A sequence that looks random and is the same in every run. */
function* noise(): Generator<number> {
  let state = 0x2545f491;
  for (;;) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 0;
  }
}

test("whatever the bytes are, sites lie inside, bytes are those of the function, and nothing is thrown", () => {
  const random = noise();
  const next = (limit: number): number => (random.next().value ?? 0) % limit;
  const functions = [
    hexBytes("493b6610 760f 55 4889e5 84c0 7402 5dc3 4801d8 5dc3", slowPath(0x15)),
    hexBytes("900b40f9 ff6330eb 49000054 c0035fd6 e30300aa", "fb030094", "faffff17"),
  ];
  let accepted = 0;
  for (let round = 0; round < 20_000; round++) {
    const arch = round % 2 === 0 ? amd64 : arm64;
    const bytes =
      round % 3 === 0
        ? Buffer.from(Array.from({ length: next(64) }, () => next(256)))
        : Buffer.from(functions[round % 2] ?? []);
    for (let change = next(4); change > 0 && bytes.length > 0; change--) bytes[next(bytes.length)] = next(256);
    const sites = findSites(arch, bytes, START, {
      growsStack: (target) => target === MORESTACK,
      assembly: round % 5 === 0,
      exits: round % 7 === 0 ? "unneeded" : "needed",
    });
    if (!sites.ok) continue;
    accepted++;
    for (const { instruction } of [sites.value.entry, ...sites.value.exits]) {
      const at = instruction.address - START;
      assert.ok(at >= 0 && instruction.bytes.length > 0);
      assert.deepEqual(bytes.subarray(at, at + instruction.bytes.length), instruction.bytes);
    }
  }
  assert.ok(accepted > 1000, `${accepted} functions were understood`);
});

test("direct calls are found by their target", () => {
  const calls = findCalls(amd64, hexBytes("55", slowPath(1), "c3"), START, (target) => target === MORESTACK);
  assert.deepEqual(
    calls?.map((call) => `${call.kind} ${call.text} at +${call.address - START}`),
    ["call call 0x402000 at +1"],
  );
});

test("the cost of a site: what the kernel emulates, and what it steps through", () => {
  const emulated = (text: string): boolean => amd64.isEmulated(hexBytes(text));
  const yes = ["55", "4155", "7603", "0f8692010000", "e8fafe0f00", "e9fafe0f00", "eb05", "90"];
  const no = ["c3", "493b6610", "4883ec10", "5d", "488b08", "6690"];
  assert.deepEqual(yes.filter(emulated), yes);
  assert.deepEqual(no.filter(emulated), []);
});

interface IcedPackage {
  readonly FlowControl: Readonly<Record<string, number>>;
  readonly Code: Readonly<Record<string, number>>;
  readonly Register: Readonly<Record<string, number>>;
  readonly FormatterSyntax: Readonly<Record<string, number>>;
  readonly DecoderOptions: Readonly<Record<string, number>>;
  readonly Decoder: new (bitness: number, bytes: Buffer, options: number) => { ip: bigint; decode(): object };
  readonly Formatter: new (
    syntax: number,
  ) => {
    smallHexNumbersInDecimal: boolean;
    uppercaseHex: boolean;
    branchLeadingZeros: boolean;
    format(instruction: object): string;
  };
}

test("the binding to iced-x86 says what the package's own JavaScript says", () => {
  const iced: IcedPackage = createRequire(import.meta.url)("iced-x86");
  const { flow } = ICED;
  assert.deepEqual(flow, {
    next: iced.FlowControl["Next"],
    unconditionalBranch: iced.FlowControl["UnconditionalBranch"],
    indirectBranch: iced.FlowControl["IndirectBranch"],
    conditionalBranch: iced.FlowControl["ConditionalBranch"],
    return: iced.FlowControl["Return"],
    call: iced.FlowControl["Call"],
    indirectCall: iced.FlowControl["IndirectCall"],
    interrupt: iced.FlowControl["Interrupt"],
    transaction: iced.FlowControl["XbeginXabortXend"],
    exception: iced.FlowControl["Exception"],
  });
  assert.deepEqual(
    [ICED.invalidCode, ICED.noRegister, ICED.gasSyntax, ICED.noOptions],
    [iced.Code["INVALID"], iced.Register["None"], iced.FormatterSyntax["Gas"], iced.DecoderOptions["None"]],
  );
  const formatter = new iced.Formatter(iced.FormatterSyntax["Gas"] ?? 0);
  formatter.smallHexNumbersInDecimal = false;
  formatter.uppercaseHex = false;
  formatter.branchLeadingZeros = false;
  const samples = [
    "493b6610",
    "7603",
    "0f8692010000",
    "e8fafe0f00",
    "eb05",
    "55",
    "57",
    "c3",
    "90",
    "64488b0c25f8ffffff",
    "62f1fe486f00",
    "ff24c8",
  ];
  for (const sample of samples) {
    const bytes = hexBytes(sample);
    const decoder = new iced.Decoder(64, bytes, iced.DecoderOptions["None"] ?? 0);
    decoder.ip = BigInt(START);
    const theirs = formatter.format(decoder.decode());
    assert.equal(formatAny(bytes, START), theirs);
    assert.deepEqual(
      decodeFunction(amd64, bytes, START)?.map((instruction) => instruction.text),
      [theirs],
      "the text of usual instructions, made without the package's formatter",
    );
  }
});
