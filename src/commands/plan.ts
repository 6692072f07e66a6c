/** `plan`: the exact sites, instructions and recipes that a run would use, without attaching. */
import { formatPlanJson, formatPlanText } from "../export/index.js";
import type { PlanRequest } from "./request.js";
import { openResults } from "./results.js";
import type { Streams } from "./streams.js";
import { Subject } from "./subject.js";

export async function plan(request: PlanRequest, streams: Streams): Promise<number> {
  using results = openResults(request.output, streams);
  using subject = await Subject.open(request.target, request.symbols);
  const planned = await subject.plan(request, "show", request.show.length > 0 ? "values" : "none");
  results.finish(request.json ? formatPlanJson(planned) : formatPlanText(planned, results.style));
  return 0;
}
