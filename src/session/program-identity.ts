/** Which program a process runs, as the kernel knows it: libraries are mapped by others too. */
import { statfsSync, statSync } from "node:fs";
import type { ProbePlan } from "../probes/index.js";
import type { TargetRequest } from "./target.js";

export interface ProgramIdentity {
  /** As the kernel numbers devices in itself; 0: not told. */
  readonly device: number;
  readonly inode: bigint;
}

/** File systems whose files show another device to stat than their kernel objects have: linux/magic.h. */
const OWN_DEVICES: ReadonlySet<bigint> = new Set([0x9123_683en /* btrfs */, 0x794c_7630n /* overlay */]);

/** From the number that stat has, which splits the minor number in two. */
export function kernelDevice(device: bigint): number {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xffff_f000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffff_ff00n);
  return Number((major << 20n) | minor);
}

/**
 * The program to whose processes a run is confined because its probes are in libraries too; undefined where the probes are,
 * or the process is. On file systems that hide the device of a file its inode decides alone.
 */
export function findProgram(plan: ProbePlan, request: TargetRequest): ProgramIdentity | undefined {
  if (request.kind !== "exe" || plan.libraries.length === 0) return undefined;
  const { access } = plan.target;
  const { dev, ino } = statSync(access, { bigint: true });
  const hidden = OWN_DEVICES.has(statfsSync(access, { bigint: true }).type);
  return { device: hidden ? 0 : kernelDevice(dev), inode: ino };
}
