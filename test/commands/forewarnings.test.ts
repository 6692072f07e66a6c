/** What is said before a run, of few functions and of many. Plans are made by hand: only what is read of them counts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileOffset, virtualAddress } from "../../src/base/index.js";
import { forewarnings, slowEnd } from "../../src/commands/forewarnings.js";
import type { PlannedProbe, ProbePlan, Site } from "../../src/probes/index.js";

const site = (kind: Site["kind"]): Site => ({
  kind,
  address: virtualAddress(0x401000),
  offset: fileOffset(0x1000),
  bytes: Buffer.from([0xc3]),
  instruction: "ret",
});

interface Traits {
  readonly wrapper?: true;
  readonly jump?: true;
  readonly inlinedCopies?: number;
  readonly notes: readonly string[];
}

const probe = (name: string, { wrapper = undefined, jump, inlinedCopies = 0, notes }: Traits): PlannedProbe => ({
  name,
  function: {
    name,
    address: virtualAddress(0x401000),
    size: 16,
    file: undefined,
    line: undefined,
    wrapper: wrapper === true,
  },
  signature: undefined,
  kind: "call",
  file: 0,
  identity: "goroutine",
  entry: site("entry"),
  exits: [site(jump === true ? "tail-jump" : "return")],
  goroutine: "register",
  inlinedCopies,
  recipes: [],
  value: undefined,
  notes,
});

const planOf = (probes: readonly PlannedProbe[], reasons: readonly string[]): ProbePlan => ({
  target: {
    access: "",
    path: "/bin/store",
    goVersion: "go1.27",
    goBuildId: undefined,
    gnuBuildId: undefined,
    arch: "amd64",
    positionIndependent: false,
    imageBase: virtualAddress(0x400000),
  },
  libraries: [],
  runtime: {
    goidOffset: 0,
    mOffset: 0,
    curgOffset: 0,
    schedSpOffset: 0,
    tlsOffset: -8,
    goroutineInRegister: true,
    source: "table",
  },
  dimensions: [],
  measure: { kind: "duration" },
  probes,
  refused: reasons.map((reason, index) => ({
    name: `main.refused${index}`,
    refusal: { code: "no-return", reason, hint: undefined },
  })),
  runtimeSites: [],
  warnings: ["something is odd"],
});

const WRAPPER: Traits = { wrapper: true, notes: ["it is a wrapper"] };
const INLINED: Traits = { inlinedCopies: 3, notes: ["3 calls of it were inlined"] };
const JUMP: Traits = { jump: true, inlinedCopies: 1, notes: ["its exit is a tail jump", "1 call of it was inlined"] };

test("few functions are named", () => {
  const plan = planOf([probe("main.a", WRAPPER), probe("main.b", { notes: [] }), probe("main.c", JUMP)], ["it is odd"]);
  const lines = [
    "not measured: main.refused0: it is odd",
    "something is odd",
    "main.a: it is a wrapper",
    "main.c: its exit is a tail jump",
    "main.c: 1 call of it was inlined",
  ];
  assert.deepEqual(forewarnings(plan, "counted"), lines);
  assert.deepEqual(forewarnings(plan, "named"), lines);
});

test("many functions are counted, by what is true of them", () => {
  const wrappers = Array.from({ length: 1100 }, (_, index) => probe(`main.w${index}`, WRAPPER));
  const inlined = Array.from({ length: 24 }, (_, index) => probe(`main.i${index}`, INLINED));
  const reasons = ["odd", "a", "it never returns", "b", "it never returns", "c", "it never returns", "d", "e"];
  const plan = planOf([...wrappers, ...inlined, probe("main.j", JUMP)], reasons);
  assert.deepEqual(forewarnings(plan, "counted"), [
    "not measured: 3 functions, each: it never returns",
    "not measured: 1 function: odd",
    "not measured: 1 function: a",
    "not measured: 1 function: b",
    "not measured: 1 function: c",
    "not measured: 2 more for other reasons",
    "--verbose names what is not measured",
    "something is odd",
    "1,100 functions are wrappers made by the compiler: direct calls of what they wrap do not pass through them",
    "1 function has exits that are tail jumps: time until the jump, without results",
    "25 functions have inlined copies, which are not measured",
    "--verbose names them",
  ]);
  assert.equal(forewarnings(plan, "named").length, 9 + 1 + 1100 + 24 + 2);
});

test("names that would move a cursor are escaped", () => {
  const plan = planOf([probe("main.\x1b[2J", WRAPPER)], ["it is \u202eodd"]);
  assert.deepEqual(forewarnings(plan, "counted"), [
    "not measured: main.refused0: it is \\u{202e}odd",
    "something is odd",
    "main.\\x1b[2J: it is a wrapper",
  ]);
});

test("how long probes take to come off one by one is said where it is a second or more", () => {
  assert.deepEqual([0, 4, 10, 1000].map(slowEnd), [
    undefined,
    undefined,
    "this kernel takes 1 second or so to take the 10 probes of the run off, one by one",
    "this kernel takes 100 seconds or so to take the 1,000 probes of the run off, one by one",
  ]);
});
