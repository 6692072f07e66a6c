/** What a run says about itself once, before anything is recorded: all that printing needs of its plan. */
import type { Dimension, Measure, RunClock, Shape, ShownValue, ValueEncoding } from "../aggregate/index.js";
import type { ProfileMapping, Run, RunProbe, RunTarget } from "../export/index.js";
import {
  type Codec,
  integer,
  kinds,
  later,
  list,
  natural,
  object,
  optional,
  text,
  textOr,
  truth,
  unsigned,
  word,
} from "./codec.js";

export type RecordedCommand = "hist" | "profile" | "trace" | "flow";

export interface RunDescription {
  readonly command: RecordedCommand;
  /** What was typed, as a shell takes it. */
  readonly commandLine: string;
  readonly run: Run;
  readonly dimensions: readonly Dimension[];
  readonly measure: Measure;
  /** Per probe, what is shown of its calls; empty lists where nothing is. */
  readonly shown: readonly (readonly ShownValue[])[];
  readonly clock: RunClock;
  /** Of a profile. */
  readonly mappings: readonly ProfileMapping[] | undefined;
  /** How results were asked for. */
  readonly view: RunView;
}

export interface RunView {
  /** `trace --stack`. */
  readonly stacks: boolean;
  /** `--verbose`. */
  readonly verbose: boolean;
  /** `hist --linear`. */
  readonly linear: boolean;
}

const size = word<1 | 2 | 4 | 8>(1, 2, 4, 8);
const floatSize = word<4 | 8>(4, 8);

const encoding: Codec<ValueEncoding> = kinds<ValueEncoding>({
  integer: object({ signed: truth, size, unit: optional(word<"ns">("ns")) }),
  bool: object({}),
  float: object({ size: floatSize }),
  string: object({ empty: optional(word<"nil">("nil")) }),
  pointer: object({}),
  log2: object({}),
  linear: object({ low: integer, width: integer, buckets: integer }),
});

const measure: Codec<Measure> = kinds<Measure>({
  duration: object({}),
  value: object({ name: text, signed: truth, unit: word<"ns" | "value">("ns", "value") }),
  count: object({}),
});

const shape: Codec<Shape> = later(() => shapes);
const slot = natural;
const shapes: Codec<Shape> = kinds<Shape>({
  integer: object({ slot, signed: truth, size }),
  duration: object({ slot }),
  bool: object({ slot }),
  float: object({ slot, size: floatSize }),
  complex: object({ real: slot, imaginary: slot, size: floatSize }),
  string: object({ slot }),
  bytes: object({ slot, pointer: slot }),
  struct: object({
    type: text,
    fields: list(object<(Shape & { kind: "struct" })["fields"][number]>({ name: text, embedded: truth, shape })),
    omitted: natural,
  }),
  array: object({ type: text, length: natural, elements: list(shape) }),
  slice: object({ type: text, pointer: slot, length: slot, elements: list(shape) }),
  pointer: object({ type: text, slot, target: optional(shape) }),
  interface: object({
    type: text,
    word: slot,
    table: truth,
    taken: slot,
    cases: list(object<(Shape & { kind: "interface" })["cases"][number]>({ type: text, shape })),
  }),
  message: object({ parts: list(textOr(shape)) }),
  joined: object({ list: shape, separator: text }),
  errno: object({ slot }),
  "type-name": object({ word: slot, table: truth }),
  map: object({ type: text, pointer: slot, length: slot }),
  channel: object({ type: text, pointer: slot, length: slot, capacity: slot }),
  function: object({ slot }),
  time: object({ wall: slot, ext: slot }),
  constant: object({ text }),
  unreadable: object({ reason: text }),
});

const shownValue = object<ShownValue>({
  name: text,
  role: word<ShownValue["role"]>("argument", "result", "show"),
  phase: word<ShownValue["phase"]>("entry", "return"),
  shape,
});

const target = object<RunTarget>({
  pid: optional(natural),
  exe: text,
  buildId: optional(text),
  goVersion: optional(text),
});

const probe = object<RunProbe>({
  function: text,
  entrySites: natural,
  returnSites: natural,
  inlinedCopies: natural,
  partOf: optional(natural),
  untyped: optional(truth),
  noun: optional(word<NonNullable<RunProbe["noun"]>>("hit", "span")),
  identity: optional(word<NonNullable<RunProbe["identity"]>>("thread", "value")),
});

export const runDescription: Codec<RunDescription> = object<RunDescription>({
  command: word<RecordedCommand>("hist", "profile", "trace", "flow"),
  commandLine: text,
  run: object<Run>({ target, probes: list(probe), where: optional(text) }),
  dimensions: list(object<Dimension>({ name: text, encoding })),
  measure,
  shown: list(list(shownValue)),
  clock: object<RunClock>({ realNs: unsigned, monotonicNs: unsigned }),
  mappings: optional(
    list(
      object<ProfileMapping>({
        start: natural,
        limit: natural,
        fileOffset: natural,
        path: text,
        buildId: optional(text),
        hasLines: truth,
      }),
    ),
  ),
  view: object<RunView>({ stacks: truth, verbose: truth, linear: truth }),
});
