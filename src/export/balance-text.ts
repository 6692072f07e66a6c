/** The closing words of a run, for stderr: the balance of its calls, what it could not keep, and what it cost. */
import type { Aggregate, Balance } from "../aggregate/index.js";
import { paint, type TextStyle } from "./style.js";
import { formatCount, formatNanoseconds, formatQuantity, formatShare } from "./units.js";

/** Lines with a newline at the end: the balance, the cost, then notes and warnings as there are. */
export function formatBalanceText(results: Aggregate, style: TextStyle): string {
  const lines = [
    `balance: ${booksSentence(results.balance)}`,
    `cost: ${costSentence(results)}`,
    ...notes(results).map((line) => paint(style, "faint", `note: ${line}`)),
    ...warnings(results).map((line) => paint(style, "warning", `warning: ${line}`)),
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
export function booksSentence(balance: Balance): string {
  const counted = `${formatQuantity(balance.counted, "call")} counted at the entry alone`;
  if (balance.counted === 0n) return balanceSentence(balance);
  return balance.entries === 0n ? counted : `${balanceSentence(balance)}; ${counted}`;
}

function costSentence({ cost }: Aggregate): string {
  const hits = formatQuantity(cost.hits, "probe hit");
  if (cost.nsPerHit === undefined) return `${hits}; their price could not be measured`;
  const total = formatNanoseconds(Number(cost.hits) * cost.nsPerHit);
  const share = cost.shareOfTarget === undefined ? "" : `, ${formatShare(cost.shareOfTarget)} of the target's CPU time`;
  return `${hits} of ${formatNanoseconds(cost.nsPerHit)} each, ${total} altogether${share}`;
}

function notes({ balance }: Aggregate): readonly string[] {
  const lines: string[] = [];
  if (balance.unmatchedReturns > 0n) {
    // A call that was lost returns too, and nothing tells it from one that was running before.
    const since = balance.lost === 0n ? "already running at attach" : "already running at attach, or lost";
    lines.push(`${were(balance.unmatchedReturns)} ${since}; not counted, their duration is unknown`);
  }
  if (balance.open > 0n) lines.push(`${were(balance.open)} still running at the end; not in the results`);
  return lines;
}

function warnings({ balance, loss }: Aggregate): readonly string[] {
  const lines: string[] = [];
  if (balance.discrepancy !== 0n) {
    const missing = balance.discrepancy > 0n ? balance.discrepancy : -balance.discrepancy;
    const what = balance.discrepancy > 0n ? "unaccounted for" : "counted twice";
    lines.push(`the balance does not hold: ${formatQuantity(missing, "call")} ${what}; please report this`);
  }
  if (balance.lost > 0n) {
    lines.push(
      `${formatQuantity(balance.lost, "call")} of ${formatCount(balance.entries)} lost: the kernel had no room for them`,
    );
  }
  if (loss.noGoroutine > 0n) {
    lines.push(`${formatQuantity(loss.noGoroutine, "hit")} outside any readable goroutine`);
  }
  if (loss.otherSeries > 0n) {
    lines.push(`${formatQuantity(loss.otherSeries, "call")} went to "other": too many different values`);
  }
  if (loss.unreadable > 0n) {
    lines.push(`${formatQuantity(loss.unreadable, "call")} left out: the measured value could not be read`);
  }
  if (loss.buckets > 0n) lines.push(`${formatQuantity(loss.buckets, "call")} missing from histograms: no room`);
  if (loss.stacks > 0n) lines.push(`${formatQuantity(loss.stacks, "call")} without a stack: no room, or not readable`);
  if (loss.samples > 0n) lines.push(`${formatQuantity(loss.samples, "call")} missing from the profile: no room`);
  return lines;
}

const were = (count: bigint): string => `${formatQuantity(count, "call")} ${count === 1n ? "was" : "were"}`;
