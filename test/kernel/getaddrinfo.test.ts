/**
 * How long names take to resolve: a function of the C library, measured in a program that only links it. Programs run with
 * hosts of their own and ask nobody else.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Fixture } from "../fixture.js";
import * as cli from "./cli.js";
import { withoutKernel } from "./measuring.js";
import { allReturned, counts, type Hist, histOf } from "./programs.js";

const options = { skip: withoutKernel };
const PYTHON = "/usr/bin/python3.11";
const FUNCTION = "c:libc.so.6:getaddrinfo";
const HOST = "str(arg0)";

/** No other program of this machine asks for these, not even this test where it runs twice at once. */
const OURS = `.${process.pid}.gospect.test`;
const [ALPHA, BETA, MISSING] = [`alpha${OURS}`, `beta${OURS}`, `missing${OURS}`] as const;

let folder = "";
/** Begins a command that has mounts of its own: what follows is run with the hosts of this folder. */
let alone: readonly string[] = [];

before(() => {
  folder = mkdtempSync(join(tmpdir(), "gospect-getaddrinfo-"));
  const [hosts, services] = [join(folder, "hosts"), join(folder, "nsswitch.conf")];
  writeFileSync(hosts, `127.0.0.1 localhost\n127.0.0.2 ${ALPHA}\n127.0.0.3 ${BETA}\n`);
  writeFileSync(services, "hosts: files\n");
  const mounts = 'mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/nsswitch.conf && shift && exec "$@"';
  alone = ["unshare", "--mount", "sh", "-c", mounts, hosts, services];
});
after(() => rmSync(folder, { recursive: true }));

/** How often each is asked for. */
const ASKED: Readonly<Record<string, number>> = { [ALPHA]: 20, [BETA]: 7, [MISSING]: 3 };
const ALL = 30;

async function startResolver(): Promise<Fixture> {
  const [file = "", ...args] = alone;
  const script = fileURLToPath(new URL("../../../test/kernel/python/resolve.py", import.meta.url));
  const resolver = new Fixture(file, [...args, PYTHON, "-I", script]);
  assert.equal(await resolver.nextLine(), "ready");
  return resolver;
}

/** Asks for all names; the time that each took, as the program saw it. */
async function resolve(resolver: Fixture): Promise<ReadonlyMap<string, number>> {
  const spent = new Map<string, number>();
  for (const [name, times] of Object.entries(ASKED)) {
    resolver.send(`${name} ${times}`);
    spent.set(name, Number(await resolver.nextLine()));
  }
  return spent;
}

/** What was measured are these names, as often and not longer than the program saw it. */
function compare(series: Hist["series"], spent: ReadonlyMap<string, number>): void {
  assert.deepEqual(counts(series, HOST), ASKED);
  for (const { by, sum } of series) {
    const most = spent.get(String(by[HOST])) ?? Number.NaN;
    assert.ok(0 < sum && sum <= most, `${by[HOST]}: ${sum} of ${most} ns`);
  }
}

test("latency by host of a running program", options, async () => {
  using resolver = await startResolver();
  let spent: ReadonlyMap<string, number> = new Map();
  const { series, balance } = await histOf(["-p", String(resolver.pid)], [FUNCTION, "--by", HOST], async () => {
    spent = await resolve(resolver);
  });
  compare(series, spent);
  assert.deepEqual(balance, allReturned(ALL));
  await resolver.stop();
});

for (const [what, file, probe] of [
  ["every process of a program that links it", PYTHON, FUNCTION],
  ["every process that has the library", "/lib/x86_64-linux-gnu/libc.so.6", "c:getaddrinfo"],
] as const) {
  test(`latency by host in ${what}, now and later`, options, async () => {
    using older = await startResolver();
    const spent = new Map<string, number>();
    const { series } = await histOf(["-e", file], [probe, "--by", HOST], async () => {
      using younger = await startResolver();
      for (const resolver of [older, younger]) {
        for (const [name, ns] of await resolve(resolver)) spent.set(name, (spent.get(name) ?? 0) + ns);
        await resolver.stop();
      }
    });
    const ours = series.filter(({ by }) => String(by[HOST]).endsWith(OURS));
    compare(
      ours.map((one) => ({ ...one, count: one.count / 2 })),
      spent,
    );
  });
}

test("latency by host of a command, in one line", options, async () => {
  const program = `
import socket
for name, times in ${JSON.stringify(ASKED)}.items():
    for _ in range(times):
        try:
            socket.getaddrinfo(name, 80)
        except socket.gaierror:
            pass
`;
  const outcome = await cli.gospect(["hist", FUNCTION, "--by", HOST, "--json", "--", PYTHON, "-I", "-c", program], {
    command: alone,
  });
  assert.equal(outcome.status, 0, outcome.stderr);
  const { series, balance } = cli.histOf(outcome);
  assert.deepEqual(Object.fromEntries(series.map(({ by, count }) => [by[HOST], count]).sort()), ASKED);
  assert.deepEqual(balance, allReturned(ALL));
});

test("what it returned, as the C it is: a negative number for a name that nobody has", options, async () => {
  using resolver = await startResolver();
  const by = ["--by", HOST, "--by", "int32(ret)"];
  const { series, balance } = await histOf(["-p", String(resolver.pid)], [FUNCTION, ...by], async () => {
    await resolve(resolver);
    // No name: the service alone.
    resolver.send("- 2");
    await resolver.nextLine();
  });
  assert.deepEqual(series.map(({ by, count }) => [by[HOST], by["int32(ret)"], count]).sort(), [
    [{ unreadable: "nil pointer" }, 0, 2],
    [ALPHA, 0, 20],
    [BETA, 0, 7],
    // EAI_NONAME.
    [MISSING, -2, 3],
  ]);
  assert.deepEqual(balance, allReturned(ALL + 2));
  await resolver.stop();
});
