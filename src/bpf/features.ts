/**
 * What the running kernel offers, found by trying, never by version number. Three answers: yes, no, could not tell.
 */
import { ATTACH_UPROBE_MULTI, closeDescriptor, createUprobeMultiLink, ERRNO, failed } from "../kernel/index.js";
import type { AttachMode } from "./links.js";

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
