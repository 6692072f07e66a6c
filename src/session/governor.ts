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

/** What any second may cost, times what was agreed. */
const MOST_IN_A_SECOND = 2;
const SECOND_NS = 1e9;

/** LIMIT: how much more a hit may take of the target than where its price was measured: other caches, other code around it. */
const DEARER = 1.2;

/** How full the account must be for probes to go on again: the fuller, the longer and the rarer are the times they are on. */
const ENOUGH = 0.75;

export class Governor {
  private readonly share: number;
  private savedNs: number;
  private last: GovernorReading;
  /** The last second, look by look. */
  private readonly second: { readonly nowNs: number; readonly spent: number; readonly income: number }[] = [];
  /** The most that was ever spent beyond all income before the probes were off. */
  private worstDebtNs = 0;
  private notBeforeNs = 0;
  private readonly chance: () => number;

  /** `share`: of the target's time, 0 to 1. The account begins full. `chance`: numbers from 0 to 1, as Math.random has them. */
  constructor(share: number, start: GovernorReading, chance: () => number) {
    this.share = share;
    this.chance = chance;
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
    const spent = (reading.hits - hits) * nsPerHit;
    this.savedNs = Math.min(this.savedNs + income - spent, this.mostNs);
    this.worstDebtNs = Math.max(this.worstDebtNs, this.debtNs);
    this.second.push({ nowNs: reading.nowNs, spent, income });
    while ((this.second[0]?.nowNs ?? reading.nowNs) <= reading.nowNs - SECOND_NS) this.second.shift();
    this.last = reading;
    // Probes that came back a second after a burst would meet the next one of whatever does something every second.
    if (this.hasEnough && !this.isBearable) this.notBeforeNs = reading.nowNs + this.chance() * SECOND_NS;
  }

  get mustRest(): boolean {
    return this.savedNs < 0;
  }

  get mayWork(): boolean {
    return this.hasEnough && this.isBearable && this.last.nowNs >= this.notBeforeNs;
  }

  private get hasEnough(): boolean {
    return this.savedNs >= ENOUGH * this.mostNs;
  }

  /** Whether one more time like the dearest so far would not be too much for the second that it is in. */
  private get isBearable(): boolean {
    const [spent, income] = this.second.reduce(
      ([spent, income], look) => [spent + look.spent, income + look.income],
      [0, 0],
    );
    const bearable = MOST_IN_A_SECOND * Math.max(income, this.share * SECOND_NS);
    return spent === 0 || DEARER * (spent + this.mostNs + this.worstDebtNs) <= bearable;
  }

  /** What has been spent beyond all income, ns; 0 while there is something left. */
  get debtNs(): number {
    return Math.max(0, -this.savedNs);
  }

  private get mostNs(): number {
    return this.share * SAVINGS_SECONDS * 1e9;
  }
}
