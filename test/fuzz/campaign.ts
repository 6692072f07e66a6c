/** A fuzzing run of a stated length: makes mutations, runs them, judges them, keeps what is wrong as seeds. */
import { readFileSync } from "node:fs";
import { type BaseName, basePath, GO_BASE_NAMES } from "./bases.js";
import { Boundaries } from "./boundaries.js";
import { MutationGenerator } from "./generate.js";
import { formatMutation, parseSeed } from "./mutation.js";
import { type Job, runJobs, type Verdict } from "./pool.js";
import { seedOfRun } from "./random.js";

export interface Complaint {
  /** The mutation as text. */
  readonly text: string;
  readonly reason: string;
}

/** What all runs came to, in no order. */
export interface Summary {
  readonly runs: number;
  /** How often readers gave each answer: `plan=bad-format` and so on. */
  readonly answers: ReadonlyMap<string, number>;
  /** Runs whose plans had sites, all of which were held against objdump. */
  readonly planned: number;
  readonly slowestMs: number;
  readonly complaints: readonly Complaint[];
}

/** Judges verdicts as they come. */
export class Judge {
  readonly answers = new Map<string, number>();
  readonly complaints: Complaint[] = [];
  runs = 0;
  planned = 0;
  slowestMs = 0;
  private readonly boundaries = new Map<BaseName, Boundaries>();

  /** Prepares the truth about the Go bases among these. */
  async prepare(bases: readonly BaseName[]): Promise<void> {
    for (const base of bases) {
      if (!(GO_BASE_NAMES as readonly BaseName[]).includes(base) || this.boundaries.has(base)) continue;
      this.boundaries.set(base, await Boundaries.of(readFileSync(basePath(base))));
    }
  }

  /** What is wrong with a verdict is added to the complaints. */
  hear({ text, base }: Job, verdict: Verdict): void {
    this.runs++;
    this.slowestMs = Math.max(this.slowestMs, verdict.cpuMs);
    if (verdict.kind === "failed") {
      this.complaints.push({ text, reason: verdict.reason });
      return;
    }
    for (const answer of verdict.answers.split(" ")) this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
    if (verdict.sites.length === 0) return;
    this.planned++;
    const offsets = verdict.sites.map(([offset]) => offset);
    const strays = this.boundaries.get(base)?.strays(parseSeed(text), offsets) ?? offsets;
    if (strays.length > 0) {
      const places = strays.slice(0, 5).map((offset) => `0x${offset.toString(16)}`);
      this.complaints.push({ text, reason: `${strays.length} sites where no instruction begins: ${places.join(" ")}` });
    }
  }
}

export interface CampaignOptions {
  readonly bases: readonly BaseName[];
  /** Of each base. */
  readonly runs: number;
  readonly seed: number;
  /** Which structures are damaged, where a base has any of them. */
  readonly kinds: RegExp;
}

const THREADS = 2;

/** Runs mutations. The same options give the same ones. */
export async function runCampaign({ bases, runs, seed, kinds }: CampaignOptions): Promise<Summary> {
  const judge = new Judge();
  await judge.prepare(bases);
  const generators: MutationGenerator[] = [];
  for (const base of bases) generators.push(await MutationGenerator.for(base, readFileSync(basePath(base)), kinds));
  function* jobs(): Generator<Job> {
    for (let index = 0; index < runs; index++) {
      for (const [place, generator] of generators.entries()) {
        const mutation = generator.mutation(seedOfRun(seed, index * generators.length + place));
        yield { base: generator.base, text: formatMutation(mutation) };
      }
    }
  }
  await runJobs(jobs(), THREADS, (job, verdict) => judge.hear(job, verdict));
  return judge;
}
