/**
 * What the running kernel offers, found by trying, never by version number. Three answers: yes, no, could not tell.
 */
import { ProfilerError } from "../base/index.js";
import {
  ATTACH_UPROBE_MULTI,
  BpfObject,
  closeDescriptor,
  createUprobeMultiLink,
  ERRNO,
  failed,
} from "../kernel/index.js";
import type { AttachMode } from "./links.js";
import { readObject } from "./objects.js";

/** Expected attach type of a uprobe program for a mode; a perf event takes programs without one. */
export const attachType = (mode: AttachMode): number => (mode === "uprobe-multi" ? ATTACH_UPROBE_MULTI : 0);

/**
 * Whether uprobe_multi links are there and filter by process. Needs a loaded uprobe program of that attach type.
 *
 * "/" is not a file, so the link is refused with EBADF where uprobe_multi exists. With the impossible pid -1 the
 * kernels whose filter is right (6.10) refuse the pid first, with EINVAL.
 */
export function hasUprobeMulti(programFd: number): boolean {
  const probe = { programFd, path: "/", offsets: [0], cookies: [0n], semaphores: [0], when: "hit" } as const;
  return refusal({ ...probe, pid: 0 }) === ERRNO.EBADF && refusal({ ...probe, pid: 0xffff_ffff }) === ERRNO.EINVAL;
}

function refusal(attach: Parameters<typeof createUprobeMultiLink>[0]): number {
  const result = createUprobeMultiLink(attach);
  if (failed(result)) return result.errno;
  closeDescriptor(result.value);
  return 0;
}

/** An object with one program `empty` and nothing else, loaded. Throws as BpfObject.load does. */
export const loadEmpty = (name: "empty" | "returns", mode: AttachMode): BpfObject =>
  BpfObject.load(name, readObject(name), {
    maxEntries: {},
    keySizes: {},
    valueSizes: {},
    readOnlyData: {},
    programs: { empty: attachType(mode) },
  });

/** Whether a program may write a probed thread's registers, and so do a return itself; asked once per process and mode. */
export function canDoReturns(mode: AttachMode): boolean {
  const known = doesReturns.get(mode);
  if (known !== undefined) return known;
  const answer = isAccepted(mode);
  doesReturns.set(mode, answer);
  return answer;
}

const doesReturns = new Map<AttachMode, boolean>();

function isAccepted(mode: AttachMode): boolean {
  try {
    using _object = loadEmpty("returns", mode);
    return true;
  } catch (error) {
    if (error instanceof ProfilerError) return false;
    throw error;
  }
}
