/** Lines of /proc/PID/status as kernels with and without user shadow stacks have them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findShadowStack, hasShadowStack } from "../../src/process/index.js";

test("a thread has a shadow stack when its features name one, not when they are locked", () => {
  assert.equal(hasShadowStack("Name:\ta\nx86_Thread_features:\tshstk wrss \nx86_Thread_features_locked:\t\n"), true);
  assert.equal(hasShadowStack("Name:\ta\nx86_Thread_features:\t\nx86_Thread_features_locked:\tshstk \n"), false);
  assert.equal(hasShadowStack("Name:\tx86_Thread_features: shstk\n"), false);
});

test("a process without one, and no process", () => {
  assert.equal(findShadowStack(process.pid), false);
  assert.equal(findShadowStack(2 ** 30), undefined);
});
