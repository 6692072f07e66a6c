/**
 * Whether the programs may do returns themselves, so that the kernel need not step through them, which takes a second trap
 * and is most of what a call costs; where the kernel takes programs that can.
 */
import { runtimeAddress } from "../base/index.js";
import type { ProbePlan, Site } from "../probes/index.js";
import { findLoadBias, findShadowStack, ProcessMemory, type TargetProcess } from "../process/index.js";
import { isCode, readSites } from "./nearby.js";
import type { ProgramFile } from "./program-file.js";
import { hasNests } from "./wire.js";

export interface DoneReturns {
  /** Added to addresses in cookies it gives those of the process: where a thread is while its return is still to be done. */
  readonly image: bigint;
  /** Whose programs do them; with others', this run's take back one that was done before them, and the kernel steps through it. */
  readonly by: "this run" | "others";
}

const RET = Buffer.from([0xc3]);

/**
 * For a run on one process. Undefined where the kernel is to step through whatever others do: with a shadow stack, which would
 * have to be told. LIMIT: and beside C functions and spans, where returns are not most of the price.
 */
export function findDoneReturns(plan: ProbePlan, file: ProgramFile, process: TargetProcess): DoneReturns | undefined {
  const sites = file.sites.map(({ site }) => site);
  const [first] = sites.filter(isPlain);
  if (first === undefined || hasNests(plan) || findShadowStack(process.pid) !== false) return undefined;
  const { address, offset, bytes } = first;
  const segment = { virtualAddress: address, fileOffset: offset, fileSize: bytes.length, executable: true };
  const bias = findLoadBias(process.readExecutableMappings(), [segment]);
  if (bias === undefined) return undefined;
  const returns = sites.filter(({ kind }) => kind === "return");
  const isOurs = returns.every(isPlain) && areUnprobed(returns, bias, process);
  return { image: BigInt(plan.target.imageBase + bias), by: isOurs ? "this run" : "others" };
}

/** Without a count of bytes to drop, and without a prefix. */
const isPlain = ({ bytes }: Site): boolean => bytes.equals(RET);

/**
 * A probe would be a breakpoint in place of the instruction. Programs on one site run in turn, those that came last first, so
 * whoever was there before this run and knows nothing of done returns would see the thread in its caller. So this is asked each
 * time before probes that rested come back. LIMIT: who comes between the question and the probes is not seen.
 */
function areUnprobed(sites: readonly Site[], bias: number, process: TargetProcess): boolean {
  using memory = ProcessMemory.open(process.pid);
  let isUnprobed = memory !== undefined;
  readSites(
    sites,
    ({ address }) => address + bias,
    (at, into) => memory?.readInto(runtimeAddress(at), into) === true,
    (_site, now) => {
      isUnprobed &&= now !== undefined && isCode(now, RET);
    },
  );
  return isUnprobed;
}
