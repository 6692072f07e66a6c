/** What the guest's kernel allows. */
import { release } from "node:os";
import { examineMachine } from "../../../src/session/index.js";
import type { DoctorReport } from "../reports.js";

const { obstacle, attachMode, returns, hasLoop, codesObstacle, threadStorageObstacle } = examineMachine();
const report: DoctorReport = {
  release: release(),
  attachMode,
  hasLoop,
  returns,
  obstacles: [obstacle, codesObstacle, threadStorageObstacle].flatMap((each) => each?.message ?? []),
};
process.stdout.write(JSON.stringify(report));
