/**
 * Whether a probe on a 5-byte nop harms C code. Kernels that turn such a probe into a call (6.18 to 7.1) have it push onto the
 * stack, where C code may keep values below the stack pointer. Found by trying it on a page of our own, never by version.
 */
import { hex, UnmeasurableError } from "../base/index.js";
import { type AttachMode, CodePage, Link, LONG_NOP_SITE, loadEmpty } from "../bpf/index.js";
import type { OwnedSite, ProgramFile } from "./program-file.js";

/** LIMIT: how often the probe is hit. The kernel replaces it at one of the first. */
const HITS = 64;

/**
 * Every form that `insn_is_nop` of the kernel knows, whatever its prefixes: `nop`, `nopl`, the hints reserved for such, and
 * `lea 0(%reg), %reg` as assemblers pad with it. Kernels differ in which of them they turn into a call.
 */
const NOP = /^(?:26|2e|36|3e|64|65|66|67|f2|f3|4[0-9a-f])*(?:90|0f0d|0f1[89a-f]|8d[4-7][0-9a-f](?:[0-9a-f]{2})?00$)/;

/** Go code keeps nothing there. */
export const isLongNopOfC = ({ site, owner }: OwnedSite): boolean =>
  (owner?.goroutine === "none" || owner?.goroutine === "behind-c") &&
  site.bytes.length === 5 &&
  NOP.test(site.bytes.toString("hex"));

/** Once per process and way to attach: the kernel does not change. */
const known = new Map<AttachMode, boolean>();

function corruptsRedZone(mode: AttachMode): boolean {
  const found = known.get(mode);
  if (found !== undefined) return found;
  using page = CodePage.map();
  using object = loadEmpty("empty", mode);
  const sites = [{ offset: LONG_NOP_SITE, cookie: 0n }];
  using _link = Link.attach({ programFd: object.programFd("empty"), path: page.path, pid: process.pid, sites }, mode);
  const corrupts = !page.keepsRedZone(HITS);
  known.set(mode, corrupts);
  return corrupts;
}

/** Throws UnmeasurableError `nop-corrupts` when a site is one that this kernel can't put a probe on without harm. */
export function requireHarmlessNops(files: readonly ProgramFile[], mode: AttachMode): void {
  for (const { sites, planned } of files) {
    const nop = sites.find(isLongNopOfC);
    if (nop === undefined || !corruptsRedZone(mode)) continue;
    throw new UnmeasurableError(
      "nop-corrupts",
      `${nop.owner?.name ?? planned.path}: on this kernel a probe on the 5-byte nop at ${hex(nop.site.address)} of ${planned.path} ` +
        "would overwrite what C code keeps below its stack pointer",
      { hint: "kernels before 6.18 and from 7.2 on do not; leave this probe out here" },
    );
  }
}
