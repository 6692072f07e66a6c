/** What it is worth that the program does the return, on a kernel where it may: an emulated one, both in the same rounds. */
import { fixturePath } from "../fixture.js";
import { runInGuest } from "../kernels/guest.js";
import type { ReturnCostReport } from "../kernels/reports.js";
import type { CallSettings } from "./calls.js";
import { type Row, rowOf } from "./table.js";

/** Ratio aimed at. */
const GOAL = 0.35;

/** Needs qemu. */
export async function measureReturns({ callsPerRound, rounds }: CallSettings): Promise<readonly Row[]> {
  const { programs, kernel } = await runInGuest<ReturnCostReport>({
    suite: "trixie-backports",
    program: "return-cost",
    args: [`${callsPerRound}`, `${rounds}`],
    files: [fixturePath("busy", "1.27", "plain")],
  });
  const names = {
    group: "a call of a function with a frame (main.Frame), on the newest kernel, emulated",
    subject: "hist --by n, return by the program",
    reference: "hist --by n, return by the kernel",
    unit: "ns",
    goal: GOAL,
  } as const;
  return [rowOf(names, programs, kernel)];
}
