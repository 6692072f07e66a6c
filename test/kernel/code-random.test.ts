/**
 * Codes made by chance, on the real kernel and in an interpreter of its own here: what they leave in their slots, and where
 * they end, must be the same. Seeds are fixed, so that what fails fails again.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gsLimits } from "../../src/abi/index.js";
import type { Code, CodeStep, Failure } from "../../src/probes/index.js";
import type { Fixture } from "../fixture.js";
import { argument, capture, coded, slotsOf } from "./coded.js";
import { withoutKernel } from "./measuring.js";
import { startSubject } from "./subject.js";

const ROUNDS = 12;
const STEPS = 40;
const SLOTS = 8;
const FAILURES: readonly Failure[] = ["fault", "nil", "too-large", "not-found", "other-type"];
const RELATIONS = ["==", "!=", "<", "<=", ">", ">="] as const;

/** Numbers below a bound, by chance (xorshift). */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function randomCode(seed: number): Code {
  const below = chance(seed);
  const variable = (): number => below(4);
  const sign = (): boolean => below(2) === 0;
  const number = (): bigint => {
    const words = (BigInt(below(2 ** 32)) << 32n) | BigInt(below(2 ** 32));
    return BigInt.asIntN([4, 16, 32, 33, 64][below(5)] ?? 64, words);
  };
  /** Where a jump may go from a step: most often on, now and then back. */
  const jump = (at: number): number => (below(4) === 0 ? -below(at + 2) : below(STEPS - at));
  const step = (at: number): CodeStep => {
    switch (below(22)) {
      case 0:
        return { op: "get", variable: variable() };
      case 1:
        return { op: "put", variable: variable() };
      case 2:
        return { op: "get-b", variable: variable() };
      case 3:
        return { op: "put-b", variable: variable() };
      case 4:
        return { op: "add-variable", variable: variable() };
      case 5:
        return { op: "multiply", by: Number(BigInt.asIntN(32, number())) };
      case 6:
        return { op: "and", mask: Number(BigInt.asIntN(32, number())) };
      case 7:
        return { op: "shift-right", by: below(64), signed: sign() };
      case 8:
        return { op: "compare", relation: RELATIONS[below(6)] ?? "==", variable: variable(), signed: sign() };
      case 9:
        return { op: "truncate", size: ([1, 2, 4] as const)[below(3)] ?? 4, signed: sign() };
      case 10:
        return { op: "jump", by: jump(at) };
      case 11:
        return { op: "jump-if", by: jump(at) };
      case 12:
        return { op: "jump-unless", by: jump(at) };
      case 13:
        return { op: "try", by: jump(at) };
      case 14:
        return { op: "fail", as: FAILURES[below(5)] ?? "fault" };
      case 15:
        return { op: "add", value: Number(BigInt.asIntN(32, number())) };
      case 16:
        return sign() ? { op: "take-b" } : { op: "give-b" };
      case 17:
        return sign() ? { op: "not-zero" } : { op: "log2", signed: sign() };
      case 18:
        return argument;
      case 19:
        return { op: "set", value: number() };
      default:
        return { op: "keep", slot: below(SLOTS) };
    }
  };
  // Variables are what the hit before has left: they begin with what is known.
  const begin: CodeStep[] = [argument, ...[0, 1, 2, 3].map((each) => ({ op: "put", variable: each }) as const)];
  return [...begin, ...Array.from({ length: STEPS }, (_, at) => step(at))];
}

const bits = (value: bigint): bigint => BigInt.asUintN(64, value);
const signed = (value: bigint): bigint => BigInt.asIntN(64, value);
const fits = (value: bigint): boolean => BigInt.asIntN(32, value) === signed(value);

function related(relation: (typeof RELATIONS)[number], a: bigint, b: bigint): boolean {
  switch (relation) {
    case "==":
      return a === b;
    case "!=":
      return a !== b;
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    case ">=":
      return a >= b;
  }
}

/** What a code leaves in its slots when the argument is `given`. */
function interpret(code: Code, given: bigint): (bigint | string | undefined)[] {
  const slots: (bigint | string | undefined)[] = Array(SLOTS).fill(undefined);
  const variables = [0n, 0n, 0n, 0n];
  let [a, b, at, budget] = [0n, 0n, 0, gsLimits.GS_MAX_EXECUTED as number];
  let outcome: string = "read";
  let handler: number | undefined;
  while (at < code.length) {
    const step = code[at++];
    assert.ok(step !== undefined);
    budget -= step.op === "set" && !fits(step.value) ? 2 : 1;
    if (budget < 0) break;
    const go = (by: number): void => {
      at += by;
    };
    switch (step.op) {
      case "register":
        a = given;
        break;
      case "set":
        a = bits(step.value);
        break;
      case "get":
        a = variables[step.variable] ?? 0n;
        break;
      case "put":
        variables[step.variable] = a;
        break;
      case "get-b":
        b = variables[step.variable] ?? 0n;
        break;
      case "put-b":
        variables[step.variable] = b;
        break;
      case "add-variable":
        a = bits(a + (variables[step.variable] ?? 0n));
        break;
      case "multiply":
        a = bits(a * BigInt(step.by));
        break;
      case "and":
        a &= bits(BigInt(step.mask));
        break;
      case "add":
        a = bits(a + BigInt(step.value));
        break;
      case "shift-right":
        a = bits((step.signed ? signed(a) : a) >> BigInt(step.by));
        break;
      case "compare": {
        const other = variables[step.variable] ?? 0n;
        a = related(step.relation, step.signed ? signed(a) : a, step.signed ? signed(other) : other) ? 1n : 0n;
        break;
      }
      case "truncate":
        a = step.signed ? bits(BigInt.asIntN(8 * step.size, a)) : BigInt.asUintN(8 * step.size, a);
        break;
      case "log2":
        a = step.signed && signed(a) < 0n ? 64n : BigInt(a.toString(2).length - 1);
        break;
      case "not-zero":
        a = a === 0n ? 0n : 1n;
        break;
      case "take-b":
        a = b;
        break;
      case "give-b":
        b = a;
        break;
      case "jump":
        go(step.by);
        break;
      case "jump-if":
        if (a !== 0n) go(step.by);
        break;
      case "jump-unless":
        if (a === 0n) go(step.by);
        break;
      case "try":
        handler = at + step.by;
        break;
      case "keep":
        slots[step.slot] = outcome === "read" ? a : outcome;
        outcome = "read";
        handler = undefined;
        break;
      case "fail":
        outcome = step.as;
        if (handler === undefined) return slots;
        at = handler;
        handler = undefined;
        a = 0n;
        break;
      default:
        assert.fail(`no step of these codes: ${step.op}`);
    }
  }
  return slots;
}

let subject: Fixture;
before(async () => {
  if (withoutKernel === false) subject = await startSubject("plain");
});
after(() => subject?.[Symbol.dispose]());

test("codes made by chance do what an interpreter says", { skip: withoutKernel }, async () => {
  let kept = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const codes = [randomCode(2 * round + 1), randomCode(2 * round + 2)] as const;
    const coding = { entry: capture(SLOTS, codes[0]), return: capture(SLOTS, codes[1]) };
    const { events } = await coded(subject, { "main.Step": coding }, ["step 10 10"]);
    assert.equal(events.length, 10);
    for (const [n, event] of events.entries()) {
      const expected = [interpret(codes[0], BigInt(n)), interpret(codes[1], BigInt((n & 7) + 1))];
      assert.deepEqual([slotsOf(event.entry), slotsOf(event.return)], expected, `round ${round}, argument ${n}`);
      kept += expected.flat().filter((word) => word !== undefined).length;
    }
  }
  assert.ok(kept > ROUNDS * 10, `${kept} slots were reached`);
});
