/** `plan` for people: the target, what is known of its Go runtime, and per function its sites and recipes. */
import { printable } from "../aggregate/index.js";
import { hex } from "../base/index.js";
import { captureLines, formatCode, formatDetails } from "./plan-code.js";
import type {
  PrintableCondition,
  PrintablePlace,
  PrintablePlan,
  PrintableProbe,
  PrintableRecipe,
  PrintableSite,
} from "./plan-shape.js";
import { refusalLines } from "./refusal.js";
import { buildIdOf } from "./run.js";
import { formatPlace, formatSignature, formatSource } from "./signature.js";
import { type Column, formatTable, paint, type TextStyle } from "./style.js";
import { formatQuantity } from "./units.js";

/** The whole plan, a newline at its end. */
export function formatPlanText(plan: PrintablePlan, style: TextStyle): string {
  const blocks = [
    headLines(plan),
    ...plan.probes.map((probe) => probeLines(plan, probe, style)),
    runtimeSiteLines(plan, style),
    refusedLines(plan, style),
    plan.warnings.map((warning) => paint(style, "warning", `warning: ${warning}`)),
  ];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join("\n"))
    .join("\n\n")}\n`;
}

/** Of the runtime's data layout, as people call them. */
const FACT_SOURCES: Readonly<Record<string, string>> = {
  dwarf: "DWARF",
  "symbol-file": "the symbol file",
  table: "the table",
};

function runtimeLine(runtime: NonNullable<PrintablePlan["runtime"]>): string {
  const holder = runtime.goroutineInRegister ? "g in its register" : "g in thread-local storage only";
  const offsets =
    `g.goid +${runtime.goidOffset}, g.m +${runtime.mOffset}, m.curg +${runtime.curgOffset}, ` +
    `g.sched.sp +${runtime.schedSpOffset}, g ${runtime.tlsOffset === undefined ? "where the loader puts it" : `at fs:${runtime.tlsOffset}`}`;
  return `runtime  ${holder}; ${offsets} (from ${FACT_SOURCES[runtime.source] ?? runtime.source})`;
}

function headLines({ target, runtime, dimensions, where }: PrintablePlan): readonly string[] {
  const buildId = buildIdOf(target);
  const facts = [
    ...(target.goVersion === undefined ? [] : [target.goVersion]),
    target.arch,
    target.positionIndependent ? "position independent" : "fixed address",
    `image base ${hex(target.imageBase)}`,
    buildId === undefined ? "no build id" : `build id ${buildId}`,
  ];
  return [
    `target   ${target.path}`,
    `         ${facts.join(", ")}`,
    ...(runtime === undefined ? [] : [runtimeLine(runtime)]),
    ...dimensions.map(({ name, encoding }) => `by       ${name}: ${formatDetails(encoding, "kind")}`),
    ...(where === undefined ? [] : [`where    ${printable(where)}`]),
  ];
}

function probeLines(plan: PrintablePlan, probe: PrintableProbe, style: TextStyle): readonly string[] {
  const { function: fn, signature } = probe;
  const named = (variables: readonly { name: string; type: { name: string } }[] | undefined) =>
    variables?.map(({ name, type }) => ({ name, type: type.name }));
  const whole = formatSignature(fn.name, named(signature?.parameters), named(signature?.results));
  const place = formatPlace(fn.file, fn.line) ?? "place unknown";
  const from =
    probe.place !== undefined
      ? ""
      : signature === undefined
        ? ", signature unknown"
        : `, signature from ${formatSource(signature.source)}`;
  const goroutine = probe.goroutine === "register" ? "" : `, g from ${probe.goroutine}`;
  return [
    ...(probe.place === undefined ? [] : placeLines(probe.name, probe.place, style)),
    probe.place === undefined ? paint(style, "title", whole) : `  in ${whole}`,
    paint(style, "faint", `  ${place}, ${hex(fn.address)}, ${formatQuantity(fn.size, "byte")}${from}${goroutine}`),
    ...siteLines([probe.entry, ...probe.exits], style),
    ...probe.recipes.map((recipe, index) => {
      const name = plan.dimensions[index]?.name ?? `dimension ${index}`;
      return `  by ${paint(style, "key", name)} ${formatRecipe(recipe)}`;
    }),
    ...(probe.value === undefined || plan.measure.kind !== "value"
      ? []
      : [`  of ${paint(style, "key", plan.measure.name)} ${formatRecipe(probe.value)}`]),
    ...(probe.condition === undefined ? [] : conditionLines(probe.condition)),
    ...(probe.captures === undefined ? [] : captureLines(probe.captures)),
    ...(probe.inlinedCopies === 0
      ? []
      : [
          paint(
            style,
            "warning",
            `  ${formatQuantity(probe.inlinedCopies, "inlined copy", "inlined copies")} not measured`,
          ),
        ]),
    ...probe.notes.map((note) => `  note: ${note}`),
  ];
}

const formatRecipe = ({ type, phase, steps, code }: PrintableRecipe): string =>
  `(${type.name}), at ${phase}: ${formatCode(code ?? steps)}`;

const conditionLines = ({ decisions, entry, return: end }: PrintableCondition): readonly string[] => [
  ...(entry === undefined ? [] : [`  where, at entry: ${formatCode(entry)}`]),
  ...decisions.map((code, index) => `  where, decision ${index} at entry: ${formatCode(code)}`),
  ...(end === undefined ? [] : [`  where, at return: ${formatCode(end)}`]),
];

/** What is counted, before the function that holds it. */
function placeLines(name: string, { kind, file, line, frame }: PrintablePlace, style: TextStyle): readonly string[] {
  const where = formatPlace(file, line) ?? "place unknown";
  const callers = frame === undefined ? ", callers unknown" : `, return address at sp+${frame.returnAddress}`;
  const what = kind === "copy" ? `inlined at ${where}` : where;
  return [paint(style, "title", printable(name)), paint(style, "faint", `  ${what}${callers}`)];
}

const SITE_COLUMNS: readonly Column[] = [
  { title: "site", align: "left", tone: "plain" },
  { title: "address", align: "right", tone: "plain" },
  { title: "file offset", align: "right", tone: "plain" },
  { title: "bytes", align: "left", tone: "faint" },
  { title: "instruction", align: "left", tone: "plain" },
];

const PLACEMENTS: Readonly<Record<string, string>> = {
  "stack-check": "entry, after the stack check",
  push: "entry, at the frame push",
  first: "entry, first instruction",
};

function siteLines(sites: readonly PrintableSite[], style: TextStyle): readonly string[] {
  const rows = sites.map((site) => [
    site.placement === undefined ? site.kind : (PLACEMENTS[site.placement] ?? `entry, ${site.placement}`),
    hex(site.address),
    hex(site.offset),
    site.bytes.toString("hex"),
    site.instruction,
  ]);
  return formatTable(style, SITE_COLUMNS, rows).map((line) => `  ${line}`);
}

function runtimeSiteLines({ runtimeSites }: PrintablePlan, style: TextStyle): readonly string[] {
  if (runtimeSites.length === 0) return [];
  return [paint(style, "title", "where the runtime ends calls"), ...siteLines(runtimeSites, style)];
}

function refusedLines({ refused }: PrintablePlan, style: TextStyle): readonly string[] {
  return refused.flatMap(({ name, refusal }) => [
    `${paint(style, "warning", "refused")} ${printable(name)}`,
    ...refusalLines(refusal).map((line) => `  ${line}`),
  ]);
}
