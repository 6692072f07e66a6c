import assert from "node:assert/strict";
import { test } from "node:test";
import { countCpus } from "../../src/bpf/index.js";

test("the CPUs that a list of the kernel names are counted, not those between", () => {
  assert.deepEqual(["0", "0-1\n", "0-3,8-11", "0-63,128-191,200"].map(countCpus), [1, 2, 8, 129]);
  assert.throws(() => countCpus(""), { code: "bad-format" });
  assert.throws(() => countCpus("0-"), { code: "bad-format" });
});
