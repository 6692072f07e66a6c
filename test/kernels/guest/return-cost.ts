/** What a measured call costs by who does its return; arguments: calls per round, rounds. */
import { nothing, session } from "../../bench/attachments.js";
import { busy, planCalls } from "../../bench/calls.js";
import { RETURN_CASES } from "../../bench/returns.js";
import { measureVariants } from "../../bench/subject.js";
import type { ReturnCostReport } from "../reports.js";

const [callsPerRound, rounds] = process.argv.slice(2).map(Number);
if (callsPerRound === undefined || rounds === undefined) throw new Error("calls per round, rounds");
const keep = { histogram: true, stacks: false };
const report: ReturnCostReport[] = [];
for (const how of RETURN_CASES) {
  const plan = await planCalls(how, [how.by]);
  const { added } = await measureVariants(
    busy(how, callsPerRound),
    { bare: nothing, kernel: session(plan, keep, { returns: "kernel" }), programs: session(plan, keep) },
    rounds,
  );
  report.push({ kernel: added("kernel"), programs: added("programs") });
}
process.stdout.write(JSON.stringify(report));
