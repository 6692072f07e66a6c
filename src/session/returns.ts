/**
 * Whether the programs may do returns themselves, so that the kernel need not step through them, which takes a second trap
 * and is most of what a call costs; where the kernel takes programs that can.
 */
import { runtimeAddress } from "../base/index.js";
import type { ProbePlan } from "../probes/index.js";
import { findLoadBias, findShadowStack, ProcessMemory, type TargetProcess } from "../process/index.js";
import type { OwnedSite, ProgramFile } from "./program-file.js";

const RET = Buffer.from([0xc3]);

/**
 * Added to addresses in cookies it gives those of the process: what the programs know a site of the Go program by at which they
 * are to return. Undefined where one of these is in doubt, and the kernel is to step through:
 *
 * - no shadow stack, which would have to be told;
 * - nobody else has a probe there: programs on one site run in turn, those that came last first, so whoever was there before
 *   would see the thread in its caller. LIMIT: who comes between two slices of this run is before it from then on;
 * - no other probe of this run is there, for the same reason;
 * - a plain return.
 */
export function findReturnImage(plan: ProbePlan, file: ProgramFile, process: TargetProcess): bigint | undefined {
  const returns = file.sites.filter(({ site }) => site.kind === "return");
  const [first] = returns;
  if (first === undefined || !areReturnsAlone(file.sites) || findShadowStack(process.pid) !== false) return undefined;
  const { address, offset, bytes } = first.site;
  const segment = { virtualAddress: address, fileOffset: offset, fileSize: bytes.length, executable: true };
  const bias = findLoadBias(process.readExecutableMappings(), [segment]);
  if (bias === undefined || !areUnprobed(returns, bias, process)) return undefined;
  return BigInt(plan.target.imageBase + bias);
}

function areReturnsAlone(sites: readonly OwnedSite[]): boolean {
  const offsets = new Set(sites.map(({ site }) => site.offset));
  return offsets.size === sites.length && sites.every(({ site }) => site.kind !== "return" || site.bytes.equals(RET));
}

/** A probe would be a breakpoint in place of the instruction. */
function areUnprobed(sites: readonly OwnedSite[], bias: number, process: TargetProcess): boolean {
  using memory = ProcessMemory.open(process.pid);
  return sites.every(({ site }) => memory?.read(runtimeAddress(site.address + bias), RET.length)?.equals(RET) === true);
}
