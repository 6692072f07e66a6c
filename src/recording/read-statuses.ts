/** How reading went, in the order of their codes in events. */
import type { ReadStatus } from "../aggregate/index.js";

export const READ_STATUSES = [
  "read",
  "cut",
  "fault",
  "nil",
  "too-large",
  "not-found",
  "other-type",
  "no-room",
] as const satisfies readonly ReadStatus[];
