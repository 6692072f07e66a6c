/** What the guest's kernel allows. */
import { release } from "node:os";
import { canDoReturns } from "../../../src/bpf/index.js";
import { examineMachine } from "../../../src/session/index.js";
import type { DoctorReport } from "../reports.js";

const { obstacle, attachMode, hasLoop, codesObstacle, threadStorageObstacle } = examineMachine();
const report: DoctorReport = {
  release: release(),
  attachMode,
  hasLoop,
  returns: canDoReturns(attachMode ?? "perf-event") ? "programs" : "kernel",
  obstacles: [obstacle, codesObstacle, threadStorageObstacle].flatMap((each) => each?.message ?? []),
};
process.stdout.write(JSON.stringify(report));
