/** `list`: what can be probed in a binary, and for what can't, why. */
import { formatListJson, formatListText, type ListEntry } from "../export/index.js";
import { describeFunctions, type FunctionDescription } from "../probes/index.js";
import type { ListRequest } from "./request.js";
import { openResults } from "./results.js";
import type { Streams } from "./streams.js";
import { Subject } from "./subject.js";

/** LIMIT: functions shown in full; more of them get a line each, unless --verbose asks. */
const DETAILED = 3;

const entryOf = ({
  fn,
  file,
  line,
  parameters,
  results,
  signatureSource,
  sites,
  inlinedCopies,
}: FunctionDescription): ListEntry => ({
  kind: "function",
  name: fn.name,
  file,
  line,
  address: fn.entry,
  size: fn.end - fn.entry,
  params: parameters,
  results,
  signatureSource,
  entry: sites.ok ? { offset: sites.value.entry.offset, instruction: sites.value.entry.instruction } : undefined,
  returns: sites.ok ? sites.value.exits.length : 0,
  inlinedCopies,
  refused: sites.ok ? undefined : sites.refusal,
});

export async function list(request: ListRequest, streams: Streams): Promise<number> {
  using results = openResults(request.output, streams);
  using subject = await Subject.open(request.target);
  const { patterns, signatures } = request;
  const entries = Array.from(describeFunctions(subject.binary, subject.table, { patterns, signatures }), entryOf);
  const layout = request.verbose || entries.length <= DETAILED ? "details" : "lines";
  results.finish(request.json ? formatListJson(entries) : formatListText(entries, layout, results.style));
  return 0;
}
