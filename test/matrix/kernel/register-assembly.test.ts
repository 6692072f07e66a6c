/**
 * Assembly that gets its arguments in registers, which only the runtime's own does: known by name, which the sources of every
 * release bear out, and measured.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { REGISTER_ASSEMBLY } from "../../../src/probes/signatures.js";
import { everyGoVersion, fixturePath, type GoVersion, goCommand, startFixture } from "../../fixture.js";
import { Measuring, planner, withoutKernel } from "../../kernel/measuring.js";
import { nativeBuilds } from "../builds.js";

/** Functions that the sources of a release have as assembly of amd64 or arm64, each with whether its arguments are in registers. */
function assemblyOf(version: GoVersion): readonly (readonly [name: string, inRegisters: boolean])[] {
  const sources = join(dirname(dirname(goCommand(version))), "src");
  return ["runtime", "internal/bytealg"].flatMap((folder) =>
    readdirSync(join(sources, folder))
      .filter((name) => /_(?:amd64|arm64)\.s$/.test(name) && !name.includes("_plan9_"))
      .flatMap((name) => {
        const text = readFileSync(join(sources, folder, name), "utf8");
        return [...text.matchAll(/^TEXT\s+([\w/∕]*)·(\w+)(<ABIInternal>)?\(SB\)/gm)].map(
          ([, path = "", fn = "", internal]): readonly [string, boolean] => [
            `${path.replaceAll("∕", "/") || folder}.${fn}`,
            internal !== undefined,
          ],
        );
      }),
  );
}

for (const version of everyGoVersion) {
  test(`Go ${version}: what is known to get its arguments in registers is written so`, () => {
    const known = assemblyOf(version).filter(([name]) => REGISTER_ASSEMBLY.has(name));
    assert.ok(known.length >= 10, `${known.length} of them`);
    assert.deepEqual(
      known.filter(([, inRegisters]) => !inRegisters),
      [],
    );
  });
}

for (const version of everyGoVersion) {
  test(`Go ${version}: no other assembly that gets its arguments in registers is read off the stack`, async () => {
    const plan = await planner({ kind: "exe", path: fixturePath("variety", version, "plain") });
    const others = assemblyOf(version).filter(([name, inRegisters]) => inRegisters && !REGISTER_ASSEMBLY.has(name));
    const codes = others.map(([name]) => {
      try {
        plan({ probes: [name], by: ["p"], signatures: [`${name}=func(p unsafe.Pointer)`] });
        return "planned";
      } catch (error) {
        return (error as { code?: string }).code ?? "none";
      }
    });
    assert.ok(codes.includes("uncertain-argument"));
    // Whatever else is in their way, or the program does not have them.
    const harmless = ["uncertain-argument", "no-match", "no-return", "computed-jump", "entry-is-exit", "unprobeable"];
    assert.deepEqual(
      codes.filter((code) => !harmless.includes(code)),
      [],
    );
  });
}

const SIGNATURES = [
  "runtime.memmove=func(to, from unsafe.Pointer, n uintptr)",
  "runtime.memequal=func(p, q unsafe.Pointer, size uintptr) bool",
];

interface Answer {
  readonly among: readonly { readonly function: string; readonly values: Readonly<Record<string, number>> }[];
}

for (const build of nativeBuilds("variety")) {
  test(`${build.title}: calls of the runtime's assembly, by size`, { skip: withoutKernel }, async () => {
    using fixture = await startFixture(build.path);
    const target = { kind: "pid", pid: fixture.pid } as const;
    const plan = await planner(target);
    const request = { signatures: SIGNATURES };
    using moves = await Measuring.start(plan({ ...request, probes: ["runtime.memmove"], by: ["n"] }), target);
    using compares = await Measuring.start(plan({ ...request, probes: ["runtime.memequal"], by: ["size"] }), target);
    fixture.send("go");
    const { among } = await fixture.nextMessage<Answer>();
    for (const [name, by, measuring] of [
      ["runtime.memmove", "n", moves],
      ["runtime.memequal", "size", compares],
    ] as const) {
      const sizes = among.filter((call) => call.function === name).map(({ values }) => values[by]);
      const { series, balance } = measuring.stop();
      const ours = series.flatMap((one) => {
        const size = one.by?.[0]?.json;
        return typeof size === "number" && sizes.includes(size) ? [[size, one.histogram.count]] : [];
      });
      assert.deepEqual(
        ours.sort((left, right) => Number(left[0]) - Number(right[0])),
        sizes.map((size) => [size, 1n]),
        name,
      );
      assert.deepEqual([balance.discrepancy, balance.lost, balance.unmatchedReturns], [0n, 0n, 0n]);
    }
    await fixture.stop();
  });
}
