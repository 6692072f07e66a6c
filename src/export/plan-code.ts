/** Codes, conditions and captured values of a plan, for people and for programs. */
import { integerJson, printable, type Shape } from "../aggregate/index.js";
import { hex } from "../base/index.js";
import type { PrintableCapture, PrintableCaptures, PrintableCode, PrintableStep } from "./plan-shape.js";
import { formatQuantity } from "./units.js";

/** LIMIT: steps of a code that are printed for people; `--json` has all. */
const PRINTED_STEPS = 48;

/** In one line, steps one after the other; the number of a jump says over how many steps it goes. */
export function formatCode(code: PrintableCode): string {
  if (code.length > PRINTED_STEPS) return `${formatQuantity(code.length, "step")} (all of them with --json)`;
  return code.map(formatStep).join("; ");
}

/** `load offset=16 size=8` */
export const formatStep = (step: PrintableStep): string => formatDetails(step, "op");

/** A flat object in one line: the value of `head`, then the only other field's value, or each with its name: `load offset=16 size=8`. */
export function formatDetails(flat: object, head: string): string {
  const fields = Object.entries(flat).map(([key, value]): readonly [string, string] => [key, formatDetail(key, value)]);
  const named = fields.filter(([key]) => key === head).map(([, value]) => value);
  const rest = fields.filter(([key]) => key !== head);
  return [...named, ...rest.map(([key, value]) => (rest.length === 1 ? value : `${key}=${value}`))].join(" ");
}

function formatDetail(key: string, value: unknown): string {
  if (key === "address") return hex(Number(value));
  if (key === "relation") return `"${value}"`;
  return Buffer.isBuffer(value) ? `"${printable(value.toString("utf8"))}"` : String(value);
}

/** Steps as they are, but for what JSON has no word for: bytes are in hexadecimal. */
export const codeJson = (code: PrintableCode): readonly object[] =>
  code.map((step) => Object.fromEntries(Object.entries(step).map(([key, value]) => [key, detailJson(value)])));

function detailJson(value: unknown): unknown {
  if (typeof value === "bigint") return integerJson(value);
  return Buffer.isBuffer(value) ? value.toString("hex") : value;
}

/** What a trace keeps at either end, null where it keeps nothing, and how the words read back. */
export const capturesJson = ({ entry, return: end, shown }: PrintableCaptures) => ({
  entry: entry === undefined ? null : captureJson(entry),
  return: end === undefined ? null : captureJson(end),
  shown,
});

const captureJson = ({ code, slots, tailBytes }: PrintableCapture) => ({ code: codeJson(code), slots, tailBytes });

/** One line per end of the call, then one per value. */
export function captureLines({ entry, return: end, shown }: PrintableCaptures): readonly string[] {
  const ends = [
    ["entry", entry],
    ["return", end],
  ] as const;
  return [
    ...ends.flatMap(([name, capture]) =>
      capture === undefined
        ? []
        : [
            `  captured at ${name}: ${formatQuantity(capture.slots, "slot")}, ` +
              `at most ${formatQuantity(capture.tailBytes, "byte")} of strings, ${formatQuantity(capture.code.length, "step")}`,
          ],
    ),
    ...shown.map(({ name, role, phase, shape }) => `    ${role} ${name}, at ${phase}: ${formatShape(shape)}`),
  ];
}

const formatList = (shapes: readonly Shape[]): string => {
  const [first, ...others] = shapes;
  return first === undefined
    ? "nothing"
    : `${formatShape(first)}${others.length > 0 ? ` and ${others.length} more` : ""}`;
};

/** What a value is, with `#` the slots it is read from. */
function formatShape(shape: Shape): string {
  switch (shape.kind) {
    case "integer":
      return `${shape.signed ? "int" : "uint"}${8 * shape.size} #${shape.slot}`;
    case "float":
      return `float${8 * shape.size} #${shape.slot}`;
    case "complex":
      return `complex${16 * shape.size} #${shape.real} #${shape.imaginary}`;
    case "struct": {
      const fields = shape.fields.map(({ name, shape: inner }) => `${name}: ${formatShape(inner)}`);
      if (shape.omitted > 0) fields.push(`${shape.omitted} more`);
      return `${shape.type}{${fields.join(", ")}}`;
    }
    case "array":
      return `${shape.type}: ${formatList(shape.elements)}`;
    case "slice":
      return `${shape.type} #${shape.pointer} #${shape.length}: ${formatList(shape.elements)}`;
    case "pointer":
      return `${shape.type} #${shape.slot}${shape.target === undefined ? "" : ` to ${formatShape(shape.target)}`}`;
    case "interface": {
      const cases = shape.cases.map(({ type, shape: inner }) => `${type} ${formatShape(inner)}`);
      return `${shape.type} #${shape.word} #${shape.taken}${cases.length === 0 ? "" : `: ${cases.join(" | ")}`}`;
    }
    case "message":
      return `message of ${shape.parts.map((part) => (typeof part === "string" ? JSON.stringify(part) : formatShape(part))).join(" ")}`;
    case "joined":
      return `${formatShape(shape.list)} joined by ${JSON.stringify(shape.separator)}`;
    case "map":
      return `${shape.type} #${shape.pointer} #${shape.length}`;
    case "channel":
      return `${shape.type} #${shape.pointer} #${shape.length} #${shape.capacity}`;
    case "type-name":
      return `type #${shape.word}`;
    case "time":
      return `time #${shape.wall} #${shape.ext}`;
    case "constant":
      return shape.text;
    case "unreadable":
      return `unreadable: ${shape.reason}`;
    default:
      return `${shape.kind} #${shape.slot}`;
  }
}
