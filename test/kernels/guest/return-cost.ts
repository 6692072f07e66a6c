/** What a measured call costs by who does its return; arguments: calls per round, rounds. */
import { nothing, session } from "../../bench/attachments.js";
import { busy, CALL_CASES, planCalls } from "../../bench/calls.js";
import { measureVariants } from "../../bench/subject.js";
import type { ReturnCostReport } from "../reports.js";

const [callsPerRound, rounds] = process.argv.slice(2).map(Number);
const [how] = CALL_CASES;
if (how === undefined || callsPerRound === undefined || rounds === undefined)
  throw new Error("calls per round, rounds");
const plan = await planCalls(how, [how.by]);
const keep = { histogram: true, stacks: false };
const { added } = await measureVariants(
  busy(how, callsPerRound),
  { bare: nothing, kernel: session(plan, keep, { returns: "kernel" }), programs: session(plan, keep) },
  rounds,
);
const report: ReturnCostReport = { kernel: added("kernel"), programs: added("programs") };
process.stdout.write(JSON.stringify(report));
