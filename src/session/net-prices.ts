/**
 * What hits take of the time of the calls around them besides the programs, which read the clock at their beginning and end:
 * traps, by the instruction. And the part of a call's own two hits that lies between its readings of the clock. Both are
 * measured on a page of this process, before the run and after it: how far they vary is how far durations without them may
 * be off.
 */
import { gsGap, gsGapCalls, gsPrice } from "../abi/index.js";
import { invariant, ProfilerError, UnsupportedError } from "../base/index.js";
import {
  type AttachMode,
  attachType,
  BpfObject,
  CodePage,
  type CodePageSite,
  codePageSite,
  findElement,
  Link,
  type MapShape,
  readObject,
  requireShape,
  type SiteAttachment,
  setArrayElement,
} from "../bpf/index.js";
import type { PlannedProbe, ProbePlan, Site } from "../probes/index.js";
import type { LoadedPrograms } from "./load.js";
import { type TrapKind, trapKind } from "./trap-prices.js";

/** Calls of a round that count, so few that most rounds are not interrupted; and rounds of a measurement. */
const CALLS = 4;
const ROUNDS = 150;
/** LIMIT: how often there is one round in the middle of a run, to see how prices vary; of an hour, 14,400. */
const PERIOD_MS = 250;
/** A round that takes so many times the median was interrupted, as calls without probes are, too: it counts for nothing. */
const INTERRUPTED = 1.5;
/** Of the others, how many on either side are not what a hit usually takes. */
const UNUSUAL = 0.05;
/**
 * LIMIT: of what traps of each kind take here, what they take in other processes, and how far that may be off; a step over the
 * instruction excepted, which takes the same everywhere. Go programs were seen to pay a tenth more between the programs of a
 * call; programs in C for both hits 0.65 to 0.9 of it.
 */
const ELSEWHERE = {
  return: { share: 1, doubt: 0.15 },
  none: { share: 1, doubt: 0.15 },
  uretprobe: { share: 0.8, doubt: 0.25 },
} as const;

/** A call of the page's function with probes on it, or a place that is passed, which has no end. */
interface Shape {
  readonly entry: CodePageSite;
  readonly exit: "return" | "uretprobe" | "none";
}

/** What passes between the programs of a shape, ns: within a call, and from its end to the next one's beginning. */
interface Gaps {
  readonly inside: number;
  readonly between: number;
}

const nameOf = ({ entry, exit }: Shape): string => `${entry} ${exit}`;

/** An instruction of the page that costs what this kind does; of one that programs step over, a trap without a step. */
function siteLike(kind: TrapKind): CodePageSite {
  invariant(kind !== "uretprobe", "a uretprobe is no place");
  return kind === "done-return" ? "stackCheck" : kind;
}

/** Which shapes tell the price of a probe's hits. */
interface Shapes {
  readonly call: Shape;
  /** By themselves; those of the call's own shape excepted. */
  readonly exits: readonly Shape[];
  readonly jumps: readonly Shape[];
}

function shapesOf({ kind, entry, exits }: PlannedProbe, returns: LoadedPrograms["returns"]): Shapes {
  const place = (site: Site): Shape => ({ entry: siteLike(trapKind(site, returns)), exit: "none" });
  const begin = siteLike(trapKind(entry, returns));
  const jumps = exits.filter((site) => site.kind === "tail-jump").map(place);
  if (kind === "span-end") return { call: place(entry), exits: [place(entry)], jumps };
  if (exits.some((site) => site.kind === "function-return")) {
    return { call: { entry: begin, exit: "uretprobe" }, exits: [], jumps };
  }
  // What lies between the programs doesn't depend on where a call ends, and most end at a return.
  const isPlace = exits.length === 0 && kind !== "span-begin";
  const done = returns === "programs" ? exits.filter((site) => site.kind === "return").map(place) : [];
  return { call: { entry: begin, exit: isPlace ? "none" : "return" }, exits: done, jumps };
}

const whole = ({ inside, between }: Gaps): number => inside + between;

function usual(times: readonly number[]): readonly number[] {
  const sorted = times.toSorted((a, b) => a - b);
  const most = INTERRUPTED * (sorted[sorted.length >> 1] ?? 0);
  const undisturbed = sorted.filter((ns) => ns <= most);
  const unusual = Math.floor(UNUSUAL * undisturbed.length);
  return undisturbed.slice(unusual, undisturbed.length - unusual);
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** Probes on the page, for as long as the run needs them: taking them off takes the kernel longer than measuring. */
export class NetPrices implements Disposable {
  /** A struct gs_price for each probe of the plan. */
  readonly each: Buffer;
  private readonly held: Disposable[] = [];
  /** By `nameOf`; the shape's copy of the page's function is its place among them. */
  private readonly shapes: ReadonlyMap<string, Shape>;
  private readonly rounds: ReadonlyMap<string, Gaps[]>;
  private readonly page: CodePage;
  private readonly gaps: MapShape;
  private readonly timer: NodeJS.Timeout;

  /** Throws an UnsupportedError where prices can't be measured. */
  static measure(plan: ProbePlan, { mode, returns }: LoadedPrograms): NetPrices {
    try {
      return new NetPrices(plan, mode, returns);
    } catch (error) {
      if (error instanceof ProfilerError) throw noPrices(error);
      throw error;
    }
  }

  private constructor(plan: ProbePlan, mode: AttachMode, returns: LoadedPrograms["returns"]) {
    const wanted = plan.probes.map((probe) => shapesOf(probe, returns));
    this.shapes = new Map(
      wanted.flatMap(({ call, exits, jumps }) => [call, ...exits, ...jumps]).map((shape) => [nameOf(shape), shape]),
    );
    this.rounds = new Map([...this.shapes.keys()].map((name) => [name, []]));
    try {
      this.page = this.hold(CodePage.map());
      this.gaps = this.attach([...this.shapes.values()], mode);
      this.measureAgain();
      this.timer = setInterval(() => this.measureOnce(), PERIOD_MS);
      this.timer.unref();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    this.each = Buffer.concat(wanted.map((shapes) => this.priceOf(shapes)));
  }

  /** How far the prices so far, and these once more, are from each other: what may be wrong with all that is taken off. */
  uncertainty(): number {
    this.measureAgain();
    const ratios = [...this.rounds].map(([name, rounds]) => {
      // The run's prices are those of before it.
      const used = mean(usual(rounds.slice(0, ROUNDS).map(whole)));
      const wholes = usual(rounds.map(whole));
      const spread = Math.max(1 - Math.min(...wholes) / used, Math.max(...wholes) / used - 1);
      const exit = this.shapes.get(name)?.exit ?? "none";
      // Without its steps a call's hits are twice what lies between them; a place's may be all step, or none.
      const inside = mean(usual(rounds.map((gaps) => gaps.inside)));
      const stepless = exit === "none" ? 1 : Math.min(1, (2 * inside) / used);
      return spread + ELSEWHERE[exit].doubt * stepless;
    });
    return Math.max(0, ...ratios);
  }

  private priceOf({ call, exits, jumps }: Shapes): Buffer {
    const bytes = Buffer.alloc(gsPrice.size);
    const u32 = (field: { readonly offset: number }, ns: number) =>
      bytes.writeUInt32LE(Math.max(0, Math.round(ns)), field.offset);
    const here = this.gapsOf(call);
    const { share } = ELSEWHERE[call.exit];
    const [inside, between] = [share * here.inside, share * here.between];
    const alone = (shapes: readonly Shape[]): number => mean(shapes.map((shape) => this.gapsOf(shape).between));
    u32(gsPrice.entry, call.exit === "none" ? between : inside);
    u32(gsPrice.exit, exits.length > 0 ? alone(exits) : between);
    u32(gsPrice.jump, alone(jumps));
    u32(gsPrice.own, inside);
    return bytes;
  }

  private gapsOf(shape: Shape): Gaps {
    const rounds = this.rounds.get(nameOf(shape));
    invariant(rounds !== undefined, "every shape was measured");
    // The mean, not the least: what is taken off is a sum of many.
    return {
      inside: mean(usual(rounds.map(({ inside }) => inside))),
      between: mean(usual(rounds.map(({ between }) => between))),
    };
  }

  private measureAgain(): void {
    // Shapes take turns, so that what disturbs the machine for a while disturbs all of them.
    for (let round = 0; round < ROUNDS; round++) this.measureOnce();
  }

  private measureOnce(): void {
    for (const [copy, rounds] of [...this.rounds.values()].entries()) rounds.push(this.round(copy));
  }

  private round(copy: number): Gaps {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(copy);
    setArrayElement(this.gaps, copy, Buffer.alloc(gsGap.size));
    const calls = gsGapCalls.GS_FIRST_CALLS + CALLS;
    this.page.time(calls, copy);
    const gap = findElement(this.gaps, key);
    invariant(gap !== undefined, "an array has all its elements");
    const read = ({ offset }: { readonly offset: number }): number => Number(gap.readBigUInt64LE(offset));
    if (read(gsGap.calls) !== calls) throw noPrices();
    return { inside: read(gsGap.inside) / CALLS, between: read(gsGap.between) / CALLS };
  }

  /** Each shape has a copy of the page's function. */
  private attach(shapes: readonly Shape[], mode: AttachMode): MapShape {
    const type = attachType(mode);
    const object = this.hold(
      BpfObject.load("gap", readObject("gap"), {
        maxEntries: { gaps: Math.max(1, shapes.length) },
        keySizes: {},
        valueSizes: {},
        readOnlyData: {},
        programs: { begin: type, end: type },
      }),
    );
    const on = (
      program: "begin" | "end",
      when: "hit" | "return",
      siteAt: (shape: Shape) => CodePageSite | undefined,
    ): void => {
      const sites = shapes.flatMap((shape, copy): readonly SiteAttachment[] => {
        const site = siteAt(shape);
        return site === undefined ? [] : [{ offset: codePageSite(site, copy), cookie: BigInt(copy) }];
      });
      if (sites.length === 0) return;
      const programFd = object.programFd(program);
      this.hold(Link.attach({ programFd, path: this.page.path, pid: process.pid, when, sites }, mode));
    };
    on("begin", "hit", ({ entry }) => entry);
    on("end", "hit", ({ exit }) => (exit === "return" ? "return" : undefined));
    on("end", "return", ({ entry, exit }) => (exit === "uretprobe" ? entry : undefined));
    return requireShape({
      fd: object.mapFd("gaps"),
      name: "gaps",
      keySize: 4,
      valueSize: gsGap.size,
      perCpu: false,
    });
  }

  private hold<T extends Disposable>(resource: T): T {
    this.held.push(resource);
    return resource;
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
    for (const resource of this.held.splice(0).reverse()) resource[Symbol.dispose]();
  }
}

const noPrices = (cause?: ProfilerError): UnsupportedError =>
  new UnsupportedError("no-net", "what a probe takes could not be measured, so it can't be taken off durations", {
    hint: "without --net, durations contain probe time",
    ...(cause === undefined ? {} : { cause }),
  });
