/**
 * A bound on how much is read to answer one question, for files made to take forever: tables that every unit reads anew,
 * lists that every function shares, types that lie inside each other. Compilers write each of these once for whom it is.
 */
import { FormatError } from "../../base/index.js";

/** LIMIT: how often a section's bytes may be read on the average; compilers let nearly all be read once. */
const READINGS = 8;
/** LIMIT: what small sections may take in any case. */
const LEAST = 2 ** 16;

export class ReadMeter {
  private readonly structure: string;
  private left: number;

  /** For things of which the sections that hold them can have `sectionBytes` at most. */
  constructor(structure: string, sectionBytes: number) {
    this.structure = structure;
    this.left = LEAST + READINGS * sectionBytes;
  }

  /** Throws a FormatError when more is read than `READINGS` times all there is. */
  spend(count: number, offset: number): void {
    this.left -= count;
    if (this.left < 0) throw new FormatError(this.structure, offset, "the same bytes are read over and over");
  }
}
