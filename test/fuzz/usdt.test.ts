/** Damage to the notes of USDT probes: one that is damaged costs no other, unless its sizes hide those behind it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { memorySource, openElf, readUsdtNotes, type UsdtNotes } from "../../src/binary/index.js";
import { type BaseName, basePath } from "./bases.js";
import { Random, seedOfRun } from "./random.js";

const SEED = 20_261_122;
const RUNS = 2_000;
/** Of a note's header, with its owner, and the two sizes in it. */
const HEADER_SIZE = 20;
const SIZES = 8;

interface Extent {
  readonly start: number;
  readonly end: number;
}

/** Where the notes of a section are that begins there, as their own sizes say. */
function extentsOf(bytes: Buffer, start: number, size: number): readonly Extent[] {
  const extents: Extent[] = [];
  for (let at = start; at < start + size; ) {
    const end = at + HEADER_SIZE + Math.ceil(bytes.readUInt32LE(at + 4) / 4) * 4;
    extents.push({ start: at, end });
    at = end;
  }
  return extents;
}

function damage(bytes: Buffer, random: Random, { start, end }: Extent): Buffer {
  const damaged = Buffer.from(bytes);
  for (let edits = 1 + random.below(3); edits > 0; edits--) {
    const at = start + random.below(end - start);
    const length = Math.min(end - at, random.pick([1, 1, 2, 4, 8, 16]));
    const fill = random.pick([0, 0xff, 0x20, 0x28, 0x40]);
    random.pick([random.bytes(length), Buffer.alloc(length, fill)]).copy(damaged, at);
  }
  return damaged;
}

const read = async (bytes: Buffer): Promise<UsdtNotes> => readUsdtNotes(await openElf(memorySource("damaged", bytes)));

/** Each note as text, and refusals where they were: one line for each note that was found. */
function inOrder({ notes, refused }: UsdtNotes): readonly string[] {
  const lines = notes.map((note) =>
    JSON.stringify(note, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
  );
  for (const { index, reason } of refused) lines.splice(index, 0, `refused: ${reason}`);
  return lines;
}

for (const base of ["c", "c-library"] as const satisfies readonly BaseName[])
  test(`${RUNS} damaged notes of ${base}: the others stay as they are`, async () => {
    const bytes = readFileSync(basePath(base));
    const section = (await openElf(memorySource(base, bytes))).findSection(".note.stapsdt");
    assert.ok(section);
    const extents = extentsOf(bytes, section.fileOffset, section.size);
    const whole = inOrder(await read(bytes));
    assert.equal(whole.length, extents.length);
    assert.ok(whole.length >= 3);
    const seen = { kept: 0, refused: 0, hidden: 0 };
    for (let run = 0; run < RUNS; run++) {
      const random = new Random(seedOfRun(SEED, run));
      const extent = random.pick(extents);
      const index = extents.indexOf(extent);
      const damaged = damage(bytes, random, extent);
      const lines = inOrder(await read(damaged));
      assert.deepEqual(lines.slice(0, index), whole.slice(0, index), `run ${run}`);
      if (damaged.compare(bytes, extent.start, extent.start + SIZES, extent.start, extent.start + SIZES) === 0) {
        assert.deepEqual(lines.slice(index + 1), whole.slice(index + 1), `run ${run}`);
        seen[lines[index]?.startsWith("refused: ") === true ? "refused" : "kept"]++;
      } else seen.hidden++;
    }
    for (const [outcome, count] of Object.entries(seen)) assert.ok(count > RUNS / 20, `${outcome}: ${count}`);
  });
