/**
 * What a hit costs besides the program that runs at it: the trap, by the instruction it is on. Measured on a page of this
 * process with an empty program, so before the target has paid for one.
 */
import { ProfilerError, UnsupportedError } from "../base/index.js";
import { architectureOf } from "../binary/index.js";
import { type AttachMode, CodePage, type CodePageSite, codePageSite, Link, loadEmpty } from "../bpf/index.js";
import type { Site } from "../probes/index.js";
import { findShadowStack } from "../process/index.js";
import type { LoadedPrograms } from "./load.js";

/** Calls of one measurement, and how often it is repeated: the best counts, the others were disturbed. */
const TRAP_CALLS = 60;
const TRAP_ROUNDS = 3;

/** Kinds of instruction that probes sit on; a return that the program does; and what a uretprobe costs besides its own. */
export type TrapKind = CodePageSite | "done-return" | "uretprobe";

const AMD64 = architectureOf("amd64");
const PUSH = 0x50;
const REX_B = 0x41;
const NOP = 0x90;

/** By the instruction, for the kernel emulates some and steps over others. */
export function trapKind({ kind, bytes }: Site, returns: LoadedPrograms["returns"]): TrapKind {
  if (kind === "function-return") return "uretprobe";
  if (kind === "return") return returns === "programs" ? "done-return" : "return";
  if (!AMD64.isEmulated(bytes)) return "first";
  // The one emulated instruction of two bytes with a prefix is a push of r8 to r15.
  const opcode = bytes[0] === REX_B ? (bytes[1] ?? 0) : (bytes[0] ?? 0);
  if ((opcode & 0xf8) === PUSH) return "push";
  return opcode === NOP ? "nop" : "stackCheck";
}

/** Measured once per process: neither the machine nor the code page changes. */
const known = new Map<AttachMode, ReadonlyMap<TrapKind, number>>();

/**
 * The price of each kind, nanoseconds. Its own probes stay on the page until this is disposed, because taking them off takes
 * the kernel longer than all the rest.
 */
export class TrapPrices implements Disposable {
  /** Undefined where this process may not have such a page, or probes on it. */
  readonly of: ReadonlyMap<TrapKind, number> | undefined;
  private readonly held: Disposable[] = [];

  constructor(mode: AttachMode, kinds: ReadonlySet<TrapKind>) {
    const before = known.get(mode) ?? new Map<TrapKind, number>();
    const missing = [...kinds].filter((kind) => !before.has(kind));
    try {
      this.of = missing.length === 0 ? before : new Map([...before, ...this.measure(mode, missing)]);
      known.set(mode, this.of);
    } catch (error) {
      this[Symbol.dispose]();
      if (!(error instanceof ProfilerError)) throw error;
      this.of = undefined;
    }
  }

  /** Each kind on a copy of the function of its own; a uretprobe against a probe on the same instruction. */
  private measure(mode: AttachMode, kinds: readonly TrapKind[]): Map<TrapKind, number> {
    const page = this.hold(CodePage.map());
    const empty = this.hold(loadEmpty("empty", mode));
    const sites = kinds.map(siteOf);
    const bare = kinds.length;
    const returning = bare + 1;
    const attach = (when: "hit" | "return", offsets: readonly number[], object = empty): void => {
      if (offsets.length === 0) return;
      const attachments = offsets.map((offset) => ({ offset, cookie: 0n }));
      const programFd = object.programFd("empty");
      this.hold(Link.attach({ programFd, path: page.path, pid: process.pid, when, sites: attachments }, mode));
    };
    attach(
      "hit",
      sites.flatMap((site, copy) => (kinds[copy] === "done-return" ? [] : [codePageSite(site, copy)])),
    );
    const done = kinds.indexOf("done-return");
    if (done >= 0) {
      requireNoShadowStack();
      attach("hit", [codePageSite("return", done)], this.hold(loadEmpty("returns", mode)));
    }
    attach("return", kinds.includes("uretprobe") ? [codePageSite("push", returning)] : []);
    const timeBare = bestTime(page, bare);
    return new Map(
      kinds.map((kind, copy) => {
        const time = bestTime(page, copy);
        return [kind, kind === "uretprobe" ? bestTime(page, returning) - time : time - timeBare];
      }),
    );
  }

  private hold<T extends Disposable>(resource: T): T {
    this.held.push(resource);
    return resource;
  }

  [Symbol.dispose](): void {
    for (const resource of this.held.splice(0).reverse()) resource[Symbol.dispose]();
  }
}

function siteOf(kind: TrapKind): CodePageSite {
  if (kind === "uretprobe") return "push";
  return kind === "done-return" ? "return" : kind;
}

/** This process is measured in place of the target, and must not die of it. */
function requireNoShadowStack(): void {
  if (findShadowStack(process.pid) === false) return;
  throw new UnsupportedError("shadow-stack", "programs do no returns of a process with a shadow stack");
}

/** Nanoseconds a call, undisturbed. */
function bestTime(page: CodePage, copy: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < TRAP_ROUNDS; round++) best = Math.min(best, page.time(TRAP_CALLS, copy) / TRAP_CALLS);
  return best;
}
