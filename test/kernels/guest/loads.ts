/**
 * Has this kernel's verifier look at the programs of every kind of run: whose calls are measured, by what, and what is kept
 * of each. Nothing is attached. Prints what was refused, and why.
 */
import { release } from "node:os";
import { fileOffset, ProfilerError, virtualAddress } from "../../../src/base/index.js";
import type { Capture, Code, Dimension, PlannedProbe, ProbePlan, Recipe, SiteKind } from "../../../src/probes/index.js";
import { examineMachine, type MachineFindings } from "../../../src/session/index.js";
import { loadCallPrograms } from "../../../src/session/programs.js";
import type { RunSettings } from "../../../src/session/wire.js";
import type { LoadsReport } from "../reports.js";

const NOWHERE = virtualAddress(0);
const TYPE: Recipe["type"] = { name: "int", size: 8, kind: "int", signed: true };

/** As long as a recipe may be; what it reads is nowhere. */
const number = (phase: Recipe["phase"]): Recipe => ({
  phase,
  type: TYPE,
  steps: [
    { op: "stack", offset: 8 },
    { op: "load", offset: 0, size: 8, signed: false },
    { op: "load-pair", offset: 16 },
    { op: "give-b" },
    { op: "register", register: "ax" },
    { op: "add-register", register: "bx", shift: 3 },
    { op: "load", offset: 8, size: 4, signed: true },
    { op: "truncate", size: 2, signed: true },
    { op: "add", value: 1 },
    { op: "linear", signed: true, low: 0, width: 10, buckets: 10 },
  ],
});
const text = (phase: Recipe["phase"]): Recipe => ({
  phase,
  type: TYPE,
  steps: [
    { op: "register", register: "ax" },
    { op: "load", offset: 8, size: 8, signed: false },
    { op: "load-pair", offset: 0 },
  ],
});
const cText: Recipe = {
  phase: "entry",
  type: TYPE,
  steps: [{ op: "register", register: "di" }, { op: "c-string" }],
};
const asCode = ({ phase, type, steps }: Recipe): Recipe => ({ phase, type, steps: [], code: steps });

const TRUE: Code = [{ op: "set", value: 1n }];
const KEPT: Capture = { code: TRUE, slots: 4, tailBytes: 512 };

type By = readonly (readonly ["number" | "string", Recipe])[];

/** What a run asks of the calls that it measures. */
interface Question {
  readonly by?: By;
  readonly probe?: Partial<PlannedProbe>;
  readonly measure?: ProbePlan["measure"];
  readonly settings?: Partial<RunSettings>;
}

const CONDITION: Partial<PlannedProbe> = { condition: { decisions: [TRUE], entry: TRUE, return: TRUE } };
const CAPTURED: Partial<PlannedProbe> = { captures: { entry: KEPT, return: KEPT, shown: [] } };
const TRACE = { events: true, histogram: false, stacks: true, origins: true } as const;
const MANY: By = [
  ["string", text("entry")],
  ["number", number("entry")],
  ["string", text("return")],
  ["number", number("return")],
];
const SUM: ProbePlan["measure"] = { kind: "value", name: "", signed: true, unit: "value" };

const QUESTIONS: Readonly<Record<string, Question>> = {
  "no question": {},
  "by a string": { by: [["string", text("entry")]] },
  "by four values, with stacks": { by: MANY, settings: { stacks: true, histogram: false } },
  "by four codes": {
    by: MANY.map(([kind, recipe]) => [kind, asCode(recipe)] as const),
    settings: { stacks: true },
  },
  "without probe time": { by: MANY, settings: { net: true } },
  "a value at the entry": { measure: SUM, probe: { value: number("entry") }, by: MANY },
  "a value at the return": { measure: SUM, probe: { value: asCode(number("return")) }, by: MANY },
  "under a condition": { probe: CONDITION, by: [["number", number("entry")]] },
  "one by one": { probe: CAPTURED, settings: TRACE },
  "one by one, under a condition and without probe time": {
    probe: { ...CONDITION, ...CAPTURED },
    settings: { ...TRACE, net: true },
  },
};

const NATIVE_QUESTIONS: typeof QUESTIONS = {
  "by a C string": { by: [["string", cText]] },
};

/** Whose calls: what their probes are. */
const GO: Readonly<Record<string, Partial<PlannedProbe>>> = {
  "Go calls": {},
  "Go calls of assembly": { goroutine: "tls" },
};
const NATIVE: Readonly<Record<string, Partial<PlannedProbe>>> = {
  "C calls": { identity: "thread", goroutine: "none", nest: 0 },
  "C calls for goroutines": { identity: "thread", goroutine: "behind-c", nest: 0 },
  "spans by a value": {
    kind: "span-begin",
    identity: "value",
    goroutine: "behind-c",
    nest: 0,
    match: asCode(number("entry")),
  },
};

const ENCODINGS: Readonly<Record<By[number][0], Dimension["encoding"]>> = {
  number: { kind: "integer", signed: true, size: 8 },
  string: { kind: "string" },
};

const site = (kind: SiteKind): PlannedProbe["entry"] => ({
  kind,
  address: NOWHERE,
  offset: fileOffset(0),
  bytes: Buffer.alloc(0),
  instruction: "",
});

function planOf(whose: Partial<PlannedProbe>, { by = [], probe, measure }: Question): ProbePlan {
  return {
    target: {
      path: "",
      access: "",
      arch: "amd64",
      goVersion: "",
      goBuildId: undefined,
      gnuBuildId: undefined,
      positionIndependent: false,
      imageBase: NOWHERE,
    },
    libraries: [],
    runtime: {
      goidOffset: 152,
      mOffset: 48,
      curgOffset: 192,
      schedSpOffset: 56,
      schedBpOffset: 96,
      parentGoidOffset: 280,
      gopcOffset: 288,
      tlsOffset: -8,
      goroutineInRegister: true,
      source: "table",
    },
    dimensions: by.map(([kind]) => ({ name: "", encoding: ENCODINGS[kind] })),
    measure: measure ?? { kind: "duration" },
    probes: [
      {
        name: "",
        function: { name: "", address: NOWHERE, size: 0, file: undefined, line: undefined, wrapper: false },
        signature: undefined,
        kind: "call",
        file: 0,
        identity: "goroutine",
        entry: site("entry"),
        exits: [],
        goroutine: "register",
        inlinedCopies: 0,
        recipes: by.map(([, recipe]) => recipe),
        value: undefined,
        notes: [],
        ...whose,
        ...probe,
      },
    ],
    refused: [],
    runtimeSites: [],
    warnings: [],
  };
}

const SETTINGS: RunSettings = {
  tgid: 1,
  pidNamespace: { device: 1n, inode: 1n },
  program: { inode: 1n, device: 1 },
  seriesCapacity: 16,
  histogram: true,
  stacks: false,
  events: false,
  origins: false,
  hasLoop: true,
};

/** Why the programs of that run are refused; undefined when they are not. */
function refusal(plan: ProbePlan, settings: RunSettings, mode: MachineFindings["attachMode"]): string | undefined {
  try {
    using _programs = loadCallPrograms(plan, settings, mode ?? "perf-event");
    return undefined;
  } catch (error) {
    if (error instanceof ProfilerError) return error.message;
    throw error;
  }
}

const { attachMode, returns } = examineMachine();
const byPrograms: Partial<RunSettings> = returns === "programs" ? { returns: { image: 1n, by: "this run" } } : {};
const refused: Record<string, string> = {};
let loaded = 0;
for (const [kinds, questions] of [
  [GO, QUESTIONS],
  [NATIVE, { ...QUESTIONS, ...NATIVE_QUESTIONS }],
] as const) {
  for (const [calls, whose] of Object.entries(kinds)) {
    for (const [asked, question] of Object.entries(questions)) {
      const program = whose.goroutine === undefined || whose.goroutine === "none" ? undefined : SETTINGS.program;
      const settings = { ...SETTINGS, ...byPrograms, program, ...question.settings };
      const reason = refusal(planOf(whose, question), settings, attachMode);
      loaded++;
      if (reason !== undefined) refused[`${calls}, ${asked}`] = reason;
    }
  }
}
const report: LoadsReport = { release: release(), loaded, refused };
process.stdout.write(JSON.stringify(report));
