/**
 * Plans with codes made by hand: what the evaluation machine does is tested apart from the planner that uses it. A plan
 * for the functions alone is completed with conditions and captures by function name.
 */
import type { CapturedPart, EventRecord } from "../../src/aggregate/index.js";
import type { Capture, Code, Condition, PlannedProbe, ProbePlan } from "../../src/probes/index.js";
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
