/** What the probes of one run have in common: dimensions, and what is measured, must read back alike at all of them. */
import type { Dimension, Measure } from "../aggregate/index.js";
import type { Candidate } from "./candidate.js";
import { commonEncoding, isAlike } from "./encoding.js";
import type { RefusedFunction } from "./plan.js";

const named = ({ name, function: fn, place }: Candidate): Omit<RefusedFunction, "refusal"> =>
  place === undefined
    ? { name }
    : { name, place: { kind: place.kind, function: place.kind === "copy" ? name : fn.name } };

/** Dimensions that most probes agree on; a probe whose values would be read back otherwise is the odd one. */
export function settleDimensions(
  names: readonly string[],
  candidates: readonly Candidate[],
): {
  readonly dimensions: readonly Dimension[];
  readonly alike: readonly Candidate[];
  readonly odd: RefusedFunction[];
} {
  let alike = candidates;
  const odd: RefusedFunction[] = [];
  const dimensions: Dimension[] = [];
  names.forEach((name, index) => {
    const encodings = alike.flatMap((candidate) => candidate.values[index]?.encoding ?? []);
    const encoding = commonEncoding(encodings);
    if (encoding === undefined) return;
    dimensions.push({ name, encoding });
    alike = alike.filter((candidate) => {
      const value = candidate.values[index];
      if (value !== undefined && isAlike(value.encoding, encoding)) return true;
      const type = value?.recipe.type.name ?? "nothing";
      const reason = `its ${name} is ${type}, which differs from that of the other functions`;
      odd.push({
        ...named(candidate),
        refusal: { code: "differing-type", reason, hint: "measure it in a run of its own" },
      });
      return false;
    });
  });
  return { dimensions, alike, odd };
}

/**
 * What the run measures of each call. Without a value: the duration, or where nothing has an end nothing but the number.
 * Places beside calls are refused where one table would show both. A value must be an integer; the sign is that of most
 * probes. A time.Duration is shown as the time it is.
 */
export function settleMeasure(
  name: string | undefined,
  candidates: readonly Candidate[],
  placesAndCalls: "apart" | "together",
): { readonly measure: Measure; readonly alike: readonly Candidate[]; readonly odd: RefusedFunction[] } {
  if (name === undefined) return settleCounting(candidates, placesAndCalls);
  const odd: RefusedFunction[] = [];
  const isInteger = (candidate: Candidate): boolean => candidate.measured?.encoding.kind === "integer";
  for (const candidate of candidates.filter((each) => !isInteger(each))) {
    const type = candidate.measured?.recipe.type.name ?? "nothing";
    odd.push({
      ...named(candidate),
      refusal: {
        code: "not-a-number",
        reason: `its ${name} is ${type}: only integers have a distribution`,
        hint: `len(e) is an integer; --by ${name} tells calls apart by other values`,
      },
    });
  }
  const integers = candidates.filter(isInteger);
  const common = commonEncoding(integers.flatMap(({ measured }) => measured?.encoding ?? []));
  const durations = integers.every(({ measured }) => measured?.recipe.type.name === "time.Duration");
  const measure: Measure = {
    kind: "value",
    name,
    // What fits in 63 bits reads the same either way.
    signed: common?.kind === "integer" && common.signed,
    unit: durations && integers.length > 0 ? "ns" : "value",
  };
  const alike = integers.filter((candidate) => {
    const encoding = candidate.measured?.encoding;
    if (common !== undefined && encoding !== undefined && isAlike(encoding, common)) return true;
    const reason = `its ${name} is ${candidate.measured?.recipe.type.name ?? "nothing"}, which differs from that of the others`;
    odd.push({
      ...named(candidate),
      refusal: { code: "differing-type", reason, hint: "measure it in a run of its own" },
    });
    return false;
  });
  return { measure, alike, odd };
}

function settleCounting(
  candidates: readonly Candidate[],
  placesAndCalls: "apart" | "together",
): ReturnType<typeof settleMeasure> {
  const calls = candidates.filter(({ place }) => place === undefined);
  if (calls.length === 0 && candidates.length > 0) return { measure: { kind: "count" }, alike: candidates, odd: [] };
  if (placesAndCalls === "together") return { measure: { kind: "duration" }, alike: candidates, odd: [] };
  const reason = "it has no end, so no duration, which is what is measured of the others";
  const odd = candidates
    .filter(({ place }) => place !== undefined)
    .map((candidate) => ({
      ...named(candidate),
      refusal: { code: "no-duration", reason, hint: "measure it in a run of its own" },
    }));
  return { measure: { kind: "duration" }, alike: calls, odd };
}
