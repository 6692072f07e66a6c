/**
 * What hits take of the time of the calls around them besides the programs, which read the clock at their beginning and end:
 * traps, by the instruction. And the part of a call's own two hits that lies between its readings of the clock. Both are
 * measured on a page of this process, before the run, now and then during it, and after it: how far they vary is a part of how
 * far durations without them may be off.
 */
import { gsPrice } from "../abi/index.js";
import { invariant, ProfilerError, UnsupportedError } from "../base/index.js";
import type { AttachMode, CodePageSite } from "../bpf/index.js";
import type { PlannedProbe, ProbePlan, Site } from "../probes/index.js";
import { GapPage, type Shape } from "./gap-page.js";
import { GapRounds, type Gaps, mean, whole } from "./gap-rounds.js";
import type { LoadedPrograms } from "./load.js";
import { type TrapKind, trapKind } from "./trap-prices.js";

/** Rounds of a measurement. */
const ROUNDS = 150;
/** LIMIT: how often there is one round in the middle of a run, to see how prices vary. */
const PERIOD_MS = 250;
/**
 * LIMIT: of what traps of each kind take here, what they take in other processes, and how far that may be off; a step over the
 * instruction excepted, which takes the same everywhere. Go programs pay up to a tenth more between the programs of a call;
 * programs in C, for both hits, 0.65 to 0.9 of it. Other machines may be further off: `test/kernel/net.test.ts` prints, for
 * callers in Go and C, the truth by the program's own clock, what was measured, and how far off that is said to be.
 */
const ELSEWHERE = {
  return: { share: 1, doubt: 0.15 },
  none: { share: 1, doubt: 0.15 },
  uretprobe: { share: 0.8, doubt: 0.25 },
} as const;

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

export class NetPrices implements Disposable {
  /** A struct gs_price for each probe of the plan. */
  readonly each: Buffer;
  /** By `nameOf`, in the order of the page's copies. */
  private readonly shapes: ReadonlyMap<string, { readonly shape: Shape; readonly rounds: GapRounds }>;
  private readonly page: GapPage;
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
      wanted
        .flatMap(({ call, exits, jumps }) => [call, ...exits, ...jumps])
        .map((shape) => [nameOf(shape), { shape, rounds: new GapRounds() }]),
    );
    this.page = new GapPage(
      [...this.shapes.values()].map(({ shape }) => shape),
      mode,
    );
    try {
      for (let round = 0; round < ROUNDS; round++) {
        // Later rounds only tell how far these prices may be off: without them that is unknown, and the run goes on.
        if (this.measureOnce("before") === "incomplete") throw noPrices();
      }
      this.each = Buffer.concat(wanted.map((shapes) => this.priceOf(shapes)));
    } catch (error) {
      this.page[Symbol.dispose]();
      throw error;
    }
    this.timer = setInterval(() => this.measureOnce("during"), PERIOD_MS);
    this.timer.unref();
  }

  /**
   * When the run is over: how far its prices, which are those of before it, may be off, as a share of all that is taken off.
   * Undefined where they could not be measured again.
   */
  uncertainty(): number | undefined {
    clearInterval(this.timer);
    for (let round = 0; round < ROUNDS; round++) this.measureOnce("after");
    let most = 0;
    for (const { shape, rounds } of this.shapes.values()) {
      const spread = rounds.spread();
      if (spread === undefined) return undefined;
      const gaps = rounds.usual();
      // Without its steps a call's hits are twice what lies between them; a place's may be all step, or none.
      const stepless = shape.exit === "none" ? 1 : Math.min(1, (2 * gaps.inside) / whole(gaps));
      most = Math.max(most, spread + ELSEWHERE[shape.exit].doubt * stepless);
    }
    return most;
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
    const measured = this.shapes.get(nameOf(shape));
    invariant(measured !== undefined, "every shape was measured");
    return measured.rounds.usual();
  }

  /** A round of each shape, in turns: what disturbs the machine for a while disturbs all. Only those count that missed no hit. */
  private measureOnce(when: "before" | "during" | "after"): "complete" | "incomplete" {
    let complete: "complete" | "incomplete" = "complete";
    for (const [copy, { rounds }] of [...this.shapes.values()].entries()) {
      const gaps = this.page.measure(copy);
      if (gaps === undefined) complete = "incomplete";
      else rounds.add(when, gaps);
    }
    return complete;
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
    this.page[Symbol.dispose]();
  }
}

const noPrices = (cause?: ProfilerError): UnsupportedError =>
  new UnsupportedError("no-net", "what a probe takes could not be measured, so it can't be taken off durations", {
    hint: "without --net, durations contain probe time",
    ...(cause === undefined ? {} : { cause }),
  });
