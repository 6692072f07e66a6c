/** Our own decoder of usual amd64 instructions against the iced-x86 package: it may know less, and never says otherwise. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LENGTH_BITS, LENGTH_MASK, measureUsual } from "../../src/binary/code/amd64-usual.js";
import { ICED, icedDecoder } from "../../src/binary/code/iced.js";
import { KINDS } from "../../src/binary/code/instruction.js";
import { openGoBinary } from "../../src/binary/index.js";
import { fixturePath } from "../fixture.js";

const decoder = icedDecoder();

/** What the package says of the instruction decoded last. */
function kindOf(): string {
  const { flow } = decoder;
  if (flow === ICED.flow.return) return "return";
  if (flow === ICED.flow.conditionalBranch) return "conditional-jump";
  if (flow === ICED.flow.unconditionalBranch) return "jump";
  if (flow === ICED.flow.indirectBranch) return decoder.hasIndexedMemory ? "indexed-jump" : "indirect-jump";
  if (flow === ICED.flow.call && decoder.isNearCall) return "call";
  if (flow === ICED.flow.indirectCall) return "indirect-call";
  return flow === ICED.flow.interrupt || flow === ICED.flow.exception ? "trap" : "other";
}

/** Decodes one instruction with both. True when it is a usual one. */
function compare(bytes: Buffer): boolean {
  const usual = measureUsual(bytes, 0);
  if (usual === 0) return false;
  decoder.start(bytes, 0x401000);
  const valid = decoder.next();
  const ours = `${KINDS[usual >> LENGTH_BITS]} of ${usual & LENGTH_MASK} bytes`;
  const theirs = valid ? `${kindOf()} of ${decoder.length} bytes` : "none";
  assert.equal(ours, theirs, bytes.toString("hex"));
  return true;
}

test("every opcode with every ModRM byte, behind the prefixes that are understood", () => {
  const bytes = Buffer.alloc(16);
  // What follows matters little: a multiplicative generator gives SIB bytes and immediates of every sort.
  let noise = 1;
  let known = 0;
  for (const prefix of [[], [0x66], [0xf2], [0xf3], [0xf0], [0x64], [0x67], [0x2e], [0x66, 0xf2]]) {
    for (const rex of [[], [0x40], [0x42], [0x48]]) {
      for (const map of [[], [0x0f]]) {
        for (let code = 0; code < 0x10000; code++) {
          noise = (noise * 48271) % 0x7fffffff;
          bytes.writeUInt32LE(noise, 7);
          Buffer.from([...prefix, ...rex, ...map, code >> 8, code & 0xff]).copy(bytes);
          if (compare(bytes)) known++;
        }
      }
    }
  }
  assert.ok(known > 500_000, `${known} of them are usual`);
});

test("every cut: an instruction that runs past the bytes is not a usual one", () => {
  for (const whole of ["0f8692010000", "48b88877665544332211", "f3480f2ac0", "488d84c800f0ffff", "66c704240100"]) {
    const bytes = Buffer.from(whole, "hex");
    for (let length = 0; length < bytes.length; length++) assert.equal(measureUsual(bytes.subarray(0, length), 0), 0);
    assert.equal(measureUsual(bytes, 0) & LENGTH_MASK, bytes.length, whole);
  }
});

test("hardly any instruction of a Go program is unusual", async () => {
  using binary = await openGoBinary(fixturePath("busy", "1.27", "plain"));
  let usual = 0;
  let unusual = 0;
  for (let index = 0; index < binary.pclntab.functionCount; index++) {
    const entry = binary.pclntab.entryOf(index);
    const code = binary.elf.readVirtual(entry, binary.pclntab.endOf(index) - entry);
    for (let at = 0; at < code.length; at += decoder.length) {
      if (compare(code.subarray(at, at + 15))) usual++;
      else {
        decoder.start(code.subarray(at, at + 15), entry + at);
        if (!decoder.next()) break;
        unusual++;
      }
    }
  }
  assert.ok(unusual * 100 < usual, `${unusual} of ${usual + unusual}`);
});
