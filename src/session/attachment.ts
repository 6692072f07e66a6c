/**
 * The probes of a run on their sites: for each file a link for where calls begin, one for where they end, and one for
 * uretprobes; all or none. What they count begins with one switch, so nothing is counted before they are all there.
 *
 * Probes may rest and come back: where calls begin first, so that those under way can still be seen to end.
 */
import { type Attach, type AttachMode, Link, type SiteAttachment } from "../bpf/index.js";
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
