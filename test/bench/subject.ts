/**
 * A process that makes calls on demand, with something attached to it, and what its calls cost: CPU time per call. CPU time,
 * not wall time: it is what the target pays, and other work on the machine disturbs it least.
 */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findProcessCpuTime } from "../../src/kernel/index.js";
import { type Fixture, startFixture } from "../fixture.js";
import { type Attach, type Attachment, SESSION_SETTLES_MS } from "./attachments.js";
import { measureInRounds, pairwise, type Series } from "./rounds.js";

/** What is run: it answers each `go` with `{"calls":…,"ns":…}`. */
export interface CallingProgram {
  readonly path: string;
  readonly args: readonly string[];
}

/** One process with something attached, and how many calls it has made since. */
export class Subject implements AsyncDisposable {
  private readonly name: string;
  private readonly folder: string;
  private readonly fixture: Fixture;
  private attachment: Attachment | undefined;
  private calls = 0;
  private wallNs = 0;

  private constructor(name: string, folder: string, fixture: Fixture) {
    this.name = name;
    this.folder = folder;
    this.fixture = fixture;
  }

  /** `name` is for messages. From a copy of the program: uprobes belong to files, so that what one process has cannot touch another's. */
  static async start(name: string, { path, args }: CallingProgram, attach: Attach): Promise<Subject> {
    const folder = mkdtempSync(join(tmpdir(), "gospect-bench-"));
    const program = join(folder, basename(path));
    copyFileSync(path, program);
    const subject = new Subject(name, folder, await startFixture(program, args));
    try {
      subject.attachment = await attach(subject.fixture.pid);
      return subject;
    } catch (error) {
      await subject[Symbol.asyncDispose]();
      throw error;
    }
  }

  get pid(): number {
    return this.fixture.pid;
  }

  /** Nanoseconds of CPU time per call of one round. */
  async round(): Promise<number> {
    const before = this.cpuTime();
    this.fixture.send("go");
    const { calls, ns } = await this.fixture.nextMessage<{ calls: number; ns: number }>();
    this.calls += calls;
    this.wallNs += ns;
    return Number(this.cpuTime() - before) / calls;
  }

  get callsPerSecond(): number {
    return (this.calls * 1e9) / this.wallNs;
  }

  /** Detaches; throws when not every call was counted, because then the rounds measured something else. */
  async finish(): Promise<void> {
    const counted = await this.attachment?.stop();
    this.attachment = undefined;
    if (counted === undefined) return;
    const { calls, exact } = counted;
    if (calls < this.calls || (exact && calls !== this.calls))
      throw new Error(`${this.name}: ${calls} counted of ${this.calls} calls`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.attachment?.stop();
    } finally {
      this.fixture[Symbol.dispose]();
      rmSync(this.folder, { recursive: true });
    }
  }

  private cpuTime(): bigint {
    const time = findProcessCpuTime(this.fixture.pid);
    if (time === undefined) throw new Error("the subject has ended");
    return time;
  }
}

export interface MeasuredVariants<Name extends string> {
  /** CPU time per call that the probes add: less that of an unprobed call of the same round. */
  readonly added: (variant: Name) => Series;
  readonly callsPerSecond: (variant: Name) => number;
}

/** Each variant in a process of its own, all in the same rounds. `bare` is what the others are compared with. */
export async function measureVariants<Name extends string>(
  program: CallingProgram,
  attaches: Readonly<Record<Name | "bare", Attach>>,
  rounds: number,
): Promise<MeasuredVariants<Name>> {
  const names = Object.keys(attaches) as (Name | "bare")[];
  const subjects = new Map<Name | "bare", Subject>();
  try {
    for (const name of names) {
      const subject = await Subject.start(name, program, attaches[name]);
      subjects.set(name, subject);
      await subject.round();
    }
    await delay(SESSION_SETTLES_MS);
    const measurements = Object.fromEntries(
      [...subjects].map(([name, subject]) => [name, () => subject.round()]),
    ) as Record<Name | "bare", () => Promise<number>>;
    const taken = await measureInRounds(measurements, rounds);
    for (const subject of subjects.values()) await subject.finish();
    return {
      added: (variant) => pairwise(taken[variant], taken.bare, (probed, bare) => probed - bare),
      callsPerSecond: (variant) => subjects.get(variant)?.callsPerSecond ?? 0,
    };
  } finally {
    for (const subject of subjects.values()) await subject[Symbol.asyncDispose]();
  }
}
