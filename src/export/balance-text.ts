/** The closing words of a run, for stderr: the balance of its calls, what it could not keep, and what it cost. */
import {
  type Aggregate,
  type Balance,
  type DetailLoss,
  type EventLoss,
  type NetRecord,
  printable,
  quantile,
} from "../aggregate/index.js";
import { type Noun, nounOf, type Run } from "./run.js";
import { samplingSentence } from "./sampling-text.js";
import { paint, type TextStyle } from "./style.js";
import { formatCount, formatNanoseconds, formatQuantity, formatShare } from "./units.js";

/** What is missing of calls that were shown one by one. */
export interface CallLoss extends EventLoss {
  readonly shownAs: "lines" | "trees";
}

/** Lines with a newline at the end: the balance, the cost, then notes and warnings as there are. */
export function formatBalanceText(
  { where, probes }: Pick<Run, "where" | "probes">,
  results: Aggregate,
  style: TextStyle,
  lacking?: CallLoss,
): string {
  const noun = nounOf(probes);
  const sampled = samplingSentence(results, noun);
  const lines = [
    `balance: ${booksSentence(results.balance, noun)}`,
    ...(where === undefined ? [] : [`condition: ${conditionSentence(where, results.balance, noun)}`]),
    `cost: ${costSentence(results)}`,
    ...(sampled === undefined ? [] : [paint(style, "warning", `sampled: ${sampled}`)]),
    ...notes(results, noun, lacking).map((line) => paint(style, "faint", `note: ${line}`)),
    ...[...warnings(results, probes, noun), ...callWarnings(lacking, noun)].map((line) =>
      paint(style, "warning", `warning: ${line}`),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

/** `400 entries = 398 returns + 1 panic + 1 goexit + 0 open + 0 lost`; says so when the two sides differ. */
function balanceSentence(balance: Balance): string {
  const sides = [
    formatQuantity(balance.returns, "return"),
    formatQuantity(balance.panics, "panic"),
    formatQuantity(balance.goexits, "goexit"),
    `${formatCount(balance.open)} open`,
    `${formatCount(balance.lost)} lost`,
  ].join(" + ");
  const sign = balance.discrepancy === 0n ? "=" : "≠";
  return `${formatQuantity(balance.entries, "entry", "entries")} ${sign} ${sides}`;
}

/** Calls that were paired, hits that were only counted, or both. */
export function booksSentence(balance: Balance, noun: Noun = "call"): string {
  const counted =
    noun === "hit"
      ? `${formatQuantity(balance.counted, noun)} counted`
      : `${formatQuantity(balance.counted, "call")} counted at the entry alone`;
  if (balance.counted === 0n) return balanceSentence(balance);
  return balance.entries === 0n ? counted : `${balanceSentence(balance)}; ${counted}`;
}

/** `100 of 400 calls matched tenant == "acme"`. Of calls whose end was not seen it may depend on that end. */
export function conditionSentence(
  where: string,
  { entries, counted, filtered, undecided, open, lost }: Balance,
  noun: Noun = "call",
): string {
  const all = entries + counted;
  const matched = `${formatCount(all - filtered - undecided)} of ${formatQuantity(all, noun)} matched`;
  const unended = open + lost;
  const unknown = unended === 0n ? "" : `; ${formatCount(unended)} did not end, or were lost, and may be among them`;
  return `${matched} ${printable(where)}${unknown}`;
}

/** Below this many hits their mean price is that of cold caches and of whatever interrupted them. */
const MANY_HITS = 1000n;

/** Both shares that `--max-overhead` may be about: of one CPU where the target uses less. */
function costSentence({ cost, durationNs }: Aggregate): string {
  const hits = formatQuantity(cost.hits, "probe hit");
  if (cost.nsPerHit === undefined) return `${hits}; their price could not be measured`;
  const totalNs = Number(cost.hits) * cost.nsPerHit;
  const ofCpu = formatShare(totalNs / Math.max(1, Number(durationNs)));
  const share = cost.shareOfTarget === undefined ? "an unknown share" : formatShare(cost.shareOfTarget);
  const few = cost.hits < MANY_HITS ? "about " : "";
  return `${hits} of ${few}${formatNanoseconds(cost.nsPerHit)} each, ${formatNanoseconds(totalNs)} altogether: ${ofCpu} of one CPU, ${share} of the target's CPU time`;
}

/** Calls whose median is below this many times the price of a hit look much longer than they are. */
const SHORT_CALLS = 20;

/**
 * Undefined when all that was measured is long against the probes themselves. No bound is named: what a call contains of
 * its own hits is what follows the entry's reading of the clock, which a single step makes long, and what precedes the end's.
 */
function probeTimeNote({ measure, cost, series }: Aggregate, lacking: CallLoss | undefined): string | undefined {
  const { hits, nsPerHit, net } = cost;
  if (net !== undefined) return netNote(net);
  if (measure.kind !== "duration" || nsPerHit === undefined || hits === 0n) return undefined;
  // Calls that are shown one by one are in no series: any of them may be short.
  const short =
    lacking !== undefined ||
    series.some(({ histogram }) => {
      const median = quantile(histogram, 0.5);
      return median !== undefined && Number(median) < SHORT_CALLS * nsPerHit;
    });
  if (!short) return undefined;
  const inside = `each hit of measured calls inside, ${formatNanoseconds(nsPerHit)} on average`;
  return (
    "durations contain probe time: of a call's own two hits a part, which is largest where plan shows the entry at the first " +
    `instruction, and all of ${inside}; short calls of different functions do not compare; --net takes it off`
  );
}

function netNote({ belowZero, uncertainty }: NetRecord): string {
  const of = "what probes inside a call took, and the part of its own that it contains, at prices measured here";
  const off =
    uncertainty === undefined
      ? ", and how far they may be off is not known"
      : `, which may be off by ${formatShare(uncertainty)}`;
  const less = belowZero === 0n ? "" : `; ${formatQuantity(belowZero, "call")} took less than that, and have 0`;
  return `durations are net of probe time: ${of}${off}${less}`;
}

function notes(results: Aggregate, noun: Noun, lacking: CallLoss | undefined): readonly string[] {
  const { balance } = results;
  const lines: string[] = [];
  const probeTime = probeTimeNote(results, lacking);
  if (probeTime !== undefined) lines.push(probeTime);
  if (balance.unmatchedReturns > 0n) {
    // A call that was lost returns too, and nothing tells it from one that was running before.
    const lost = balance.lost === 0n ? "" : ", or lost";
    const before = results.sampling === undefined ? "already running at attach" : "already running when probes came on";
    const since = `${before}${lost}`;
    const single = balance.unmatchedReturns === 1n;
    lines.push(
      noun === "span"
        ? `${formatQuantity(balance.unmatchedReturns, "end")} of spans without a beginning: passed before the attach, or not at all; not counted`
        : `${were(balance.unmatchedReturns, noun)} ${since}; not counted, ${single ? "its" : "their"} duration is unknown`,
    );
  }
  if (balance.open > 0n) {
    // Calls that are shown one by one are shown as far as they came.
    const absent = lacking === undefined ? "; not in the results" : "";
    lines.push(
      noun === "span"
        ? `${formatQuantity(balance.open, noun)} begun, and not ended until the run's end, or never${absent}`
        : `${were(balance.open, noun)} still running at the end${absent}`,
    );
    // Ends and beginnings that don't find each other are on different threads, more often than not.
    if (noun === "span" && balance.unmatchedReturns > balance.returns && balance.open > balance.returns) {
      lines.push("where a span's ends are on different threads, --match tells by which argument they belong together");
    }
  }
  return lines;
}

function warnings({ balance, loss }: Aggregate, probes: Run["probes"], noun: Noun): readonly string[] {
  const lines: string[] = [];
  const elsewhere = unidentified(probes);
  if (balance.discrepancy !== 0n) {
    const missing = balance.discrepancy > 0n ? balance.discrepancy : -balance.discrepancy;
    const what = balance.discrepancy > 0n ? "unaccounted for" : "counted twice";
    lines.push(`the balance does not hold: ${formatQuantity(missing, noun)} ${what}; please report this`);
  }
  if (balance.lost > 0n) {
    const of = `${formatQuantity(balance.lost, noun)} of ${formatCount(balance.entries)} lost`;
    lines.push(`${of}: ${lossReasons(balance.lost, loss, elsewhere).join(", ")}`);
  }
  // Of entries they are among the lost; of other hits nothing else tells.
  const others = loss.noGoroutine - loss.homeless;
  if (others > 0n) lines.push(`${formatQuantity(others, "return")} ${elsewhere}`);
  if (loss.otherSeries > 0n) {
    lines.push(`${formatQuantity(loss.otherSeries, noun)} went to "other": too many different values`);
  }
  if (balance.undecided > 0n) {
    const of = `${formatQuantity(balance.undecided, noun)} left out: the condition could not be evaluated`;
    lines.push(`${of}: no such key or element, a nil pointer, or memory that is not there`);
  }
  if (loss.unreadable > 0n) {
    lines.push(`${formatQuantity(loss.unreadable, noun)} left out: the measured value could not be read`);
  }
  if (loss.buckets > 0n) lines.push(`${formatQuantity(loss.buckets, noun)} missing from histograms: no room`);
  if (loss.stacks > 0n) lines.push(`${formatQuantity(loss.stacks, noun)} without a stack: no room, or not readable`);
  if (loss.samples > 0n) lines.push(`${formatQuantity(loss.samples, noun)} missing from the profile: no room`);
  return lines;
}

/** Why it could not be told which call an end belongs to, or which calls are around a new one. */
function unidentified(probes: Run["probes"]): string {
  const ofThreads = "on another stack than their thread's other calls";
  const ofGoroutines = "outside any readable goroutine";
  if (probes.every(({ identity }) => identity === undefined)) return ofGoroutines;
  return probes.some(({ identity }) => identity === undefined) ? `${ofGoroutines}, or ${ofThreads}` : ofThreads;
}

function lossReasons(
  lost: bigint,
  { homeless, abandoned, left, cut }: DetailLoss,
  elsewhere: string,
): readonly string[] {
  const reasons: string[] = [];
  const untold = lost - homeless - abandoned - left - cut;
  if (untold > 0n)
    reasons.push(`${formatCount(untold)} for which the kernel had no room, or whose end could not be told`);
  if (homeless > 0n) reasons.push(`${formatCount(homeless)} ${elsewhere}`);
  if (abandoned > 0n) reasons.push(`${formatCount(abandoned)} on a system stack that the scheduler left`);
  if (cut > 0n) reasons.push(`${formatCount(cut)} still running when probes went off, so that long calls are missing`);
  if (left > 0n) reasons.push(`${formatCount(left)} left by longjmp or an exception, or too deep to be followed`);
  return reasons;
}

function callWarnings(loss: CallLoss | undefined, noun: Noun): readonly string[] {
  if (loss === undefined) return [];
  const lines: string[] = [];
  if (loss.dropped > 0n) {
    const meant = loss.shownAs === "trees" ? "; their time seems to be their callers' own" : "";
    lines.push(
      `${formatQuantity(loss.dropped, noun)} missing above: they came faster than they could be taken${meant}`,
    );
  }
  if (loss.captures > 0n) lines.push(`${formatQuantity(loss.captures, noun)} without what they were given: no room`);
  return lines;
}

const were = (count: bigint, noun: Noun): string => `${formatQuantity(count, noun)} ${count === 1n ? "was" : "were"}`;
