/**
 * Keeps what a run costs its target within what was agreed. An account of probe time: it fills at the agreed share of the
 * target's time, and every hit takes its price. Overdrawn, the probes must rest until it is filled again.
 *
 * Knows nothing of probes and clocks: it is told what happened, and says what to do.
 */

/** How far the run and its target are; times in nanoseconds. */
export interface GovernorReading {
  readonly nowNs: number;
  readonly hits: number;
  /** CPU time of the target; undefined where there is no single process, or it can't be read. */
  readonly targetCpuNs: number | undefined;
}

/**
 * LIMIT: what the account can hold, in seconds of its income: a burst after a silence may spend that beside its share. With
 * what passes until the probes are off, any second stays below twice the limit.
 */
const SAVINGS_SECONDS = 0.25;

/** How full the account must be for probes to go on again: the fuller, the longer and the rarer are the times they are on. */
const ENOUGH = 0.75;

export class Governor {
  private readonly share: number;
  private savedNs: number;
  private last: GovernorReading;

  /** `share`: of the target's time, 0 to 1. The account begins full. */
  constructor(share: number, start: GovernorReading) {
    this.share = share;
    this.last = start;
    this.savedNs = this.mostNs;
  }

  /** `nsPerHit`: the price of the hits since the last time. */
  account(reading: GovernorReading, nsPerHit: number): void {
    const { nowNs, hits, targetCpuNs } = this.last;
    const wall = reading.nowNs - nowNs;
    const cpu = (reading.targetCpuNs ?? 0) - (targetCpuNs ?? 0);
    // A program that uses less than one CPU leaves the rest of it free: probes take that first.
    const income = this.share * Math.max(wall, cpu);
    this.savedNs = Math.min(this.savedNs + income - (reading.hits - hits) * nsPerHit, this.mostNs);
    this.last = reading;
  }

  get mustRest(): boolean {
    return this.savedNs < 0;
  }

  get mayWork(): boolean {
    return this.savedNs >= ENOUGH * this.mostNs;
  }

  /** What has been spent beyond all income, ns; 0 while there is something left. */
  get debtNs(): number {
    return Math.max(0, -this.savedNs);
  }

  private get mostNs(): number {
    return this.share * SAVINGS_SECONDS * 1e9;
  }
}
