/** `symbols`: a portable symbol file, from the build that still has its debug data. */
import { UsageError } from "../base/index.js";
import { formatBytes, formatQuantity } from "../export/index.js";
import { writeSymbolFile } from "../symbols/index.js";
import { isSameFile } from "./output-file.js";
import type { SymbolsRequest } from "./request.js";
import { openResults } from "./results.js";
import type { Streams } from "./streams.js";
import { Subject } from "./subject.js";

const HINT = "name the symbol file: gospect symbols -e BUILD -o app.gosym";

export async function symbols(request: SymbolsRequest, streams: Streams): Promise<number> {
  const { output } = request;
  if (output === undefined) throw new UsageError("nowhere to write the symbols to", { hint: HINT });
  if (output === "-" && streams.out.isTerminal)
    throw new UsageError("a symbol file is binary: it does not go to a terminal", { hint: HINT });
  using subject = await Subject.open(request.target);
  if (isSameFile(output, subject.target.path))
    throw new UsageError(`${output} is the program itself, and would be overwritten`, { hint: HINT });
  const { binary, symbols: table } = subject.requireGo();
  using results = openResults(output, streams);
  const bytes = await writeSymbolFile(binary);
  results.finish(bytes);
  if (!request.quiet && output !== "-") {
    const functions = formatQuantity(table.functionCount, "function");
    streams.err.write(`${output}: ${functions}, ${formatBytes(bytes.length)}; --symbols ${output} uses it\n`);
  }
  return 0;
}
