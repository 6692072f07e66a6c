/**
 * Addresses of a run: those of all its files side by side, see FILE_WINDOW. Programs give them relative to the image of the
 * file that a probe is in, whosever code they are in: a library is called by other files.
 */
import { ProfilerError } from "../base/index.js";
import { openElf, openFileSource } from "../binary/index.js";
import { FILE_WINDOW, type ProbePlan } from "../probes/index.js";
import { type FileSegment, findLoadBias, type TargetProcess } from "../process/index.js";
import { type FileIdentity, mappingsAmong, type ProgramFile } from "./program-file.js";
import { hasNests } from "./wire.js";

/** A file as it is loaded: from `base` to `end`. */
interface Image {
  readonly base: number;
  readonly end: number;
  readonly segments: readonly FileSegment[];
  readonly identity: FileIdentity;
}

/** A stretch of a process that is a file's code. */
interface Placed {
  readonly start: number;
  readonly end: number;
  readonly file: number;
  /** Added to the file's addresses to get the process's. */
  readonly bias: number;
}

/** How long what a process has mapped is believed where it has no answer. */
const STALE_MS = 1000;

export class RunAddresses {
  private readonly plan: ProbePlan;
  private readonly images: readonly Image[];
  private readonly process: () => TargetProcess | undefined;
  private placed: readonly Placed[] = [];
  private placedAt = Number.NEGATIVE_INFINITY;

  private constructor(plan: ProbePlan, images: readonly Image[], process: () => TargetProcess | undefined) {
    this.plan = plan;
    this.images = images;
    this.process = process;
  }

  /** `process` is the only one that is measured, if there is one, once it runs. Throws as openElf does. */
  static async open(
    plan: ProbePlan,
    files: readonly ProgramFile[],
    process: () => TargetProcess | undefined,
  ): Promise<RunAddresses> {
    // All frames of Go code are those of its only file.
    const images = files.length === 1 && !hasNests(plan) ? [] : await Promise.all(files.map(readImage));
    return new RunAddresses(plan, images, process);
  }

  /** Looks where the files are in the process, while it is there; not more often than it takes. */
  watch(): void {
    if (this.images.length > 0 && performance.now() - this.placedAt > STALE_MS) this.place();
  }

  /**
   * What is at `relative` to the image of that file; undefined where that is in none of the files, or where nothing tells in
   * which: the measured processes are many.
   */
  resolve(file: number, relative: bigint): number | undefined {
    const { imageBase } = file === 0 ? this.plan.target : (this.plan.libraries[file - 1] ?? this.plan.target);
    const address = Number(BigInt.asIntN(64, relative)) + imageBase;
    if (this.images.length === 0) return address;
    const image = this.images[file];
    if (image !== undefined && address >= image.base && address < image.end) return FILE_WINDOW * file + address;
    const found = this.translate(file, address);
    if (found !== undefined) return found;
    this.watch();
    return this.translate(file, address);
  }

  private translate(file: number, address: number): number | undefined {
    const own = this.placed.find((each) => each.file === file);
    if (own === undefined) return undefined;
    const runtime = address + own.bias;
    const there = this.placed.find(({ start, end }) => runtime >= start && runtime < end);
    return there === undefined ? undefined : FILE_WINDOW * there.file + (runtime - there.bias);
  }

  private place(): void {
    this.placedAt = performance.now();
    try {
      const mappings = this.process()?.readMappings() ?? [];
      const placed = this.images.flatMap(({ identity, segments }, file) =>
        mappingsAmong(mappings, identity).flatMap((mapping): Placed[] => {
          const bias = findLoadBias([mapping], segments);
          return bias === undefined ? [] : [{ start: mapping.start, end: mapping.end, file, bias }];
        }),
      );
      // A command that has not begun, or has ended, has none.
      if (placed.length > 0) this.placed = placed;
    } catch (error) {
      // What can't be read now is no reason to end a run.
      if (!(error instanceof ProfilerError)) throw error;
    }
  }
}

async function readImage({ path, planned, identity }: ProgramFile): Promise<Image> {
  const source = openFileSource(path, planned.path);
  try {
    const segments = (await openElf(source)).segments.filter(({ type }) => type === "load");
    const end = Math.max(0, ...segments.map(({ virtualAddress, memorySize }) => virtualAddress + memorySize));
    return { base: planned.imageBase, end, segments, identity };
  } finally {
    source[Symbol.dispose]();
  }
}
