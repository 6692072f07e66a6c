/** Arguments are read only where their places are certain. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { GoType, RecordedPlace, Signature } from "../../src/binary/index.js";
import { AMD64_REGISTER_ABI, assign } from "../../src/probes/abi.js";
import { bindName } from "../../src/probes/names.js";

const INT: GoType = { kind: "int", name: "int", size: 8, signed: true };
const FLOAT: GoType = { kind: "float", name: "float64", size: 8 };
const register = (number: number): RecordedPlace => ({ kind: "register", register: number });

/** Which of the parameters a, b, c… are read, when debug data recorded these places. */
function certain(types: readonly GoType[], entryPlaces: readonly (RecordedPlace | undefined)[]): string {
  const parameters = types.map((type, index) => ({ name: "abcdef"[index] ?? "", type }));
  const signature: Signature = { parameters, results: [], hasReceiver: false, source: "dwarf", entryPlaces };
  const assignment = assign(signature, AMD64_REGISTER_ABI, "none");
  return parameters.map(({ name }) => (bindName(name, signature, assignment).ok ? name : "-")).join("");
}

test("parameters that debug data place where the ABI does are certain", () => {
  assert.equal(certain([INT, INT, FLOAT], [register(0), register(3), register(17)]), "abc");
});

test("an unnamed parameter that is left out shifts those behind it", () => {
  assert.equal(certain([INT, INT], [register(3), register(2)]), "--");
  assert.equal(certain([INT, INT], [register(0), register(2)]), "a-");
});

test("a later parameter of the same kind proves the place of one that was optimized away", () => {
  assert.equal(certain([INT, INT, INT], [undefined, register(3), undefined]), "ab-");
  assert.equal(certain([INT, FLOAT], [undefined, register(17)]), "-b");
});

test("results that debug data leave out are not read", () => {
  const signature: Signature = {
    parameters: [],
    results: [],
    hasReceiver: false,
    source: "dwarf",
    mayLackResults: true,
  };
  const bound = bindName("ret", signature, assign(signature, AMD64_REGISTER_ABI, "none"));
  assert.deepEqual(bound.ok ? "read" : bound.refusal.code, "uncertain-argument");
});
