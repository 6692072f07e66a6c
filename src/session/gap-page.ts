/** Probes on a page of this process that do nothing besides reading the clock: what passes between them is what hits take. */
import { gsGap, gsGapCalls } from "../abi/index.js";
import { invariant } from "../base/index.js";
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
import type { Gaps } from "./gap-rounds.js";

/** Calls of a round that count, so few that most rounds are not interrupted. */
const CALLS = 4;

/** A call of the page's function with probes on it, or a place that is passed, which has no end. */
export interface Shape {
  readonly entry: CodePageSite;
  readonly exit: "return" | "uretprobe" | "none";
}

/** The probes stay for as long as the run needs them: taking them off takes the kernel longer than measuring. */
export class GapPage implements Disposable {
  private readonly held: Disposable[] = [];
  private readonly page: CodePage;
  private readonly gaps: MapShape;

  /** Each shape has a copy of the page's function: its place in the list. Throws a ProfilerError where there can be no page. */
  constructor(shapes: readonly Shape[], mode: AttachMode) {
    try {
      this.page = this.hold(CodePage.map());
      this.gaps = this.attach(shapes, mode);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Of some calls in a row, each; undefined where one of their hits was missed. */
  measure(copy: number): Gaps | undefined {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(copy);
    setArrayElement(this.gaps, copy, Buffer.alloc(gsGap.size));
    const calls = gsGapCalls.GS_FIRST_CALLS + CALLS;
    this.page.time(calls, copy);
    const gap = findElement(this.gaps, key);
    invariant(gap !== undefined, "an array has all its elements");
    const read = ({ offset }: { readonly offset: number }): number => Number(gap.readBigUInt64LE(offset));
    if (read(gsGap.calls) !== calls) return undefined;
    return { inside: read(gsGap.inside) / CALLS, between: read(gsGap.between) / CALLS };
  }

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
    for (const resource of this.held.splice(0).reverse()) resource[Symbol.dispose]();
  }
}
