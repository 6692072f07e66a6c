/** Plans of USDT probes, spans and C functions: sites against the symbols and notes that readelf shows, and what is refused. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ProfilerError } from "../../src/base/index.js";
import { openCodeFile } from "../../src/binary/index.js";
import { type PlanRequest, type ProbePlan, partOf, planProbes } from "../../src/probes/index.js";
import { CodeFile, goProgram, openSymbolTable, type Program } from "../../src/symbols/index.js";
import { fixturePath, usdtPath } from "../fixture.js";

const FIXTURE = usdtPath("O2");

async function programOf(path: string): Promise<Program> {
  const { elf, go } = await openCodeFile(path);
  return go === undefined ? { main: new CodeFile(elf, path), libraries: [] } : goProgram(go, openSymbolTable(go), path);
}

const REQUEST: PlanRequest = { probes: [], by: [], signatures: [] };

async function plan(request: Partial<PlanRequest>, path = FIXTURE): Promise<ProbePlan> {
  return planProbes(await programOf(path), { ...REQUEST, ...request });
}

async function failure(request: Partial<PlanRequest>, path = FIXTURE): Promise<object> {
  try {
    await plan(request, path);
  } catch (error) {
    if (!(error instanceof ProfilerError)) throw error;
    const { code, message, hint } = error;
    return { code, message, hint };
  }
  return assert.fail("it was planned");
}

/** Of `readelf -n`: location and semaphore of each note by provider and name. */
function notesOf(path: string): ReadonlyMap<string, readonly { readonly at: number; readonly semaphore: number }[]> {
  const text = execFileSync("readelf", ["-nW", path], { encoding: "utf8" });
  const notes = new Map<string, { at: number; semaphore: number }[]>();
  for (const [, provider, name, at, semaphore] of text.matchAll(
    /Provider: (\S+)\s+Name: (\S+)\s+Location: (0x\w+), Base: 0x\w+, Semaphore: (0x\w+)/g,
  )) {
    const key = `usdt:${provider}:${name}`;
    notes.set(key, [...(notes.get(key) ?? []), { at: Number(at), semaphore: Number(semaphore) }]);
  }
  return notes;
}

test("every USDT probe has a place for each note, as readelf has them", async () => {
  const { probes, refused } = await plan({ probes: ["usdt:*"] });
  const planned = new Map<string, number[]>();
  for (const { name, entry } of probes) planned.set(name, [...(planned.get(name) ?? []), entry.address]);
  const expected = [...notesOf(FIXTURE)].map(([name, places]) => [name, places.map(({ at }) => at)] as const);
  assert.deepEqual(
    [...planned].sort(),
    expected.sort(([left], [right]) => (left < right ? -1 : 1)).map(([name, places]) => [name, [...places]]),
  );
  assert.deepEqual(refused, []);
  assert.deepEqual(
    new Set(probes.map(({ kind, identity, goroutine, exits }) => `${kind} ${identity} ${goroutine} ${exits.length}`)),
    new Set(["place thread none 0"]),
  );
  const withSemaphore = new Set(probes.filter(({ entry }) => entry.semaphore !== undefined).map(({ name }) => name));
  const expectedWith = [...notesOf(FIXTURE)].filter(([, places]) => places.some(({ semaphore }) => semaphore > 0));
  assert.deepEqual([...withSemaphore].sort(), expectedWith.map(([name]) => name).sort());
  assert.ok(withSemaphore.size > 0);
});

test("the places of one probe read one type, each where its own note says", async () => {
  const { probes, dimensions } = await plan({ probes: ["usdt:fix:inlined"], by: ["arg0", "arg1"] });
  assert.deepEqual(dimensions, [
    { name: "arg0", encoding: { kind: "integer", signed: true, size: 8 } },
    { name: "arg1", encoding: { kind: "integer", signed: true, size: 4 } },
  ]);
  assert.equal(probes.length, notesOf(FIXTURE).get("usdt:fix:inlined")?.length);
  assert.equal(new Set(probes.map(({ recipes }) => JSON.stringify(recipes, stringifyBigint))).size, probes.length);
  assert.deepEqual(
    probes.map((_, number) => partOf(probes, number)),
    probes.map((_, number) => (number === 0 ? undefined : 0)),
  );
});

const stringifyBigint = (_: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);

test("a span has probes at either end, with the halves of what is asked", async () => {
  const span = "usdt:fix:span__begin..usdt:fix:span__end";
  const { probes, measure } = await plan({ probes: [span], by: ["arg0", "ret0"], where: "arg1 > 1 && ret1 != 3" });
  assert.deepEqual(measure, { kind: "duration" });
  const shape = probes.map(({ name, kind, nest, identity, place, entry, exits, recipes, condition }) => ({
    name,
    kind,
    nest,
    identity,
    place,
    site: entry.kind,
    exits,
    evaluated: recipes.map(({ phase, steps }) => `${phase} ${steps.length > 0}`),
    condition: [condition?.decisions.length ?? 0, condition?.entry !== undefined, condition?.return !== undefined],
  }));
  const common = { name: span, nest: 0, identity: "thread", place: undefined, exits: [] };
  const begins = notesOf(FIXTURE).get("usdt:fix:span__begin")?.length ?? 0;
  const ends = notesOf(FIXTURE).get("usdt:fix:span__end")?.length ?? 0;
  const begin = { ...common, kind: "span-begin", site: "span-begin", evaluated: ["entry true", "return false"] };
  const end = { ...common, kind: "span-end", site: "span-end", evaluated: ["entry false", "return true"] };
  assert.deepEqual(shape, [
    ...Array.from({ length: begins }, () => ({ ...begin, condition: [0, true, false] })),
    ...Array.from({ length: ends }, () => ({ ...end, condition: [0, false, true] })),
  ]);
});

/** A copy of the fixture that `damage` has changed; deleted when it is over. */
async function withDamaged(damage: (bytes: Buffer) => void, use: (path: string) => Promise<void>): Promise<void> {
  const bytes = readFileSync(FIXTURE);
  damage(bytes);
  const folder = mkdtempSync(join(tmpdir(), "gospect-span-"));
  try {
    const path = join(folder, "damaged");
    writeFileSync(path, bytes);
    await use(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Where the first note of a probe says at which instruction it is. */
function addressOfNote(bytes: Buffer, probe: string): number {
  const name = bytes.indexOf(`fix\0${probe}\0`);
  assert.ok(name > 0, probe);
  return name - 24;
}

test("a span is measured at all its places or not at all", async () => {
  const places = notesOf(FIXTURE).get("usdt:fix:inlined")?.length ?? 0;
  assert.ok(places > 1);
  const damage = (bytes: Buffer): void => {
    bytes.writeBigUInt64LE(1n, addressOfNote(bytes, "inlined"));
  };
  await withDamaged(damage, async (path) => {
    const { code, message } = (await failure(
      { probes: ["usdt:fix:inlined..usdt:fix:span__end"] },
      path,
    )) as ProfilerError;
    assert.equal(code, "damaged-note");
    assert.match(
      message,
      /^usdt:fix:inlined\.\.usdt:fix:span__end can't be measured: its ends can't be told apart without all their places: note \d+ of \S+\/damaged: its address 0x1 is not in the file's code$/,
    );
    const { probes } = await plan({ probes: ["usdt:fix:inlined"] }, path);
    assert.equal(probes.length, places - 1);
  });
});

test("a span with both its probes at one instruction is refused, each of them is not", async () => {
  const probes = ["usdt:fix:inlined..usdt:fix:span__end"];
  const [at = 0] =
    notesOf(FIXTURE)
      .get("usdt:fix:inlined")
      ?.map((note) => note.at) ?? [];
  const damage = (bytes: Buffer): void => {
    bytes.writeBigUInt64LE(BigInt(at), addressOfNote(bytes, "span__end"));
  };
  await withDamaged(damage, async (path) => {
    const { code, message } = (await failure({ probes }, path)) as ProfilerError;
    assert.equal(code, "same-instruction");
    const reason = `usdt:fix:inlined and usdt:fix:span__end are both at 0x${at.toString(16)} of ${path}: nothing lies between them`;
    assert.ok(message.includes(reason), message);
    const alone = await plan({ probes: ["usdt:fix:inlined", "usdt:fix:span__end"] }, path);
    assert.deepEqual(alone.refused, []);
    assert.equal(alone.probes.filter(({ entry }) => entry.address === at).length, 2);
  });
});

test("spans match by a value where it is asked for, another at each end if need be", async () => {
  const probes = ["usdt:fix:span__begin..usdt:fix:span__end"];
  const steps = async (...match: readonly string[]) =>
    (await plan({ probes, match })).probes.map(({ kind, identity, match: own }) => [kind, identity, own?.type.name]);
  const same = await steps("arg0");
  assert.deepEqual([...new Set(same.map(String))], ["span-begin,value,int64", "span-end,value,int32"]);
  assert.deepEqual(
    [...new Set((await steps("arg0..arg1")).map(String))],
    ["span-begin,value,int64", "span-end,value,int64"],
  );
  const { probes: mixed } = await plan({ probes, match: ["arg0..arg1", "$tid"] });
  for (const { match } of mixed) {
    assert.deepEqual(
      match?.code?.slice(-4).map(({ op }) => op),
      ["multiply", "put", "special", "add-variable"],
    );
  }
  assert.deepEqual(await failure({ probes: ["usdt:fix:strings"], match: ["arg0"] }), {
    code: "usage",
    message: "--match arg0 tells spans apart, and not all probes are spans",
    hint: "a span lies between two USDT probes: usdt:PROVIDER:NAME..usdt:PROVIDER:NAME",
  });
  assert.deepEqual(await failure({ probes, match: ["str(arg0)"] }), {
    code: "not-a-number",
    message: `${probes[0]} can't be measured: --match takes an integer, not char *, and 1 place of a USDT probe more`,
    hint: undefined,
  });
});

test("a C function is entered where its symbol is, and left by a return probe there", async () => {
  const { probes } = await plan({ probes: ["c:main"], by: ["arg0", "str(arg7)", "int32(ret)"] });
  const symbols = execFileSync("nm", [FIXTURE], { encoding: "utf8" });
  const address = Number.parseInt(/^(\w+) T main$/m.exec(symbols)?.[1] ?? "", 16);
  const [probe] = probes;
  assert.deepEqual(
    probes.map(({ name, kind, identity, nest, function: fn }) => [name, kind, identity, nest, fn.address]),
    [["c:main", "call", "thread", 0, address]],
  );
  assert.ok(probe);
  assert.deepEqual(
    probe?.exits.map(({ kind, address: at }) => [kind, at]),
    [["function-return", probe.entry.address]],
  );
  assert.deepEqual(
    probe?.recipes.map(({ phase, type, steps }) => [phase, type.name, steps]),
    [
      ["entry", "int64", [{ op: "register", register: "di" }]],
      [
        "entry",
        "char *",
        [{ op: "stack", offset: 16 }, { op: "load", offset: 0, size: 8, signed: true }, { op: "c-string" }],
      ],
      [
        "return",
        "int32",
        [
          { op: "register", register: "ax" },
          { op: "truncate", size: 4, signed: true },
        ],
      ],
    ],
  );
});

test("what can't be measured is refused with the reason, and with what there is instead", async () => {
  const go = fixturePath("usdtcgo", "1.27", "external");
  assert.deepEqual(await failure({ probes: ["c:main.main"] }, go), {
    code: "go-function",
    message:
      "c:main.main can't be measured: main.main is a Go function: the return probe of a C function would crash the program when the runtime walks that stack",
    hint: "without c: it is measured as Go functions are: main.main",
  });
  assert.deepEqual(await failure({ probes: ["c:main"] }, fixturePath("store", "1.27", "plain")), {
    code: "no-match",
    message: "no C function is called main",
    hint: "gospect list 'c:*' shows those there are",
  });
  assert.deepEqual(await failure({ probes: ["main.main"] }), {
    code: "not-go",
    message: `${FIXTURE}: not a Go program`,
    hint: "its C functions are named c:SYMBOL, its USDT probes usdt:PROVIDER:NAME: c:main.main?",
  });
  assert.deepEqual(await failure({ probes: ["usdt:fix:floats"], by: ["arg1"] }), {
    code: "unreadable-argument",
    message: "usdt:fix:floats can't be measured by arg1: 8@%xmm0: a uprobe can't read %xmm0",
    hint: undefined,
  });
  assert.deepEqual(await failure({ probes: ["usdt:fix:widht"] }), {
    code: "no-match",
    message: "no USDT probe is called usdt:fix:widht",
    hint: "did you mean usdt:fix:widths?",
  });
  assert.deepEqual(await failure({ probes: ["usdt:fix:strings"], by: ["arg2"] }), {
    code: "unknown-argument",
    message: "usdt:fix:strings can't be measured: it has no argument arg2",
    hint: "arg0 uint64, arg1 int64",
  });
  assert.deepEqual(await failure({ probes: ["c:main"], by: ["name"] }), {
    code: "unknown-argument",
    message: "c:main can't be measured: a C function has no argument called name",
    hint: "arg0, arg1 … and ret are 64 bits each: str(arg0) is the string at an address, int32(ret) an int",
  });
});

test("malformed probes are mistakes of the command line", async () => {
  const messages = [];
  for (const probe of [
    "usdt:",
    "usdt:a:b:c",
    "c:",
    "c:a:b:c",
    "usdt:a:b..main.c",
    "usdt:a:*..usdt:a:b",
    "usdt:a:b..usdt:a:b",
  ]) {
    const { code, message } = (await failure({ probes: [probe] })) as ProfilerError;
    messages.push(`${code}: ${message}`);
  }
  assert.deepEqual(messages, [
    "usage: malformed probe usdt:",
    "usage: malformed probe usdt:a:b:c",
    "usage: malformed probe c:",
    "usage: malformed probe c:a:b:c",
    "usage: malformed span usdt:a:b..main.c",
    "usage: malformed span usdt:a:*..usdt:a:b",
    "usage: malformed span usdt:a:b..usdt:a:b",
  ]);
});
