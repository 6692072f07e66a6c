/**
 * Measuring side by side: every round takes each variant once, so that what disturbs the machine disturbs all of them;
 * a ratio is formed within its round, and the median over the rounds is the result.
 */

/** One variant's value in each round. */
export type Series = readonly number[];

export function median(values: Series): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** Element by element: `combine(a[round], b[round])`. */
export const pairwise = (a: Series, b: Series, combine: (a: number, b: number) => number): Series =>
  a.map((value, round) => combine(value, b[round] ?? Number.NaN));

/**
 * Takes every measurement once per round, each round beginning with another one, because the first after a pause has it
 * harder. A round before the first warms up and is not kept.
 */
export async function measureInRounds<Name extends string>(
  measurements: Readonly<Record<Name, () => Promise<number>>>,
  rounds: number,
): Promise<Readonly<Record<Name, Series>>> {
  const names = Object.keys(measurements) as Name[];
  const taken = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (const name of names) await measurements[name]();
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length];
      if (name !== undefined) taken[name].push(await measurements[name]());
    }
  }
  return taken;
}
