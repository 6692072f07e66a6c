/**
 * The ways to be attached to a process that the bench compares: nothing, empty programs, gospect's sessions, bpftrace.
 * Each has a process of its own and stays attached for all rounds, so that a round is calls and nothing else.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { attachType, BpfObject, Link, readObject, type SiteAttachment } from "../../src/bpf/index.js";
import type { PlannedProbe, ProbePlan, Site } from "../../src/probes/index.js";
import { openTarget, Session, type SessionOptions } from "../../src/session/index.js";

export interface Counted {
  readonly calls: number;
  /**
   * False: more calls than were made are no wonder. A probe on the first instruction is hit again when the stack check
   * that follows sends the goroutine away, to grow its stack or to let another one run.
   */
  readonly exact: boolean;
}

/** Something attached to a process until it is stopped. */
export interface Attachment {
  /** Detaches. Answers what was counted; undefined when counting is not what it does. */
  stop(): Promise<Counted | undefined>;
}

export type Attach = (pid: number) => Promise<Attachment>;

export const nothing: Attach = () => Promise.resolve({ stop: () => Promise.resolve(undefined) });

/** An empty program on sites, and on what a function-return is: the return of the function that begins there. */
function emptyPrograms(hits: readonly SiteAttachment[], returns: readonly SiteAttachment[]): Attach {
  return (pid) => {
    const object = BpfObject.load("empty", readObject("empty"), {
      maxEntries: {},
      keySizes: {},
      valueSizes: {},
      readOnlyData: {},
      programs: { empty: attachType("uprobe-multi") },
    });
    const file = { programFd: object.programFd("empty"), path: `/proc/${pid}/exe`, pid };
    const links: Link[] = [];
    if (returns.length > 0) links.push(Link.attach({ ...file, when: "return", sites: returns }, "uprobe-multi"));
    links.push(Link.attach({ ...file, sites: hits }, "uprobe-multi"));
    const stop = (): Promise<undefined> => {
      for (const link of links) link[Symbol.dispose]();
      object[Symbol.dispose]();
      return Promise.resolve(undefined);
    };
    return Promise.resolve({ stop });
  };
}

const sitesOf = (sites: readonly Site[]): readonly SiteAttachment[] =>
  sites.map(({ offset }) => ({ offset, cookie: 0n }));
const exitsOf = ({ exits }: PlannedProbe, kind: "hit" | "return"): readonly SiteAttachment[] =>
  sitesOf(exits.filter((exit) => (exit.kind === "function-return") === (kind === "return")));

/** Where the plan puts its probes. */
export const emptyOnPlannedSites = (probe: PlannedProbe): Attach =>
  emptyPrograms([...exitsOf(probe, "hit"), ...sitesOf([probe.entry])], exitsOf(probe, "return"));

/** Where other tools put theirs: the first instruction and the returns. */
export const emptyOnFirstInstruction = (probe: PlannedProbe): Attach => {
  const offset = probe.entry.offset - (probe.entry.address - probe.function.address);
  return emptyPrograms([...exitsOf(probe, "hit"), { offset, cookie: 0n }], exitsOf(probe, "return"));
};

/** LIMIT: a session times its programs at first, at a cost; until it stops that. See src/session/cost.ts. */
export const SESSION_SETTLES_MS = 500;

/** The plan was made of the program; the process runs a copy of it. */
export const openSession = (plan: ProbePlan, pid: number, options: SessionOptions): Promise<Session> =>
  Session.open(
    { ...plan, target: { ...plan.target, access: `/proc/${pid}/exe` } },
    openTarget({ kind: "pid", pid }),
    options,
  );

/** A run of gospect's. */
export const session =
  (plan: ProbePlan, keep: SessionOptions["keep"], options: Pick<SessionOptions, "returns"> = {}): Attach =>
  async (pid) => {
    const open = await openSession(plan, pid, { ...options, keep });
    const stop = (): Promise<Counted> => {
      using stopping = open;
      return Promise.resolve({ calls: Number(stopping.stop().balance.returns), exact: true });
    };
    return { stop };
  };

/** How often whoever traces takes what there is, as the trace command does. */
const DRAIN_EVERY_MS = 25;

/** A run of gospect's that makes an event of each call, all of which are taken in time. */
export const tracing =
  (plan: ProbePlan): Attach =>
  async (pid) => {
    const open = await openSession(plan, pid, {
      keep: { histogram: false, stacks: false, events: true },
    });
    let calls = 0;
    const drain = (): void => {
      calls += open.drain().length;
    };
    const timer = setInterval(drain, DRAIN_EVERY_MS);
    const stop = (): Promise<Counted> => {
      using stopping = open;
      clearInterval(timer);
      stopping.stop();
      drain();
      return Promise.resolve({ calls, exact: true });
    };
    return { stop };
  };

/** LIMIT: how long a tool may take to compile and attach, and to end. */
const TOOL_PATIENCE_MS = 30_000;

/** How often a tool is asked to end. */
const ASK_EVERY_MS = 200;

/** Ends a tool and waits for it. bpftrace misses a signal that comes while it is not waiting, so it is asked repeatedly. */
export async function endTool(child: ChildProcess): Promise<void> {
  const deadline = Date.now() + TOOL_PATIENCE_MS;
  const exited = once(child, "exit");
  while (child.exitCode === null && child.signalCode === null) {
    child.kill(Date.now() < deadline ? "SIGINT" : "SIGKILL");
    await Promise.race([exited, delay(ASK_EVERY_MS)]);
  }
}

/** Another tool, which prints what it counted when it ends. */
export interface Tool {
  readonly command: (pid: number, path: string) => readonly [string, ...string[]];
  readonly environment?: NodeJS.ProcessEnv;
  readonly countIn: (output: string) => number;
}

/** Tells that a tool's probes are live, which the tools themselves do not say. */
export type IsOn = (pid: number) => boolean | Promise<boolean>;

export function tool({ command, environment = {}, countIn }: Tool, isOn: IsOn): Attach {
  return async (pid) => {
    const [file, ...args] = command(pid, `/proc/${pid}/exe`);
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...environment } });
    let output = "";
    let complaint = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    const closed = once(child, "close");
    const deadline = Date.now() + TOOL_PATIENCE_MS;
    while (!(await isOn(pid))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        child.kill("SIGKILL");
        throw new Error(`${file} did not attach: ${complaint}`);
      }
      await delay(50);
    }
    // One probe is there before the next.
    await delay(SESSION_SETTLES_MS);
    const stop = async (): Promise<Counted> => {
      await endTool(child);
      await closed;
      return { calls: countIn(output), exact: false };
    };
    return { stop };
  };
}

/** The counts of `@[…]: 12` lines, or of the buckets of a histogram, together. */
const sumOfCounts = (output: string): number =>
  [...output.matchAll(/^(?:@\[.*\]: |[[(].*[\])] +)(\d+)(?: +\|.*)?$/gm)].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );

/** A bpftrace program that prints counts, by a key or as a histogram. */
export const bpftrace = (program: (path: string) => string, isOn: IsOn): Attach =>
  tool({ command: (pid, path) => ["bpftrace", "-p", `${pid}`, "-e", program(path)], countIn: sumOfCounts }, isOn);

/** bcc's latency script on a C function. `headers` are those of a kernel, which it compiles with. */
export const funclatency = (fn: string, headers: string, isOn: IsOn): Attach =>
  tool(
    {
      command: (pid, path) => ["funclatency-bpfcc", "-p", `${pid}`, `${readlinkSync(path)}:${fn}`],
      environment: { BCC_KERNEL_SOURCE: headers },
      countIn: (output) => Number(/count: (\d+)/.exec(output)?.[1] ?? 0),
    },
    isOn,
  );
