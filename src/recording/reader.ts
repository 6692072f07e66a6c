/** Reads a recorded run, and makes sure that its parts belong together: what is printed of it believes them. */
import {
  type Dimension,
  type EventLoss,
  type EventRecord,
  type RawValue,
  type RecordBatch,
  ROW_BUCKETS,
  ROWS,
} from "../aggregate/index.js";
import { FormatError, messageOf } from "../base/index.js";
import { type ByteSource, openFileSource } from "../binary/index.js";
import { runEnd } from "./batch.js";
import type { Codec } from "./codec.js";
import { type RunDescription, runDescription } from "./description.js";
import { parseEvents } from "./events.js";
import { type NameTable, nameTable } from "./names.js";
import { readSections, type Section, type SectionName, unpackSection } from "./sections.js";

export interface RecordedRun extends Disposable {
  readonly description: RunDescription;
  readonly batch: RecordBatch;
  readonly eventLoss: EventLoss;
  readonly names: NameTable;
  /** In their order, a piece at a time. Throws a FormatError where they are damaged. */
  events(): Iterable<readonly EventRecord[]>;
}

/** The caller disposes. Throws a RunError when there is no such file, and a FormatError for what is no recorded run. */
export const openRecordedRun = (path: string): RecordedRun => readRecordedRun(openFileSource(path));

export function readRecordedRun(source: ByteSource): RecordedRun {
  try {
    const sections = readSections(source);
    const description = parse(source, sections, "head", runDescription);
    const { batch, eventLoss } = parse(source, sections, "tail", runEnd);
    const names = parse(source, sections, "syms", nameTable);
    requireConsistency(source, description, batch);
    return {
      description,
      batch,
      eventLoss,
      names,
      *events() {
        for (const section of sections) {
          if (section.name !== "evts") continue;
          const structure = `${source.path}: events at offset 0x${section.offset.toString(16)}`;
          yield parseEvents(unpackSection(source, section), structure, description.run.probes.length);
        }
      },
      [Symbol.dispose]: () => source[Symbol.dispose](),
    };
  } catch (error) {
    source[Symbol.dispose]();
    throw error;
  }
}

function parse<T>(source: ByteSource, sections: readonly Section[], name: SectionName, codec: Codec<T>): T {
  const [section, another] = sections.filter((each) => each.name === name);
  if (section === undefined || another !== undefined) {
    throw new FormatError(
      source.path,
      source.size,
      `${section === undefined ? "no" : "more than one"} section ${name}`,
      {
        hint: section === undefined ? "the run was killed, or its disk was full" : undefined,
      },
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(unpackSection(source, section).toString("utf8"));
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(source.path, section.offset, `section ${name}: ${messageOf(error)}`, { cause: error });
  }
  return codec.read(json, { structure: source.path, offset: section.offset, path: name, depth: 0 });
}

/** LIMIT: the years that times are printed of. */
const END_OF_TIME_MS = Date.UTC(9000, 0);

/** The invariants that a session's own records have. */
function requireConsistency({ path }: ByteSource, description: RunDescription, batch: RecordBatch): void {
  const { run, dimensions, shown, clock } = description;
  const fail = (detail: string): never => {
    throw new FormatError(path, 0, detail);
  };
  for (const timeMs of [Number(clock.realNs / 1_000_000n), batch.startTimeMs]) {
    if (timeMs < 0 || timeMs > END_OF_TIME_MS) fail(`a start at ${timeMs} ms`);
  }
  if (shown.length !== run.probes.length) fail("values are shown of other probes");
  if (description.command === "profile" && description.mappings === undefined) fail("a profile of no file");
  for (const series of batch.series) {
    if (series.probe >= run.probes.length) fail(`a series of probe ${series.probe}`);
    for (const index of series.buckets.keys()) {
      if (Math.abs(index) >= ROWS * ROW_BUCKETS) fail(`bucket ${index}`);
    }
    if (series.values === undefined) continue;
    if (series.values.length !== dimensions.length) fail("a series with values of other dimensions");
    for (const [index, value] of series.values.entries()) {
      const dimension = dimensions[index];
      if (dimension !== undefined && !fits(value, dimension)) fail(`a value that is none of ${dimension.name}`);
    }
  }
  for (const { probe } of batch.endings) if (probe >= run.probes.length) fail(`endings of probe ${probe}`);
}

/** Exponents of 64-bit integers, and the mark of negative ones. */
const LARGEST_LOG2 = 64n;

function fits(value: RawValue, { encoding }: Dimension): boolean {
  if (value.status !== "read" && value.status !== "cut") return true;
  if (encoding.kind === "string") return "bytes" in value;
  return value.status === "read" && "bits" in value && (encoding.kind !== "log2" || value.bits <= LARGEST_LOG2);
}
