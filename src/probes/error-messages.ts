/** How errors of well-known types make their message out of their fields, so that it can be put together again. */

/** A field by its name, with what stands between its elements if it is a list; or text between fields. */
export type MessagePart = { readonly field: string; readonly separator?: string } | string;

const text = (field: string): readonly MessagePart[] => [{ field }];

/**
 * FACT(go1.19..go1.27): by the dynamic type's name. Types whose message depends on more than their fields are not here:
 * their fields are shown instead. What Go quotes stands between quotes as it is.
 */
const MESSAGES: ReadonlyMap<string, readonly MessagePart[]> = new Map<string, readonly MessagePart[]>([
  ["*errors.errorString", text("s")],
  ["*fmt.wrapError", text("msg")],
  ["*fmt.wrapErrors", text("msg")],
  ["*errors.joinError", [{ field: "errs", separator: "\n" }]],
  ["*io/fs.PathError", [{ field: "Op" }, " ", { field: "Path" }, ": ", { field: "Err" }]],
  ["*os.SyscallError", [{ field: "Syscall" }, ": ", { field: "Err" }]],
  ["*os.LinkError", [{ field: "Op" }, " ", { field: "Old" }, " ", { field: "New" }, ": ", { field: "Err" }]],
  ["*os/exec.Error", ['exec: "', { field: "Name" }, '": ', { field: "Err" }]],
  ["*net/url.Error", [{ field: "Op" }, ' "', { field: "URL" }, '": ', { field: "Err" }]],
  ["*strconv.NumError", ["strconv.", { field: "Func" }, ': parsing "', { field: "Num" }, '": ', { field: "Err" }]],
  ["context.deadlineExceededError", ["context deadline exceeded"]],
  ["*net.timeoutError", ["i/o timeout"]],
  ["net.canceledError", ["operation was canceled"]],
  ["*internal/poll.DeadlineExceededError", ["i/o timeout"]],
  ["internal/poll.errNetClosing", ["use of closed network connection"]],
  ["*github.com/pkg/errors.fundamental", text("msg")],
  ["*github.com/pkg/errors.withStack", [{ field: "error" }]],
  ["*github.com/pkg/errors.withMessage", [{ field: "msg" }, ": ", { field: "cause" }]],
]);

/** The parts of a type's message in their order; undefined where its message is not known how to be made. */
export const messageParts = (typeName: string): readonly MessagePart[] | undefined => MESSAGES.get(typeName);

/** The number of a system error, whose message the reader knows. */
export const ERRNO = "syscall.Errno";

const RANKS: ReadonlyMap<string, number> = new Map([ERRNO, ...MESSAGES.keys()].map((name, rank) => [name, rank]));

/** Types of errors that are told by their message go before others, the common ones first. */
export const rankOfError = (typeName: string): number => RANKS.get(typeName) ?? RANKS.size;

const ERROR_FIELDS: ReadonlySet<string> = new Set(["Err", "errs", "error", "cause"]);

/** Whether the message has that of another error in it; undefined for types that are not told by their message. */
export function holdsError(typeName: string): boolean | undefined {
  if (typeName === ERRNO) return false;
  return messageParts(typeName)?.some((part) => typeof part !== "string" && ERROR_FIELDS.has(part.field));
}
