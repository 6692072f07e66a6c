/** What a trace shows of a probe's calls: arguments as they came in, results as they went out, and what `--show` asks for. */
import { gsLimits } from "../abi/index.js";
import type { Shape, ShownValue } from "../aggregate/index.js";
import { found, type Outcome, refused } from "../base/index.js";
import type { Capture, Captures } from "./code.js";
import { emitJudged, judge } from "./conditions.js";
import { type Expression, formatExpression, isTruth } from "./expression.js";
import { locate, type Surroundings } from "./locate.js";
import type { Operand } from "./operand.js";
import { CaptureWriter, type Room } from "./value-capture.js";

/** A value to show: where it is, or in a word why it can't be read. */
export interface Shown {
  readonly name: string;
  readonly role: ShownValue["role"];
  readonly phase: ShownValue["phase"];
  readonly value: Outcome<Operand>;
}

/**
 * LIMIT: slots and bytes that one value takes, so that there are some for the others; steps of one code, and of all codes of a run.
 * Nearly all steps are of types that an interface does not hold, and never run.
 */
const SLOTS_OF_VALUE = 64;
const BYTES_OF_VALUE = 1024;
const STEPS_OF_CODE = 16_000;
const STEPS_OF_RUN = 4_000_000;

/** A `--show` expression at a probe; a refusal concerns the whole function. */
export type CompiledShow = Pick<ShownValue, "name" | "phase"> & {
  readonly write: (to: CaptureWriter, room: Room) => Shape;
};

/** Refused: as the values themselves are, and `mixed-ends`. `name`: as it was written. */
export function compileShow(name: string, expression: Expression, around: Surroundings): Outcome<CompiledShow> {
  if (expression.kind === "special" && expression.name === "func") {
    const text = around.functionName;
    return found({ name, phase: "entry", write: () => ({ kind: "constant", text }) });
  }
  if (expression.kind === "linear") {
    return refused("wrong-type", "lin(e, …) groups values of --by", "show the value itself");
  }
  if (isTruth(expression)) {
    const judged = judge(expression, around);
    if (!judged.ok) return judged;
    const { phase } = judged.value;
    if (phase === "mixed") {
      return refused(
        "mixed-ends",
        `${formatExpression(expression)} needs arguments, which are known at the entry, and results`,
        "--where can test both; --show can have each by itself",
      );
    }
    const write = (to: CaptureWriter): Shape => ({
      kind: "bool",
      slot: to.captureWord((code) => emitJudged(code, judged.value)),
    });
    return found({ name, phase: phase === "either" ? "entry" : phase, write });
  }
  const operand = locate(expression, around);
  if (!operand.ok) return operand;
  const { phase, type } = operand.value;
  if (expression.kind === "call" && expression.function === "type") {
    return locateTypeName(name, expression.of, around);
  }
  if (operand.value.at === "pieces" && type.kind === "float") {
    const [piece] = operand.value.pieces;
    if (piece?.kind === "float-register") {
      return refused(
        "float-in-register",
        `${operand.value.text} is a ${type.name} in a register that uprobes cannot read`,
        "integers, bools and strings can be read",
      );
    }
  }
  return found({
    name,
    phase: phase === "either" ? "entry" : phase,
    write: (to, room) => to.capture(operand.value, room),
  });
}

/** `type(e)`: the type's address is kept, and its name is looked up when it is shown. */
function locateTypeName(name: string, of: Expression, around: Surroundings): Outcome<CompiledShow> {
  const operand = locate(of, around);
  if (!operand.ok) return operand;
  const { phase } = operand.value;
  return found({
    name,
    phase: phase === "either" ? "entry" : phase,
    write: (to) => to.captureTypeName(operand.value),
  });
}

/** What is captured of a call by one of so many probes; nothing at an end at which there is nothing to capture. */
export function compileCaptures(
  values: readonly Shown[],
  shows: readonly CompiledShow[],
  around: Pick<Surroundings, "program" | "packagePath"> & { readonly probes: number },
): Captures {
  const steps = Math.min(STEPS_OF_CODE, Math.floor(STEPS_OF_RUN / (2 * Math.max(1, around.probes))));
  const all: readonly (CompiledShow & Pick<ShownValue, "role">)[] = [
    ...values.map(({ name, role, phase, value }) => ({
      name,
      role,
      phase,
      write: (to: CaptureWriter, room: Room): Shape =>
        value.ok ? to.capture(value.value, room) : { kind: "unreadable", reason: value.refusal.reason },
    })),
    ...shows.map((show) => ({ ...show, role: "show" as const })),
  ];
  const writers = { entry: new CaptureWriter(around), return: new CaptureWriter(around) };
  const waiting = {
    entry: all.filter(({ phase }) => phase === "entry").length,
    return: all.filter(({ phase }) => phase === "return").length,
  };
  const shown = all.map(({ name, role, phase, write }): ShownValue => {
    const writer = writers[phase];
    // Fair shares: what one value does not need the others may have.
    const sharers = Math.max(1, waiting[phase]--);
    const room = {
      slots: Math.min(SLOTS_OF_VALUE, Math.floor((gsLimits.GS_MAX_SLOTS - writer.slots) / sharers)),
      tail: Math.min(BYTES_OF_VALUE, Math.floor((gsLimits.GS_TAIL_BYTES - writer.tail) / sharers)),
      steps: Math.floor((steps - writer.code.length) / sharers),
    };
    return { name, role, phase, shape: write(writer, room) };
  });
  return { entry: captureOf(writers.entry), return: captureOf(writers.return), shown };
}

function captureOf(writer: CaptureWriter): Capture | undefined {
  const code = writer.code.finish();
  return code.length === 0 ? undefined : { code, slots: writer.slots, tailBytes: writer.tail };
}
