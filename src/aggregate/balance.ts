/** The books of a run: every call that was entered must be found again, under exactly one heading. */
import type { BalanceRecord, CostRecord, NetRecord } from "./records.js";

export interface Balance extends BalanceRecord {
  /**
   * entries - (returns + panics + goexits + open + lost). Not 0 means that gospect miscounted, and is always shown; a
   * snapshot taken while calls come and go may be off by the few that were under way.
   */
  readonly discrepancy: bigint;
}

/** Balances the books; never throws: a violation is reported, not hidden. */
export const balanceOf = (record: BalanceRecord): Balance => ({
  ...record,
  discrepancy: record.entries - record.returns - record.panics - record.goexits - record.open - record.lost,
});

export interface Cost {
  readonly hits: bigint;
  readonly nsPerHit: number | undefined;
  /** Time spent in probes over CPU time of the target, 0..1; undefined when either is not known, or they contradict. */
  readonly shareOfTarget: number | undefined;
  /** Undefined: durations contain probe time. */
  readonly net: NetRecord | undefined;
}

export function costOf(record: CostRecord): Cost {
  const { hits, nsPerHit, targetCpuNs, net } = record;
  const known = nsPerHit !== undefined && targetCpuNs !== undefined && targetCpuNs > 0n;
  // The target's CPU time contains the probes' time, but the two are measured apart: more than all of it is no share.
  const ratio = known ? (Number(hits) * nsPerHit) / Number(targetCpuNs) : undefined;
  return { hits, nsPerHit, shareOfTarget: ratio !== undefined && ratio <= 1 ? ratio : undefined, net };
}
