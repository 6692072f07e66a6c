/**
 * The probes of a run on their sites: for each file a link for where calls begin, one for where they end, and one for
 * uretprobes; all or none. What they count begins with one switch, so nothing is counted before they are all there.
 *
 * Probes may rest and come back: where calls begin first, so that those under way can still be seen to end.
 */
import { type AttachMode, Link, type SiteAttachment } from "../bpf/index.js";
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

export class Attachment implements Disposable {
  private readonly request: AttachmentRequest;
  private readonly links: Readonly<Record<Part, Link[]>> = { ends: [], beginnings: [] };

  private constructor(request: AttachmentRequest) {
    this.request = request;
  }

  static make(request: AttachmentRequest): Attachment {
    const attachment = new Attachment(request);
    attachment.attach();
    return attachment;
  }

  /** All probes on; none when it throws. */
  attach(): void {
    try {
      // Ends first: a call that begins while its end has no probe yet would stay open.
      for (const file of this.request.files.all) {
        this.link("ends", file, "hit", isEnd);
        this.link("beginnings", file, "return", isReturnProbe);
      }
      for (const file of this.request.files.all) {
        this.link("beginnings", file, "hit", (site) => !isEnd(site) && !isReturnProbe(site));
      }
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

  private link(part: Part, file: ProgramFile, when: "hit" | "return", wanted: (site: OwnedSite) => boolean): void {
    const { plan, pid, programFd, mode } = this.request;
    const sites = file.sites.filter(wanted).map(({ site, number, owner }): SiteAttachment => {
      const { semaphore, offset } = site;
      const cookie = siteCookie(plan, site, number, owner);
      return { offset, cookie, ...(semaphore === undefined ? {} : { semaphore }) };
    });
    if (sites.length === 0) return;
    const { path, planned } = file;
    this.links[part].push(Link.attach({ programFd, path, displayPath: planned.path, pid, when, sites }, mode));
  }

  [Symbol.dispose](): void {
    this.detach();
    this.request.files[Symbol.dispose]();
  }
}

async function release(links: Link[]): Promise<void> {
  await Promise.all(links.splice(0).map((link) => link.release()));
}

function detach(links: Link[]): void {
  for (const link of links.splice(0)) link[Symbol.dispose]();
}
