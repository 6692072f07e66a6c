/** `list` of USDT probes and C functions as its users run it, compared with what GNU readelf says of the same files. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { fixturePath, startFixture, usdtPath } from "../fixture.js";
import { type ListedProbe, listed, listJson, notedFiles, ownProbes } from "./noted-files.js";

/** A note as readelf has it, its arguments one by one. */
interface Note {
  readonly name: string;
  readonly address: number;
  readonly semaphore: number | null;
  readonly arguments: readonly string[];
}

const readelf = (...args: readonly string[]): string =>
  execFileSync("readelf", ["-W", ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 27,
    stdio: ["ignore", "pipe", "ignore"],
  });

const byAddress = (left: Note, right: Note): number =>
  left.address - right.address || (left.name < right.name ? -1 : 1);

function notesOf(path: string): readonly Note[] {
  const pattern =
    /Provider: (.*)\n\s+Name: (.*)\n\s+Location: (0x[0-9a-f]+), Base: 0x[0-9a-f]+, Semaphore: (0x[0-9a-f]+)\n\s+Arguments:(.*)/g;
  return Array.from(readelf("-n", path).matchAll(pattern), ([, provider, name, location, semaphore, text = ""]) => ({
    name: `usdt:${provider}:${name}`,
    address: Number(location),
    semaphore: Number(semaphore) || null,
    arguments: text.trim() === "" ? [] : text.trim().split(" "),
  })).sort(byAddress);
}

const SIZES: Readonly<Record<string, string>> = { 1: "8", 2: "16", 4: "32", 8: "64" };

/** What the size before an operand means: `int32 %edi` of `-4@%edi`. */
function argumentText(text: string): string {
  const [, minus, size = "", float, place] = /^(-?)(\d+)(f?)@(.*)$/.exec(text) ?? [];
  const kind = float === "f" || /%xmm/.test(text) ? "float" : minus === "-" ? "int" : "uint";
  return `${kind}${SIZES[size]} ${place}`;
}

test("list has the USDT probes that readelf has, of each file on the machine that has any", () => {
  for (const path of notedFiles()) {
    const probes = ownProbes(path);
    assert.deepEqual(
      probes
        .flatMap(({ name, file, places }) =>
          places.map(({ address, semaphore, params }) => ({
            name,
            file,
            address,
            semaphore,
            arguments: params.map(({ type, location }) => `${type} ${location}`),
          })),
        )
        .sort(byAddress),
      notesOf(path).map((note) => ({ ...note, file: path, arguments: note.arguments.map(argumentText) })),
      path,
    );
  }
});

test("the lines of list tell name, places, semaphore, widths and file", () => {
  const path = usdtPath("O2");
  const probes = listJson("-e", path, "usdt:*");
  const lines = listed("-e", path, "usdt:*").trimEnd().split("\n").slice(1);
  assert.deepEqual(
    lines.map((line) => line.trim().split(/ {2,}/).slice(0, 5)),
    probes.map(({ name, file, places }) => {
      const counted = places.filter(({ semaphore }) => semaphore !== null).length;
      const semaphore = counted === 0 ? "none" : counted === places.length ? "yes" : `${counted} of ${places.length}`;
      const types = places[0]?.params.map(({ type }) => type).join(", ");
      return [`0x${places[0]?.address.toString(16)}`, `${places.length}`, semaphore, `${name}(${types})`, file];
    }),
  );
});

interface ListedFunction {
  readonly kind: string;
  readonly name: string;
  readonly file: string;
  readonly address: number;
  readonly size: number;
}

test("list has the C functions of a program's symbol table, and --names the same of them", () => {
  const path = usdtPath("O2");
  const everything = JSON.parse(listed("--json", "-e", path)) as readonly ListedFunction[];
  const named = JSON.parse(listed("--names", "--json", "-e", path)) as readonly ListedFunction[];
  const placeOf = ({ kind, name, file, address, size }: ListedFunction) => ({ kind, name, file, address, size });
  assert.deepEqual(named.map(placeOf), everything.map(placeOf));
  const told = new Set(
    everything
      .filter(({ kind }) => kind === "c")
      .map(({ name, address, size }) => `${name.replace(/@.*/, "")} ${address} ${size}`),
  );
  const symbols = Array.from(
    readelf("-s", path).matchAll(
      /^\s*\d+: ([0-9a-f]+)\s+(\d+|0x[0-9a-f]+) (?:FUNC|IFUNC)\s+\w+\s+\w+\s+\d+ ([^@\s]+)/gm,
    ),
    ([, address = "", size = "", name = ""]) => `c:${name} ${Number.parseInt(address, 16)} ${Number(size)}`,
  );
  assert.ok(symbols.length > 0);
  assert.deepEqual([...told].sort(), [...new Set(symbols)].sort());
});

test("a Go program is listed with its USDT probes behind its functions", () => {
  const path = fixturePath("usdtcgo", "1.27", "external");
  const entries = JSON.parse(listed("--names", "--json", "-e", path)) as readonly ListedFunction[];
  const kinds = entries.map(({ kind }) => kind);
  assert.deepEqual([...new Set(kinds)], ["function", "usdt"]);
  assert.equal(kinds.lastIndexOf("function") + 1, kinds.indexOf("usdt"));
  assert.deepEqual(
    [...new Set(entries.flatMap(({ kind, name }) => (kind === "usdt" ? [name] : [])))].sort(),
    [...new Set(notesOf(path).map(({ name }) => name))].sort(),
  );
});

test("of a process every file that it has mapped is listed, also one that is in its memory alone", async () => {
  const library = usdtPath("O2", "libmemory.so");
  using fixture = await startFixture(fixturePath("usdtcgo", "1.27", "external"), ["-library", library]);
  const withoutFile = ({ name, places }: ListedProbe) => ({ name, places });
  const listed = listJson("-p", `${fixture.pid}`, "usdt:memory:*");
  assert.deepEqual(listed.map(withoutFile), ownProbes(library).map(withoutFile));
  assert.ok(listed.every(({ file }) => file.startsWith("/memfd:")));
  const all = listJson("-p", `${fixture.pid}`, "usdt:*");
  assert.deepEqual([...new Set(all.map(({ provider }) => provider))], ["cgo", "memory"]);
  await fixture.stop();
});

test("what matches nothing exits 3 and names what is near", () => {
  const run = (...args: readonly string[]) => {
    const { status, stderr } = spawnSync(process.execPath, ["build/src/cli/main.js", "list", ...args], {
      encoding: "utf8",
    });
    return { status, stderr };
  };
  const path = usdtPath("O2");
  const [probe] = listJson("-e", path, "usdt:*");
  assert.ok(probe !== undefined);
  const { status, stderr } = run("-e", path, `${probe.name}x`);
  assert.equal(status, 3);
  assert.ok(
    stderr.startsWith(`error: no USDT probe is called ${probe.name}x\nhint: did you mean ${probe.name}`),
    stderr,
  );
  assert.deepEqual(run("-e", path, "usdt:a:b:c"), {
    status: 2,
    stderr: "error: malformed probe usdt:a:b:c\nhint: it has the form usdt:PROVIDER:NAME\n",
  });
});
