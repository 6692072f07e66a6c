/**
 * The probes of a run on their sites: a link for each file and each of its two kinds, all or none. What they count begins
 * with one switch, so nothing is counted before they are all there.
 */
import { type AttachMode, Link, type SiteAttachment } from "../bpf/index.js";
import type { ProbePlan } from "../probes/index.js";
import type { ProgramFile } from "./program-file.js";
import { siteCookie } from "./wire.js";

export interface AttachmentRequest {
  readonly plan: ProbePlan;
  readonly files: readonly ProgramFile[];
  /** undefined: every process that maps a file. */
  readonly pid: number | undefined;
  readonly programFd: number;
  readonly mode: AttachMode;
}

export class Attachment implements Disposable {
  private links: readonly Link[];

  private constructor(links: readonly Link[]) {
    this.links = links;
  }

  static make({ plan, files, pid, programFd, mode }: AttachmentRequest): Attachment {
    const links: Link[] = [];
    const { hits, returns } = splitSites(plan, files);
    try {
      // Ends first: a call that begins while its end has no probe yet would stay open.
      for (const [when, byFile] of [["return", returns] as const, ["hit", hits] as const]) {
        for (const [file, sites] of byFile) {
          if (sites.length === 0) continue;
          const { path } = file;
          links.push(Link.attach({ programFd, path, displayPath: file.planned.path, pid, when, sites }, mode));
        }
      }
    } catch (error) {
      for (const link of links) link[Symbol.dispose]();
      throw error;
    }
    return new Attachment(links);
  }

  [Symbol.dispose](): void {
    for (const link of this.links) link[Symbol.dispose]();
    this.links = [];
  }
}

type SitesByFile = Map<ProgramFile, SiteAttachment[]>;

function splitSites(plan: ProbePlan, files: readonly ProgramFile[]): { hits: SitesByFile; returns: SitesByFile } {
  const hits: SitesByFile = new Map();
  const returns: SitesByFile = new Map();
  for (const file of files) {
    const [hit, back]: [SiteAttachment[], SiteAttachment[]] = [[], []];
    for (const { site, number, owner } of file.sites) {
      const { semaphore } = site;
      (site.kind === "function-return" ? back : hit).push({
        offset: site.offset,
        cookie: siteCookie(plan, site, number, owner),
        ...(semaphore === undefined ? {} : { semaphore }),
      });
    }
    hits.set(file, hit);
    returns.set(file, back);
  }
  return { hits, returns };
}
