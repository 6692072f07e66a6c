/** What is said of a run whose probes rested in between, wherever its numbers stand. */
import type { Aggregate, Sampling } from "../aggregate/index.js";
import { integerJson } from "../aggregate/index.js";
import type { Noun } from "./run.js";
import { formatCount, formatQuantity, formatShare } from "./units.js";

/** `at least 58,000`, `58,000 to 76,000`. */
function range({ low, high }: Sampling["calls"]): string {
  return high === undefined ? `at least ${formatCount(low)}` : `${formatCount(low)} to ${formatCount(high)}`;
}

/** `probes were on 2.4 % of the time, in 14 slices: 58,000 to 76,000 calls in all, estimated`; undefined of a whole run. */
export function samplingSentence({ sampling }: Pick<Aggregate, "sampling">, noun: Noun): string | undefined {
  if (sampling === undefined) return undefined;
  const { share, slices, calls } = sampling;
  const seen = `probes were on ${formatShare(share)} of the time, in ${formatQuantity(BigInt(slices), "slice")}`;
  const slowed = calls.high === undefined ? ", for probes slow them down" : "";
  return `${seen}, to cost no more than --max-overhead: all counts are of those; ${range(calls)} ${noun}s in all, estimated${slowed}`;
}

/** Of `hist --json`; nothing of a whole run. */
export const samplingJson = ({ sampling }: Pick<Aggregate, "sampling">): object =>
  sampling === undefined
    ? {}
    : {
        sampling: {
          share: sampling.share,
          slices: sampling.slices,
          estimatedCalls: {
            low: integerJson(sampling.calls.low),
            high: sampling.calls.high === undefined ? null : integerJson(sampling.calls.high),
          },
        },
      };
