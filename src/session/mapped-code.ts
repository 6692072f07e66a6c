/** Whether a process runs its code where its file is mapped: nowhere else do uprobes fire. */
import { hex, UnmeasurableError } from "../base/index.js";
import type { ProbePlan, Site } from "../probes/index.js";
import { findLoadBias, type Mapping, type TargetProcess } from "../process/index.js";
import { allSites } from "./program-file.js";

/** Throws UnmeasurableError, `code-not-mapped`, when the process does not run one of the plan's sites from its file. */
export function requireMappedCode(plan: ProbePlan, process: TargetProcess): void {
  requireMapped(plan.target.path, allSites(plan), process.readExecutableMappings(), `process ${process.pid}`);
}

/** The same for sites of the file at `path`, its mappings, and the process that is called so. */
export function requireMapped(
  path: string,
  sites: Iterable<Pick<Site, "address" | "offset" | "bytes">>,
  mappings: readonly Mapping[],
  process: string,
): void {
  // The kernel puts no probes where the program may write.
  const code = mappings.filter(({ executable, writable }) => executable && !writable);
  for (const { address, offset, bytes } of sites) {
    const site = { virtualAddress: address, fileOffset: offset, fileSize: bytes.length, executable: true };
    if (findLoadBias(code, [site]) !== undefined) continue;
    throw new UnmeasurableError(
      "code-not-mapped",
      `${process}: the code at ${hex(address)} does not run from ${path}`,
      {
        hint: "a program that moves its code, as to huge pages, can't be probed: start it without that",
      },
    );
  }
}
