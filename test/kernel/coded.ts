/**
 * Plans with codes made by hand: what the evaluation machine does is tested apart from the planner that uses it. A plan
 * for the functions alone is completed with conditions and captures by function name.
 */
import type { CapturedPart, EventRecord } from "../../src/aggregate/index.js";
import type { Capture, Code, CodeStep, Condition, PlannedProbe, ProbePlan } from "../../src/probes/index.js";
import type { SessionOptions } from "../../src/session/index.js";
import type { Fixture } from "../fixture.js";
import { Measuring, planner } from "./measuring.js";
import { tell } from "./subject.js";

export interface Coding {
  readonly condition?: Partial<Condition>;
  readonly entry?: Capture;
  readonly return?: Capture;
}

/** The plan with conditions and captures of the functions that are named. */
export function withCodes(plan: ProbePlan, codings: Readonly<Record<string, Coding>>): ProbePlan {
  const probes = plan.probes.map((probe): PlannedProbe => {
    const coding = codings[probe.function.name];
    if (coding === undefined) return probe;
    return {
      ...probe,
      condition: { decisions: [], entry: undefined, return: undefined, ...coding.condition },
      captures: { entry: coding.entry, return: coding.return, shown: [] },
    };
  });
  return { ...plan, probes };
}

/** A capture of `slots` values with room for some bytes. */
export const capture = (slots: number, code: Code, tailBytes = 0): Capture => ({ code, slots, tailBytes });

export const EVENTS = { histogram: false, stacks: false, events: true } as const;

export interface Coded {
  readonly events: readonly EventRecord[];
  readonly open: readonly EventRecord[];
  readonly results: ReturnType<Measuring["stop"]>;
  readonly loss: ReturnType<Measuring["session"]["eventLoss"]>;
}

/** What a session with these codes says of what the subject does when told so. */
export async function coded(
  subject: Fixture,
  codings: Readonly<Record<string, Coding>>,
  words: readonly string[],
  options: Partial<SessionOptions> & { readonly probes?: readonly string[] } = {},
): Promise<Coded> {
  const target = { kind: "pid", pid: subject.pid } as const;
  const probes = options.probes ?? Object.keys(codings);
  const plan = withCodes((await planner(target))({ probes }), codings);
  using measuring = await Measuring.start(plan, target, { keep: EVENTS, ...options });
  for (const each of words) await tell(subject, each);
  const results = measuring.stop();
  const { session } = measuring;
  return { events: session.drain(), open: session.openCalls(), results, loss: session.eventLoss() };
}

/** A part as one list: each slot's word, or why there is none. */
export function slotsOf(part: CapturedPart | "lost" | undefined): (bigint | string | undefined)[] {
  if (part === undefined || part === "lost") return [part];
  return part.words.map((word, slot) => {
    const outcome = part.outcomes[slot];
    return outcome === "read" ? word : outcome;
  });
}

/** The kept bytes of a slot as text, with its outcome and the length that the string has. */
export function textOf(part: CapturedPart | "lost" | undefined, slot: number): string {
  if (part === undefined || part === "lost") return String(part);
  const place = part.words[slot] ?? 0n;
  const from = Number(place & 0xffff_ffffn);
  const bytes = part.tail.subarray(from, from + Number(place >> 32n));
  return `${part.outcomes[slot]} ${bytes.toString("latin1")} of ${BigInt.asIntN(64, part.words[slot + 1] ?? 0n)}`;
}

export const argument: CodeStep = { op: "register", register: "ax" };
/** The first argument, or the only result. */
export const first = capture(1, [argument, { op: "keep", slot: 0 }]);

/** True when the first argument, or the only result, is related so to a number. */
export const compared = (relation: "<" | "==" | ">=", value: bigint): Code => [
  { op: "set", value },
  { op: "put", variable: 0 },
  argument,
  { op: "compare", relation, variable: 0, signed: true },
];
/** True when the argument is even. */
export const even: Code = [
  argument,
  { op: "and", mask: 1 },
  { op: "put", variable: 0 },
  { op: "set", value: 0n },
  { op: "compare", relation: "==", variable: 0, signed: false },
];

/** How an event ended, how deep, and what was captured of it. */
export const told = (event: EventRecord): unknown[] => [
  event.outcome,
  event.level,
  ...slotsOf(event.entry),
  ...slotsOf(event.return),
];

/** A duration that every call lasts, none, or as many as there are. */
export const lasted = (relation: "<" | ">=", ns: bigint): Code => [
  { op: "set", value: ns },
  { op: "put", variable: 0 },
  { op: "special", value: "duration" },
  { op: "compare", relation, variable: 0, signed: false },
];
export const FOREVER = 1n << 40n;
