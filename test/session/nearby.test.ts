import assert from "node:assert/strict";
import { test } from "node:test";
import { isCode, type Read, readSites } from "../../src/session/nearby.js";

const PAGE = 4096;
const PAGES = 64;
/** A byte at each position that those around it do not have. */
const memory = Buffer.from(Array.from({ length: PAGES * PAGE }, (_, at) => (at * 7 + (at >> 8)) % 251));

const siteAt = (position: number, length = 3) => ({ position, bytes: memory.subarray(position, position + length) });

/** Which sites were found as they are, in the order in which they were visited, and which pages were read how often. */
function visited(
  sites: readonly ReturnType<typeof siteAt>[],
  canRead: (page: number) => boolean = () => true,
): { readonly found: readonly string[]; readonly reads: readonly (readonly [first: number, last: number])[] } {
  const found: string[] = [];
  const reads: [number, number][] = [];
  const read: Read = (position, into) => {
    const [first, last] = [Math.floor(position / PAGE), Math.floor((position + into.length - 1) / PAGE)];
    reads.push([first, last]);
    for (let page = first; page <= last; page++) if (!canRead(page)) return false;
    memory.copy(into, 0, position, position + into.length);
    return true;
  };
  readSites(
    sites,
    ({ position }) => position,
    read,
    ({ position, bytes }, now) =>
      found.push(`${position} ${now === undefined ? "unread" : isCode(now, bytes) ? "same" : "other"}`),
  );
  return { found, reads };
}

test("sites that lie close together are read at once, and each is seen as it is", () => {
  const near = Array.from({ length: 5000 }, (_, index) => siteAt(40 * index));
  const { found, reads } = visited(near);
  assert.deepEqual(
    found,
    near.map(({ position }) => `${position} same`),
  );
  assert.equal(reads.length, Math.ceil((5000 * 40) / 65536), "as much as is read at once");
});

test("no page is read that has no site, and any order will do", () => {
  const sites = [siteAt(10), siteAt(3 * PAGE - 1), siteAt(2 * PAGE), siteAt(PAGE + 5), siteAt(20 * PAGE), siteAt(7)];
  const { found, reads } = visited(sites);
  assert.deepEqual(
    found,
    sites.map(({ position }) => `${position} same`),
  );
  const holding = new Set(sites.flatMap(({ position }) => [position, position + 2]).map((at) => Math.floor(at / PAGE)));
  for (const [first, last] of reads) for (let page = first; page <= last; page++) assert.ok(holding.has(page));
  assert.deepEqual(visited([]), { found: [], reads: [] });
});

test("what can't be read between sites is not held against them", () => {
  const sites = [siteAt(PAGE - 3), siteAt(PAGE), siteAt(2 * PAGE), siteAt(2 * PAGE + 9)];
  assert.deepEqual(visited(sites, (page) => page !== 1).found, [
    `${PAGE - 3} same`,
    `${PAGE} unread`,
    `${2 * PAGE} same`,
    `${2 * PAGE + 9} same`,
  ]);
});

test("code is compared byte by byte, from one of them on where that is asked", () => {
  const now = { bytes: Buffer.from([9, 1, 2, 3, 9]), at: 1 };
  assert.deepEqual(
    [[1, 2, 3], [1, 2], [], [0, 2, 3], [1, 2, 4], [1, 2, 3, 9, 9]].map((bytes) => isCode(now, Buffer.from(bytes))),
    [true, true, true, false, false, false],
  );
  assert.deepEqual(
    [
      [0, 2, 3],
      [1, 0, 3],
    ].map((bytes) => isCode(now, Buffer.from(bytes), 1)),
    [true, false],
  );
});
