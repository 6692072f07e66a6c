/**
 * The probes of a run on their sites: for each file a link for where calls begin, one for where they end, and one for
 * uretprobes; all or none. What they count begins with one switch, so nothing is counted before they are all there.
 *
 * Probes may rest and come back: where calls begin first, so that those under way can still be seen to end.
 */
import { UnmeasurableError } from "../base/index.js";
import { type Attach, type AttachMode, Link, type SiteAttachment } from "../bpf/index.js";
import { formatCount } from "../export/index.js";
import type { ProbePlan } from "../probes/index.js";
import type { OwnedSite, ProgramFile, ProgramFiles } from "./program-file.js";
import { siteCookie } from "./wire.js";

export interface AttachmentRequest {
  readonly plan: ProbePlan;
  /** Disposed with the attachment, once there is one. */
  readonly files: ProgramFiles;
  /** undefined: every process that maps a file. */
  readonly pid: number | undefined;
  readonly programFd: number;
  readonly mode: AttachMode;
}

/**
 * LIMIT: probes of a run on a kernel that takes them off one by one, a tenth of a second each: beyond that many the target would
 * not be rid of them for minutes, though this process were killed.
 */
const MOST_ONE_BY_ONE = 1000;

/** How many probes come off one after the other, each when the kernel is done with the one before; 0: all come off together. */
function slowProbes(files: readonly ProgramFile[], mode: AttachMode): number {
  return mode === "perf-event" ? files.reduce((sum, { sites }) => sum + sites.length, 0) : 0;
}

/** Throws UnmeasurableError `too-many-probes` where they would not come off in any reasonable time. */
export function requireSwiftRelease(files: readonly ProgramFile[], mode: AttachMode): void {
  const probes = slowProbes(files, mode);
  if (probes <= MOST_ONE_BY_ONE) return;
  throw new UnmeasurableError(
    "too-many-probes",
    `this kernel takes probes off one by one, and a run of ${formatCount(probes)} would not end for minutes`,
    {
      hint: `measure fewer functions: ${formatCount(MOST_ONE_BY_ONE)} probes at most; kernels from 6.10 on take any number`,
    },
  );
}

/** A uretprobe is put on where its function begins, and costs a trap there too. */
type Part = "ends" | "beginnings";

const isEnd = ({ site: { kind } }: OwnedSite): boolean =>
  kind === "return" || kind === "tail-jump" || kind === "span-end" || kind === "recovery" || kind === "goexit";

const isReturnProbe = ({ site: { kind } }: OwnedSite): boolean => kind === "function-return";

const isEntry = (site: OwnedSite): boolean => !isEnd(site) && !isReturnProbe(site);

/** Sites of a run that have a link of their own. */
interface PlannedLink {
  readonly part: Part;
  readonly attach: Attach;
}

export class Attachment implements Disposable {
  private readonly files: ProgramFiles;
  private readonly mode: AttachMode;
  /** In the order in which they are made. Kept: probes that rest come back many times a second. */
  private readonly planned: readonly PlannedLink[];
  private readonly links: Readonly<Record<Part, Link[]>> = { ends: [], beginnings: [] };

  private constructor(request: AttachmentRequest) {
    this.files = request.files;
    this.mode = request.mode;
    this.planned = planLinks(request);
  }

  static make(request: AttachmentRequest): Attachment {
    const attachment = new Attachment(request);
    attachment.attach();
    return attachment;
  }

  get slowProbes(): number {
    return slowProbes(this.files.all, this.mode);
  }

  /** All probes on; none when it throws. */
  attach(): void {
    try {
      for (const { part, attach } of this.planned) this.links[part].push(Link.attach(attach, this.mode));
    } catch (error) {
      this.detach();
      throw error;
    }
  }

  /** No call is seen to begin any more, from soon on. C functions are not seen to end either. */
  async releaseBeginnings(): Promise<void> {
    await release(this.links.beginnings);
  }

  /** All probes off, soon; all the same time. */
  async release(): Promise<void> {
    await Promise.all([release(this.links.beginnings), release(this.links.ends)]);
  }

  /** All probes off. */
  detach(): void {
    detach(this.links.beginnings);
    detach(this.links.ends);
  }

  [Symbol.dispose](): void {
    this.detach();
    this.files[Symbol.dispose]();
  }
}

/** Ends come first: a call that begins while its end has no probe yet would stay open. */
function planLinks({ plan, files, pid, programFd }: AttachmentRequest): readonly PlannedLink[] {
  const link = (
    part: Part,
    { sites, path, planned }: ProgramFile,
    when: "hit" | "return",
    wanted: (site: OwnedSite) => boolean,
  ): PlannedLink => {
    const attachments = sites.filter(wanted).map(({ site, number, owner }): SiteAttachment => {
      const { semaphore, offset } = site;
      const cookie = siteCookie(plan, site, number, owner);
      return semaphore === undefined ? { offset, cookie } : { offset, cookie, semaphore };
    });
    return { part, attach: { programFd, path, displayPath: planned.path, pid, when, sites: attachments } };
  };
  const first = files.all.flatMap((file) => [
    link("ends", file, "hit", isEnd),
    link("beginnings", file, "return", isReturnProbe),
  ]);
  const second = files.all.map((file) => link("beginnings", file, "hit", isEntry));
  return [...first, ...second].filter(({ attach }) => attach.sites.length > 0);
}

async function release(links: Link[]): Promise<void> {
  await Promise.all(links.splice(0).map((link) => link.release()));
}

function detach(links: Link[]): void {
  for (const link of links.splice(0)) link[Symbol.dispose]();
}
