/** What a run costs its target, measured while it runs. */
import type { CostRecord } from "../aggregate/index.js";
import type { TargetProcess } from "../process/index.js";
import type { CallPrograms } from "./programs.js";

/** Watches the target's CPU time and the programs' own run time from attach on. */
export class CostMeter implements Disposable {
  private readonly target: TargetProcess | undefined;
  private readonly cpuAtStart: bigint | undefined;
  private lastCpu: bigint | undefined;

  private constructor(target: TargetProcess | undefined) {
    this.target = target;
    this.cpuAtStart = target?.findCpuTime();
    this.lastCpu = this.cpuAtStart;
  }

  static start(target: TargetProcess | undefined, _programs: CallPrograms): CostMeter {
    return new CostMeter(target);
  }

  read(hits: bigint): CostRecord {
    this.lastCpu = this.target?.findCpuTime() ?? this.lastCpu;
    const used =
      this.lastCpu === undefined || this.cpuAtStart === undefined ? undefined : this.lastCpu - this.cpuAtStart;
    return { hits, nsPerHit: undefined, targetCpuNs: used };
  }

  [Symbol.dispose](): void {}
}
