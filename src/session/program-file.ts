/**
 * The target's file, held open from its verification to the attachment: whatever replaces it under its name meanwhile,
 * by a deploy or by an exec of the process, is not what the probes go to.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { hex, messageOf, UnmeasurableError } from "../base/index.js";
import { targetGone } from "../kernel/index.js";
import type { ProbePlan, Site } from "../probes/index.js";

/** Every instruction that a run of the plan puts a probe on. */
export function* allSites(plan: ProbePlan): Iterable<Site> {
  for (const probe of plan.probes) {
    yield probe.entry;
    yield* probe.exits;
  }
  yield* plan.runtimeSites;
}

export class ProgramFile implements Disposable {
  /** Opens this very file, for this process, as long as this is not disposed. */
  readonly path: string;
  private readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
    this.path = `/proc/self/fd/${fd}`;
  }

  /** Throws UnmeasurableError: `target-gone` when there is no file, `file-changed` when it is not the plan's. */
  static open(plan: ProbePlan, path: string): ProgramFile {
    let fd: number;
    try {
      fd = openSync(path, "r");
    } catch (cause) {
      // Its process has ended, or the name is gone.
      const reason = messageOf(cause).replace(/,.*/, "");
      throw targetGone(`${plan.target.path}: ${reason}`, { cause });
    }
    const file = new ProgramFile(fd);
    try {
      file.verify(plan);
      return file;
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
  }

  /** At each site must still be the instruction that was decoded: a probe elsewhere corrupts the target. */
  private verify(plan: ProbePlan): void {
    for (const site of allSites(plan)) {
      const bytes = Buffer.alloc(site.bytes.length);
      const read = readSync(this.fd, bytes, 0, bytes.length, site.offset);
      if (read === bytes.length && bytes.equals(site.bytes)) continue;
      throw new UnmeasurableError(
        "file-changed",
        `${plan.target.path}: the code at ${hex(site.address)} is not what was planned`,
        { hint: "the file changed meanwhile: run again" },
      );
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}
