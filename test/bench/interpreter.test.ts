/** The interpreter's arithmetic, against what RFC 9669 says of wrapping, cutting and signs; expectations are written out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { calculate, jumps } from "./interpreter/arithmetic.js";
import type { Instruction } from "./interpreter/program.js";

const MINUS_1 = 0xffff_ffff_ffff_ffffn;

/** An instruction on R1, and R2 or an immediate. */
const instruction = (code: number, { immediate = 0, offset = 0 } = {}): Instruction => ({
  ...{ code, immediate, offset },
  ...{ destination: 1, source: 2, high: 0, helper: undefined },
});

const calculated = (code: number, a: bigint, b: bigint, more = {}): bigint =>
  calculate(instruction(code, more), [0n, a, b]);
const jumped = (code: number, a: bigint, b: bigint, more = {}): boolean => jumps(instruction(code, more), [0n, a, b]);

test("calculations on 64 bits wrap; those on 32 clear the upper half", () => {
  assert.deepEqual(
    [
      calculated(0x0f, MINUS_1, 2n),
      calculated(0x0c, MINUS_1, 2n),
      calculated(0x1f, 0n, 1n),
      calculated(0x1c, 0n, 1n),
      calculated(0x2f, 1n << 63n, 2n),
      calculated(0x87, 1n, 0n),
      calculated(0xbc, 0n, MINUS_1),
    ],
    [1n, 1n, MINUS_1, 0xffff_ffffn, 0n, MINUS_1, 0xffff_ffffn],
  );
});

test("immediates are sign-extended", () => {
  const immediate = -2;
  assert.deepEqual(
    [
      calculated(0x07, 5n, 0n, { immediate }),
      calculated(0xb7, 0n, 0n, { immediate }),
      calculated(0xb4, 0n, 0n, { immediate }),
    ],
    [3n, MINUS_1 - 1n, 0xffff_fffen],
  );
});

test("shifts take the low bits of their count; arithmetic ones keep the sign of their width", () => {
  assert.deepEqual(
    [
      calculated(0x6f, 1n, 65n),
      calculated(0x6c, 1n, 33n),
      calculated(0x7f, MINUS_1, 60n),
      calculated(0xcf, 1n << 63n, 63n),
      calculated(0xcc, 1n << 31n, 31n),
    ],
    [2n, 2n, 15n, MINUS_1, 0xffff_ffffn],
  );
});

test("dividing by zero gives 0, the remainder of it the dividend", () => {
  assert.deepEqual(
    [calculated(0x3f, 7n, 0n), calculated(0x9f, 7n, 0n), calculated(0x3f, 7n, 2n), calculated(0x9f, 7n, 4n)],
    [0n, 7n, 3n, 3n],
  );
});

test("moves extend signs, byte orders swap", () => {
  assert.deepEqual(
    [
      calculated(0xbf, 0n, 0x80n, { offset: 8 }),
      calculated(0xdc, 0x1234n, 0n, { immediate: 16 }),
      calculated(0xd4, 0x1_2345_6789n, 0n, { immediate: 32 }),
      calculated(0xd7, 0x0102_0304_0506_0708n, 0n, { immediate: 64 }),
    ],
    [BigInt.asUintN(64, -128n), 0x3412n, 0x2345_6789n, 0x0807_0605_0403_0201n],
  );
});

test("comparisons are signed or not, of the width they say", () => {
  assert.deepEqual(
    [
      [jumped(0x2d, MINUS_1, 1n), jumped(0x6d, MINUS_1, 1n), jumped(0x6d, 1n, MINUS_1)],
      [jumped(0xad, 1n, MINUS_1), jumped(0xcd, MINUS_1, 1n), jumped(0xdd, MINUS_1, MINUS_1)],
      [jumped(0x1e, 1n << 32n, 0n), jumped(0x1d, 1n << 32n, 0n), jumped(0x5e, 1n << 32n, 0n)],
      [jumped(0x4d, 6n, 1n), jumped(0x4d, 6n, 2n), jumped(0xc6, 0xffff_ffffn, 0n)],
      [jumped(0x15, MINUS_1, 0n, { immediate: -1 }), jumped(0x3d, 3n, 3n), jumped(0xbd, 4n, 3n)],
    ],
    [
      [true, false, true],
      [true, true, true],
      [true, false, false],
      [false, true, true],
      [true, true, false],
    ],
  );
});
