/**
 * Addresses of a run: those of all its files side by side, see FILE_WINDOW. Programs give them relative to the image of the
 * file that a probe is in, whosever code they are in: a library is called by other files.
 */
import { openElf, openFileSource } from "../binary/index.js";
import { FILE_WINDOW, type ProbePlan } from "../probes/index.js";
import { findLoadBias, type TargetProcess } from "../process/index.js";
import type { ProgramFile, ProgramFiles } from "./program-file.js";

/** Where the image of a file ends. */
interface Extent {
  readonly base: number;
  readonly end: number;
}

/** A stretch of a process that is a file's code. */
interface Placed {
  readonly start: number;
  readonly end: number;
  readonly file: number;
  /** Added to the file's addresses to get the process's. */
  readonly bias: number;
}

interface Images {
  readonly extents: readonly Extent[];
  /** In the one process that is measured; undefined where there is none, or where it can't be told. */
  readonly placed: readonly Placed[] | undefined;
}

const extentOf = async (file: ProgramFile): Promise<Extent> => {
  using source = openFileSource(file.path, file.planned.path);
  const { segments } = await openElf(source);
  const ends = segments.flatMap(({ type, virtualAddress, memorySize }) =>
    type === "load" ? [virtualAddress + memorySize] : [],
  );
  return { base: file.planned.imageBase, end: Math.max(file.planned.imageBase, ...ends) };
};

/** Throws as reading the mappings of the process does. */
function placeFiles(files: readonly ProgramFile[], process: TargetProcess): readonly Placed[] {
  const mappings = process.readMappings();
  return files.flatMap((file) => {
    const own = file.mappingsAmong(mappings).filter(({ executable }) => executable);
    return own.flatMap((mapping): Placed[] => {
      const bias = findLoadBias([mapping], file.segments);
      return bias === undefined ? [] : [{ start: mapping.start, end: mapping.end, file: file.number, bias }];
    });
  });
}
