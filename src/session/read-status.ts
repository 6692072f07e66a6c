/** How reading went, by the numbers of `enum gs_read_status`. */
import { gsReadStatus } from "../abi/index.js";
import type { ReadStatus } from "../aggregate/index.js";
import { invariant } from "../base/index.js";

const STATUSES: Readonly<Record<number, ReadStatus>> = {
  [gsReadStatus.GS_READ]: "read",
  [gsReadStatus.GS_FAULT]: "fault",
  [gsReadStatus.GS_NIL]: "nil",
  [gsReadStatus.GS_CUT]: "cut",
  [gsReadStatus.GS_TOO_LARGE]: "too-large",
  [gsReadStatus.GS_NOT_FOUND]: "not-found",
  [gsReadStatus.GS_OTHER_TYPE]: "other-type",
  [gsReadStatus.GS_NO_ROOM]: "no-room",
};

export function readStatus(status: number): ReadStatus {
  const known = STATUSES[status];
  invariant(known !== undefined, `a read status is known: ${status}`);
  return known;
}
