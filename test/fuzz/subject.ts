/** What is damaged, and what is asked of it then: a binary as it is, or a symbol file that is unpacked meanwhile. */
import { examine, type Findings } from "./exercise.js";
import { examineSymbolFile } from "./exercise-symbols.js";
import { type Anchors, anchorsOf } from "./mutation.js";
import { anchorsOfUnpacked, isUnpacked, packSymbolFile } from "./unpacked.js";

/** Of an undamaged base. */
export const anchorsIn = (bytes: Buffer): Anchors => (isUnpacked(bytes) ? anchorsOfUnpacked(bytes) : anchorsOf(bytes));

/** Asks everything of a damaged base; rejects with what is neither a value nor a ProfilerError. */
export const examineDamaged = async (bytes: Buffer, anchors: Anchors): Promise<Findings> =>
  isUnpacked(bytes) ? examineSymbolFile(packSymbolFile(bytes, anchors)) : examine(bytes);
