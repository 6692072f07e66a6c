/** The slices of a run as they are kept: the last ones each, and of those before them what estimates need. */
import { addSlice, type SliceRecord, type SliceSumRecord } from "../aggregate/index.js";

/** LIMIT: slices that are told apart; a run under full load has five a second, which would be 10 MB an hour. */
export const KEPT_SLICES = 512;

export class SliceLog {
  /** The sum of all that are no longer kept each. */
  earlier: SliceSumRecord | undefined;
  private readonly kept: SliceRecord[] = [];

  /** The last ones, in the order in which they were. */
  get slices(): readonly SliceRecord[] {
    return this.kept;
  }

  get last(): SliceRecord | undefined {
    return this.kept.at(-1);
  }

  /** `nsPerHit`: what a hit costs, as far as that is known now: what is said of the slices that this makes one too many. */
  add(slice: SliceRecord, nsPerHit: number | undefined): void {
    this.kept.push(slice);
    const [oldest, next] = this.kept;
    if (this.kept.length <= KEPT_SLICES || oldest === undefined || next === undefined) return;
    this.earlier = addSlice(this.earlier, oldest, next, nsPerHit);
    this.kept.shift();
  }
}
