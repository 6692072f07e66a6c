/** What passes between the programs of one shape, measured again and again: what it usually is, and how far it varies. */

/** Within a call, and from its end to the next one's beginning; ns. */
export interface Gaps {
  readonly inside: number;
  readonly between: number;
}

/** A round that takes so many times the median was interrupted, as calls without probes are, too: it counts for nothing. */
const INTERRUPTED = 1.5;
/** Of the others, how many on either side are not what a hit usually takes. */
const UNUSUAL = 0.05;
/** LIMIT: rounds that are kept of a run's middle. Even: every second one goes when there are more. */
export const KEPT_ROUNDS = 1024;

export class GapRounds {
  private readonly before: Gaps[] = [];
  private readonly after: Gaps[] = [];
  /** Evenly spread over the run, however long it lasts: every `stride`-th. */
  private during: Gaps[] = [];
  private stride = 1;
  private seen = 0;

  add(when: "before" | "during" | "after", gaps: Gaps): void {
    if (when !== "during") this[when].push(gaps);
    else if (this.seen++ % this.stride === 0) this.keep(gaps);
  }

  private keep(gaps: Gaps): void {
    this.during.push(gaps);
    if (this.during.length <= KEPT_ROUNDS) return;
    this.during = this.during.filter((_, index) => index % 2 === 0);
    this.stride *= 2;
  }

  get kept(): number {
    return this.before.length + this.during.length + this.after.length;
  }

  /** Of the rounds before the run. The mean, not the least: what is taken off is a sum of many. */
  usual(): Gaps {
    return {
      inside: mean(usual(this.before.map(({ inside }) => inside))),
      between: mean(usual(this.before.map(({ between }) => between))),
    };
  }

  /** How far any round is usually from those before the run, as a share of these; undefined when there were no others. */
  spread(): number | undefined {
    if (this.during.length + this.after.length === 0) return undefined;
    const used = mean(usual(this.before.map(whole)));
    const wholes = usual([...this.before, ...this.during, ...this.after].map(whole));
    const [least, most] = [wholes.at(0) ?? used, wholes.at(-1) ?? used];
    return Math.max(1 - least / used, most / used - 1);
  }
}

export const whole = ({ inside, between }: Gaps): number => inside + between;

/** In ascending order. */
function usual(times: readonly number[]): readonly number[] {
  const sorted = times.toSorted((a, b) => a - b);
  const most = INTERRUPTED * (sorted[sorted.length >> 1] ?? 0);
  const undisturbed = sorted.filter((ns) => ns <= most);
  const unusual = Math.floor(UNUSUAL * undisturbed.length);
  return undisturbed.slice(unusual, undisturbed.length - unusual);
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
