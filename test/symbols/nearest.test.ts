/** "Did you mean": what people type wrong, and what they should be shown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nearestNames } from "../../src/symbols/index.js";
import { editDistance } from "../../src/symbols/nearest.js";

const NAMES = [
  "main.(*Store).Lookup",
  "main.(*Store).Lookup.func1",
  "main.(*Cache).Lookup",
  "main.Sum[...]",
  "main.main",
  "net/http.(*Server).Serve",
  "net/http.(*Server).ServeTLS",
  "net/http.HandlerFunc.ServeHTTP",
  "encoding/json.Marshal",
  "encoding/json.Unmarshal",
  "go.etcd.io/etcd/server/v3/mvcc.(*store).Range",
  "runtime.mallocgc",
];

for (const [query, expected] of [
  ["main.Store.Lookup", ["main.(*Store).Lookup", "main.(*Cache).Lookup"]],
  ["main.(*store).lookup", ["main.(*Store).Lookup", "main.(*Cache).Lookup"]],
  ["main.(*Store).Lokup", ["main.(*Store).Lookup"]],
  ["main.(*Store).Loookup", ["main.(*Store).Lookup"]],
  ["main.(*Stroe).Lookup", ["main.(*Store).Lookup", "main.(*Cache).Lookup"]],
  ["Store.Lookup", ["main.(*Store).Lookup", "main.(*Cache).Lookup"]],
  ["Lookup", ["main.(*Cache).Lookup", "main.(*Store).Lookup"]],
  ["http.Server.Serve", ["net/http.(*Server).Serve", "net/http.(*Server).ServeTLS"]],
  ["json.Marshal", ["encoding/json.Marshal", "encoding/json.Unmarshal"]],
  ["github.com/pkg/json.Marshal", ["encoding/json.Marshal", "encoding/json.Unmarshal"]],
  ["mvcc.store.Range", ["go.etcd.io/etcd/server/v3/mvcc.(*store).Range"]],
  ["main.Sum", ["main.Sum[...]"]],
  ["main.Sum[int]", ["main.Sum[...]"]],
  ["mallocg", ["runtime.mallocgc"]],
  ["nothing.like.it", []],
  ["", []],
] as const)
  test(`nearest to "${query}"`, () => {
    assert.deepEqual(nearestNames(NAMES, query, 2), expected.slice(0, 2));
  });

test("no more names than asked for, and none twice", () => {
  assert.deepEqual(nearestNames([...NAMES, ...NAMES], "main.Store.Lookup", 1), ["main.(*Store).Lookup"]);
  assert.deepEqual(nearestNames(["a.bc", "a.bc", "a.bd"], "a.bc", 9), ["a.bc", "a.bd"]);
});

/** The textbook recurrence over the whole matrix. */
function fullDistance(a: string, b: string): number {
  const cells = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : i)),
  );
  const cell = (i: number, j: number): number => cells[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const row = cells[i] ?? [];
      row[j] = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(cell(i, j), cell(i - 2, j - 2) + 1);
    }
  return cell(a.length, b.length);
}

test("edit distances are exact up to their bound, and one more than it above", () => {
  const words = [
    "",
    "a",
    "ab",
    "ba",
    "abc",
    "acb",
    "abcd",
    "badc",
    "bcad",
    "lookup",
    "lokoup",
    "lookups",
    "puklool",
    "look",
  ];
  for (const a of words)
    for (const b of words)
      for (const bound of [0, 1, 2, 3, 9]) {
        const full = fullDistance(a, b);
        assert.equal(editDistance(a, b, bound), full <= bound ? full : bound + 1, `${a} ${b} within ${bound}`);
      }
});
