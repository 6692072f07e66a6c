/** `plan` for people: the target, what is known of its Go runtime, and per function its sites and recipes. */
import { printable } from "../aggregate/index.js";
import { hex } from "../base/index.js";
import { captureLines, formatCode, formatDetails } from "./plan-code.js";
import type {
  KernelMemory,
  PrintableCondition,
  PrintableFile,
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
import { formatBytes, formatQuantity } from "./units.js";

/** The whole plan, a newline at its end. */
export function formatPlanText(plan: PrintablePlan, memory: readonly KernelMemory[], style: TextStyle): string {
  const blocks = [
    [...headLines(plan), ...memoryLines(memory)],
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

function fileFacts(file: PrintableFile): readonly string[] {
  const buildId = buildIdOf(file);
  return [
    file.positionIndependent ? "position independent" : "fixed address",
    `image base ${hex(file.imageBase)}`,
    buildId === undefined ? "no build id" : `build id ${buildId}`,
  ];
}

function headLines({ target, libraries, runtime, dimensions, where }: PrintablePlan): readonly string[] {
  const facts = [...(target.goVersion === undefined ? [] : [target.goVersion]), target.arch, ...fileFacts(target)];
  return [
    `target   ${printable(target.path)}`,
    `         ${facts.join(", ")}`,
    ...libraries.flatMap((library) => [
      `library  ${printable(library.path)}`,
      `         ${fileFacts(library).join(", ")}`,
    ]),
    ...(runtime === undefined ? [] : [runtimeLine(runtime)]),
    ...dimensions.map(({ name, encoding }) => `by       ${name}: ${formatDetails(encoding, "kind")}`),
    ...(where === undefined ? [] : [`where    ${printable(where)}`]),
  ];
}

/** A column of machines for each command. */
function memoryLines(memory: readonly KernelMemory[]): readonly string[] {
  const commands = new Set(memory.map(({ command }) => command));
  return [...commands].map((name, index) => {
    const sizes = memory
      .filter(({ command }) => command === name)
      .map(({ cpus, bytes }) => `${bytes === undefined ? "too much" : formatBytes(bytes)} on ${cpus} CPUs`);
    return `${index === 0 ? "memory " : "       "}  ${name}: in the kernel at most ${sizes.join(", ")}`;
  });
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
  const head = isNative(probe)
    ? nativeLines(plan, probe, style)
    : [
        ...(probe.place === undefined ? [] : placeLines(probe.name, probe.place, style)),
        probe.place === undefined ? paint(style, "title", whole) : `  in ${whole}`,
        paint(style, "faint", `  ${place}, ${hex(fn.address)}, ${formatQuantity(fn.size, "byte")}${from}${goroutine}`),
      ];
  return [
    ...head,
    ...siteLines([probe.entry, ...probe.exits], style),
    ...(probe.entry.semaphore === undefined ? [] : [`  semaphore at file offset ${hex(probe.entry.semaphore)}`]),
    ...(probe.match === undefined ? [] : [`  match ${formatRecipe(probe.match)}`]),
    ...probe.recipes.flatMap((recipe, index) => {
      const name = plan.dimensions[index]?.name ?? `dimension ${index}`;
      return isOtherEnds(recipe) ? [] : [`  by ${paint(style, "key", name)} ${formatRecipe(recipe)}`];
    }),
    ...(probe.value === undefined || isOtherEnds(probe.value) || plan.measure.kind !== "value"
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

/** A USDT probe, a span, or a C function. */
const isNative = ({ place, entry }: PrintableProbe): boolean =>
  place?.kind === "usdt" || entry.kind in SPAN_ENDS || entry.kind === "function";

const SPAN_ENDS = { "span-begin": "begins spans", "span-end": "ends spans" } as const;

const KINDS: Readonly<Record<string, string>> = {
  place: "counted when it is passed",
  call: "calls",
  ...SPAN_ENDS,
};

/** A thread's calls are told apart by their depth, a goroutine's spans by their order. */
const IDENTITIES: Readonly<Record<string, string>> = {
  thread: "of each thread",
  goroutine: "of each goroutine",
  value: "of each value of --match",
};

/** Which file has it takes the place of where its source is. */
function nativeLines({ target, libraries }: PrintablePlan, probe: PrintableProbe, style: TextStyle): readonly string[] {
  const { function: fn, kind, identity } = probe;
  const file = probe.file === 0 ? target : libraries[probe.file - 1];
  const counted = [KINDS[kind] ?? kind, ...(kind === "place" ? [] : [IDENTITIES[identity] ?? identity])].join(" ");
  const extent = fn.size === 0 ? hex(fn.address) : `${hex(fn.address)}, ${formatQuantity(fn.size, "byte")}`;
  const goroutine = probe.goroutine === "none" ? "" : `, g from ${probe.goroutine}`;
  return [
    paint(style, "title", printable(probe.name)),
    paint(style, "faint", `  ${printable(file?.path ?? "file unknown")}, ${extent}${goroutine}`),
    `  ${counted}`,
  ];
}

/** Of a span, what is evaluated at its other end. */
const isOtherEnds = ({ steps, code }: PrintableRecipe): boolean => steps.length === 0 && code === undefined;

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
