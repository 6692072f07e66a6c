/** The kernel's own timing of BPF programs, while somebody wants it. */
import { closeDescriptor, enableRunStatistics, failed, programRunStatistics } from "../kernel/index.js";

export interface ProgramRuns {
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
}

/** Timing is on, for every program of the machine, until this is disposed. */
export class RunStatistics implements Disposable {
  private fd: number | undefined;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Undefined where the kernel or the user's privileges do not allow it. */
  static enable(): RunStatistics | undefined {
    const result = enableRunStatistics();
    return failed(result) ? undefined : new RunStatistics(result.value);
  }

  /** What a program has run while timing was on; undefined when the kernel does not say. */
  static of(programFd: number): ProgramRuns | undefined {
    const result = programRunStatistics(programFd);
    return "errno" in result ? undefined : result;
  }

  [Symbol.dispose](): void {
    if (this.fd !== undefined) closeDescriptor(this.fd);
    this.fd = undefined;
  }
}
