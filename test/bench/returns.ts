/** What it is worth that the program does the return, on a kernel where it may: an emulated one, both in the same rounds. */
import { fixturePath } from "../fixture.js";
import { runInGuest } from "../kernels/guest.js";
import type { ReturnCostReport } from "../kernels/reports.js";
import { type CallCase, type CallSettings, LEAF_CASE, USUAL } from "./calls.js";
import { type Row, rowOf } from "./table.js";

/** Ratio aimed at, of a call whose entry takes one trap. */
const GOAL = 0.35;

/** A leaf's first instruction is stepped through by the kernel, whoever does the return. */
export const RETURN_CASES: readonly (CallCase & { readonly goal?: number })[] = [{ ...USUAL, goal: GOAL }, LEAF_CASE];

/** Needs qemu. */
export async function measureReturns({ callsPerRound, rounds }: CallSettings): Promise<readonly Row[]> {
  const report = await runInGuest<readonly ReturnCostReport[]>({
    suite: "trixie-backports",
    program: "return-cost",
    args: [`${callsPerRound}`, `${rounds}`],
    files: [fixturePath("busy", "1.27", "plain")],
  });
  return RETURN_CASES.flatMap((how, number) => {
    const costs = report[number];
    if (costs === undefined) return [];
    const names = {
      group: `a call of ${how.title} (${how.function}), on the newest kernel, emulated`,
      subject: `hist --by ${how.by}, return by the program`,
      reference: `hist --by ${how.by}, return by the kernel`,
      unit: "ns",
      ...(how.goal === undefined ? {} : { goal: how.goal }),
    } as const;
    return [rowOf(names, costs.programs, costs.kernel)];
  });
}
