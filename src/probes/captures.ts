/** What a trace shows of a probe's calls: arguments as they came in, results as they went out, and what `--show` asks for. */
import { gsLimits } from "../abi/index.js";
import type { Shape, ShownValue } from "../aggregate/index.js";
import { found, type Outcome, refused } from "../base/index.js";
import type { Capture, Captures } from "./code.js";
import { emitJudged, judgeAtOneEnd } from "./conditions.js";
import { type Expression, isTruth } from "./expression.js";
import { locate, type Surroundings } from "./locate.js";
import { loadBytes, type Operand } from "./operand.js";
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
    const judged = judgeAtOneEnd(expression, around, "--show");
    if (!judged.ok) return judged;
    const { phase } = judged.value;
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
  if (type.kind === "float") {
    const bits = loadBytes(operand.value, { offset: 0, size: type.size === 4 ? 4 : 8, signed: false });
    if (!bits.ok) return bits;
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
  const entry = captureEnd(all, "entry", steps, around);
  const end = captureEnd(all, "return", steps, around);
  const shapes = { entry: entry.shapes.values(), return: end.shapes.values() };
  const shown = all.map(
    ({ name, role, phase }): ShownValue => ({ name, role, phase, shape: shapes[phase].next().value ?? NO_ROOM }),
  );
  return { entry: captureOf(entry.writer), return: captureOf(end.writer), shown };
}

const NO_ROOM: Shape = { kind: "unreadable", reason: "no room" };

interface CapturedEnd {
  readonly writer: CaptureWriter;
  /** Of the values of this end, in their order. */
  readonly shapes: readonly Shape[];
}

/** Each value with all the room it could use; where that is more than there is, once more with fair shares. */
function captureEnd(
  all: readonly CompiledShow[],
  end: ShownValue["phase"],
  steps: number,
  around: Pick<Surroundings, "program" | "packagePath">,
): CapturedEnd {
  const own = all.filter(({ phase }) => phase === end);
  const total: Room = { slots: gsLimits.GS_MAX_SLOTS, tail: gsLimits.GS_TAIL_BYTES, steps };
  const most: Room = { slots: SLOTS_OF_VALUE, tail: BYTES_OF_VALUE, steps };
  const write = (rooms: readonly Room[]): CapturedEnd & { readonly used: readonly Room[] } => {
    const writer = new CaptureWriter(around);
    const used: Room[] = [];
    const shapes = own.map((value, index) => {
      const before = roomOf(writer);
      const shape = value.write(writer, rooms[index] ?? most);
      const after = roomOf(writer);
      used.push({
        slots: after.slots - before.slots,
        tail: after.tail - before.tail,
        steps: after.steps - before.steps,
      });
      return shape;
    });
    return { writer, shapes, used };
  };
  const generous = write([]);
  const { slots, tail, steps: taken } = roomOf(generous.writer);
  return slots <= total.slots && tail <= total.tail && taken <= total.steps
    ? generous
    : write(fairRooms(total, generous.used));
}

const roomOf = ({ slots, tail, code }: CaptureWriter): Room => ({ slots, tail, steps: code.length });

/** In the order of the needs: each gets what it needs, or as much as the others that need more than their share. */
function fairRooms(total: Room, needs: readonly Room[]): readonly Room[] {
  const shares = (of: keyof Room): readonly number[] =>
    fairShares(
      total[of],
      needs.map((need) => need[of]),
    );
  const [slots, tail, steps] = [shares("slots"), shares("tail"), shares("steps")];
  return needs.map((_, index) => ({ slots: slots[index] ?? 0, tail: tail[index] ?? 0, steps: steps[index] ?? 0 }));
}

/** Who needs little gets it; what is left is shared alike among the others. */
function fairShares(total: number, needs: readonly number[]): readonly number[] {
  const shares = needs.map(() => 0);
  const order = needs.map((need, index) => ({ need, index })).sort((left, right) => left.need - right.need);
  let left = total;
  order.forEach(({ need, index }, rank) => {
    const share = Math.min(need, Math.floor(left / (order.length - rank)));
    shares[index] = share;
    left -= share;
  });
  return shares;
}

function captureOf(writer: CaptureWriter): Capture | undefined {
  const code = writer.code.finish();
  return code.length === 0 ? undefined : { code, slots: writer.slots, tailBytes: writer.tail };
}
