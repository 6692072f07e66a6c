/** Basic blocks, dominators and cycles of small functions whose flow a reader can see. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualAddress } from "../../src/base/index.js";
import { analyzeFlow, architectureOf, type ControlFlow, type FlowContext } from "../../src/binary/index.js";

const AT = virtualAddress(0x401000);
const PANIC = 0x500000;
const TABLE = 0x600000;

const context = (table: readonly number[] = []): FlowContext => ({
  growsStack: () => false,
  neverReturns: (target) => target === PANIC,
  runsDeferred: () => false,
  readWord: (address) => table[(address - TABLE) / 8],
});

function flowOf(hex: string, table: readonly number[] = []): ControlFlow {
  const flow = analyzeFlow(architectureOf("amd64"), Buffer.from(hex.replaceAll(" ", ""), "hex"), AT, context(table));
  assert.ok(flow.ok, flow.ok ? "" : flow.refusal.reason);
  return flow.value;
}

/** Blocks by the offsets at which they begin, each with the blocks that control goes to next. */
const shape = (flow: ControlFlow): Record<string, readonly number[]> => {
  const startOf = (block: number): number => flow.offsetOf(flow.instructionsOf(block).first);
  return Object.fromEntries(
    Array.from({ length: flow.blockCount }, (_, block) => [startOf(block), flow.successorsOf(block).map(startOf)]),
  );
};

// 0: test; 2: je 7; 4: inc; 7: ret
const BRANCH = "85c0 7403 48ffc0 c3";
// 0: xor; 2: inc; 5: cmp; 9: jl 2; 11: ret
const LOOP = "31c0 48ffc0 4883f80a 7cf7 c3";

test("a branch joins again: its beginning dominates all of it, its arm nothing else", () => {
  const flow = flowOf(BRANCH);
  assert.deepEqual(shape(flow), { 0: [7, 4], 4: [7], 7: [] });
  const dominates = [0, 1, 2].map((each) => [0, 1, 2].map((other) => flow.dominates(each, other)));
  assert.deepEqual(dominates, [
    [true, true, true],
    [false, true, false],
    [false, false, true],
  ]);
  assert.deepEqual([flow.predecessorsOf(2), flow.canRepeat(0, new Set([0, 1, 2]))], [[0, 1], false]);
});

test("a loop's body comes back to itself, and only within the blocks that it may use", () => {
  const flow = flowOf(LOOP);
  assert.deepEqual(shape(flow), { 0: [2], 2: [2, 11], 11: [] });
  assert.deepEqual([flow.canRepeat(1, new Set()), flow.canRepeat(0, new Set([0, 1, 2]))], [true, false]);
});

test("behind a call that never returns nothing goes on", () => {
  // 0: test; 2: je 9; 4: call PANIC; 9: ret
  const displacement = Buffer.alloc(4);
  displacement.writeInt32LE(PANIC - (AT + 9));
  const flow = flowOf(`85c0 7405 e8${displacement.toString("hex")} c3`);
  assert.deepEqual(shape(flow), { 0: [9, 4], 4: [], 9: [] });
  assert.deepEqual([flow.dominates(0, 2), flow.callTarget(2), flow.effectOf(2)], [true, PANIC - AT, "pinned"]);
});

test("a switch's jump is followed through its table, as far as that has addresses of the function", () => {
  // 0: lea TABLE(%rip),%rcx; 7: jmp *(%rcx,%rax,8); 10: ret; 11: inc; 14: ret
  const displacement = Buffer.alloc(4);
  displacement.writeInt32LE(TABLE - (AT + 7));
  const code = `488d0d${displacement.toString("hex")} ff24c1 c3 48ffc0 c3`;
  const flow = flowOf(code, [AT + 11, AT + 10, 0x12345]);
  assert.deepEqual(shape(flow), { 0: [11, 10], 10: [], 11: [] });
  const unknown = analyzeFlow(architectureOf("amd64"), Buffer.from(code.replaceAll(" ", ""), "hex"), AT, context());
  assert.equal(unknown.ok ? "" : unknown.refusal.code, "computed-jump");
});

test("what instructions do to memory outside of the stack", () => {
  const effects = {
    "48ff05 10000000": "pinned", // incq 0x10(%rip)
    "488903": "pinned", // mov %rax,(%rbx)
    "48894424 10": "other", // mov %rax,0x10(%rsp)
    "488b03": "load", // mov (%rbx),%rax
    "f20f1005 10000000": "other", // movsd 0x10(%rip),%xmm0: a constant
    "488d4310": "other", // lea 0x10(%rbx),%rax
    "480f44c1": "other", // cmove %rcx,%rax
    "0f1f4000": "other", // nopl 0(%rax)
    "483b03": "access", // cmp (%rbx),%rax: it may fault
    f0480fb10b: "pinned", // lock cmpxchg %rcx,(%rbx)
  };
  const actual = Object.keys(effects).map((hex) => [hex, flowOf(`${hex} c3`).effectOf(0)]);
  assert.deepEqual(Object.fromEntries(actual), effects);
});
