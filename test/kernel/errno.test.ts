/** What an errno of the kernel means for the user: code and exit status. */
import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { EXIT_STATUS } from "../../src/base/index.js";
import { ENOTSUPP, kernelError } from "../../src/kernel/index.js";

test("each errno has one code and one exit status", () => {
  const { EPERM, EACCES, ESRCH, ENOMEM } = constants.errno;
  const cases = [
    [EPERM, "not-permitted", 4, "attach: EPERM"],
    [EACCES, "not-permitted", 4, "attach: EACCES"],
    [ESRCH, "target-gone", 3, "attach: ESRCH: the target has exited"],
    [ENOTSUPP, "instruction-not-supported", 1, "attach: ENOTSUPP"],
    [ENOMEM, "kernel", 1, "attach: ENOMEM"],
  ] as const;
  for (const [errno, ...expected] of cases) {
    const { code, kind, message } = kernelError("attach", errno);
    assert.deepEqual([code, EXIT_STATUS[kind], message], expected);
  }
});
