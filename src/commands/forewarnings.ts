/**
 * What a run should know of its plan before it begins: function by function, or, where a pattern named many, how many
 * functions each thing is true of.
 */
import { printable } from "../aggregate/index.js";
import { formatCount, formatQuantity } from "../export/index.js";
import {
  type PlannedProbe,
  type ProbePlan,
  type RefusedFunction,
  refusedByReason,
  tellRefused,
} from "../probes/index.js";

/** LIMIT: functions named one by one, of those refused and of those with notes. */
const FEW = 5;

/** Lines without their newlines, safe to print: names are whatever a file says. `named`: each function, however many there are. */
export function forewarnings(plan: ProbePlan, detail: "named" | "counted"): readonly string[] {
  const noted = plan.probes.filter(({ notes }) => notes.length > 0);
  const refusals = detail === "named" || plan.refused.length <= FEW ? eachRefusal : countedRefusals;
  const notes = detail === "named" || noted.length <= FEW ? eachNote : countedNotes;
  return [...refusals(plan.refused), ...plan.warnings, ...notes(noted), ...heldUp(plan)].map(printable);
}

/** LIMIT: probes that come and go without anybody noticing: here a request waited 16 ms for one, 60 for 1,500, 0.1 to 0.4 s for 11,000. */
const MANY_PROBES = 5000;

/** The kernel writes each into the target's code, and has its CPUs notice. */
function heldUp({ probes }: ProbePlan): readonly string[] {
  const sites = probes.reduce((sum, { exits }) => sum + 1 + exits.length, 0);
  if (sites <= MANY_PROBES) return [];
  return [
    `${formatCount(sites)} probes: putting them on and taking them off holds the target up, for tenths of a second and more, which is not in its cost; name fewer functions to spare it`,
  ];
}

/** What a run of so many probes that come off one by one says before it, and at its end. Undefined where nobody would notice. */
export function slowEnd(probes: number): string | undefined {
  const seconds = Math.round(probes / 10);
  if (seconds === 0) return undefined;
  return `this kernel takes ${formatQuantity(seconds, "second")} or so to take the ${formatCount(probes)} probes of the run off, one by one`;
}

const eachRefusal = (functions: readonly RefusedFunction[]): readonly string[] =>
  functions.map(({ name, refusal }) => `not measured: ${name}: ${refusal.reason}`);

const eachNote = (probes: readonly PlannedProbe[]): readonly string[] =>
  probes.flatMap((probe) => probe.notes.map((note) => `${probe.name}: ${note}`));

/** By reason, the most frequent ones first. */
function countedRefusals(functions: readonly RefusedFunction[]): readonly string[] {
  const reasons = refusedByReason(functions);
  const shown = reasons.slice(0, FEW).map((alike) => {
    const each = alike.length === 1 ? "" : ", each";
    return `not measured: ${tellRefused(alike, formatCount)}${each}: ${alike[0]?.refusal.reason}`;
  });
  const rest = reasons.slice(FEW).reduce((sum, alike) => sum + alike.length, 0);
  const more = rest === 0 ? [] : [`not measured: ${formatCount(rest)} more for other reasons`];
  return [...shown, ...more, "--verbose names what is not measured"];
}

/** What is worth a note, and the note for many. */
const KINDS: readonly { readonly is: (probe: PlannedProbe) => boolean; readonly one: string; readonly many: string }[] =
  [
    {
      is: (probe) => probe.function.wrapper,
      one: "is a wrapper made by the compiler: direct calls of what it wraps do not pass through it",
      many: "are wrappers made by the compiler: direct calls of what they wrap do not pass through them",
    },
    {
      is: (probe) => probe.exits.some((exit) => exit.kind === "tail-jump"),
      one: "has exits that are tail jumps: time until the jump, without results",
      many: "have exits that are tail jumps: time until the jump, without results",
    },
    {
      is: (probe) => probe.inlinedCopies > 0,
      one: "has inlined copies, which are not measured",
      many: "have inlined copies, which are not measured",
    },
  ];

function countedNotes(probes: readonly PlannedProbe[]): readonly string[] {
  const lines = KINDS.flatMap(({ is, one, many }) => {
    const count = probes.filter(is).length;
    if (count === 0) return [];
    return [count === 1 ? `1 function ${one}` : `${formatCount(count)} functions ${many}`];
  });
  return [...lines, "--verbose names them"];
}
