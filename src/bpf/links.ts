/**
 * Attaching programs to sites: one uprobe_multi link for all of them, or where the kernel lacks that, one perf event
 * each. All or nothing: when one site fails, those before it are detached again.
 */
import { readFileSync } from "node:fs";
import { hex, UnsupportedError } from "../base/index.js";
import {
  closeDescriptor,
  closeInBackground,
  createPerfEventLink,
  createUprobeMultiLink,
  ENOTSUPP,
  failed,
  kernelError,
  openUprobeEvent,
  type ProbeMoment,
  type SystemCallResult,
} from "../kernel/index.js";

/** How sites are attached on this kernel; see `features`. */
export type AttachMode = "uprobe-multi" | "perf-event";

export interface SiteAttachment {
  /** In the file. */
  readonly offset: number;
  /** In the file, of a 16-bit count that is raised while the site is probed. */
  readonly semaphore?: number;
  readonly cookie: bigint;
}

export interface Attach {
  readonly programFd: number;
  /** The file as the kernel will open it: `/proc/PID/exe` is the target's own file whatever happened to its name. */
  readonly path: string;
  /** The file as people know it, for messages; `path` without it. */
  readonly displayPath?: string;
  /** undefined: every process that maps the file. */
  readonly pid: number | undefined;
  /** Whether the program runs at the sites, or when the function that begins at each returns; the former without it. */
  readonly when?: ProbeMoment;
  readonly sites: readonly SiteAttachment[];
}

/** Live uprobes; disposing detaches them. They also die with this process. */
export class Link implements Disposable {
  private descriptors: number[];

  private constructor(descriptors: number[]) {
    this.descriptors = descriptors;
  }

  static attach(attach: Attach, mode: AttachMode): Link {
    return mode === "uprobe-multi" ? Link.attachMulti(attach) : Link.attachEvents(attach);
  }

  private static attachMulti(attach: Attach): Link {
    const result = linkSites(attach, attach.sites);
    if (!failed(result)) return new Link([result.value]);
    const culprit = result.errno === ENOTSUPP ? findRefusedSite(attach) : undefined;
    const offsets = (culprit === undefined ? attach.sites : [culprit]).map((site) => hex(site.offset));
    const where = offsets.length <= 3 ? offsets.join(", ") : `${offsets.length} sites`;
    throw kernelError(`attach ${where} of ${attach.displayPath ?? attach.path}: link_create`, result.errno);
  }

  private static attachEvents(attach: Attach): Link {
    const file = attach.displayPath ?? attach.path;
    const type = uprobePmuType();
    const link = new Link([]);
    try {
      for (const site of attach.sites) {
        const event = openUprobeEvent(type, {
          path: attach.path,
          offset: site.offset,
          semaphore: site.semaphore ?? 0,
          when: attach.when ?? "hit",
          pid: attach.pid ?? -1,
        });
        if (failed(event)) {
          throw kernelError(`attach ${hex(site.offset)} of ${file}: perf_event_open`, event.errno);
        }
        link.descriptors.push(event.value);
        const created = createPerfEventLink(attach.programFd, event.value, site.cookie);
        if (failed(created)) {
          throw kernelError(`attach ${hex(site.offset)} of ${file}: link_create`, created.errno);
        }
        link.descriptors.push(created.value);
      }
      return link;
    } catch (error) {
      link[Symbol.dispose]();
      throw error;
    }
  }

  /** As disposing, while this thread goes on. The probes are off much sooner than the kernel is done. */
  async release(): Promise<void> {
    const descriptors = this.descriptors.reverse();
    this.descriptors = [];
    for (const descriptor of descriptors) await closeInBackground(descriptor);
  }

  [Symbol.dispose](): void {
    // Links before the events they hang on: in reverse order of their making. LIMIT: 100 ms for each perf event: the
    // kernel waits, under one lock, until its probe is in use nowhere, so closing by many threads takes as long.
    for (const descriptor of this.descriptors.reverse()) closeDescriptor(descriptor);
    this.descriptors = [];
  }
}

const linkSites = (attach: Attach, sites: readonly SiteAttachment[]): SystemCallResult =>
  createUprobeMultiLink({
    programFd: attach.programFd,
    path: attach.path,
    offsets: sites.map((site) => site.offset),
    cookies: sites.map((site) => site.cookie),
    semaphores: sites.map((site) => site.semaphore ?? 0),
    when: attach.when ?? "hit",
    pid: attach.pid ?? 0,
  });

/** A site whose instruction the kernel puts no probe on, by halves; undefined when it takes each half this time. */
function findRefusedSite(attach: Attach): SiteAttachment | undefined {
  const refuses = (sites: readonly SiteAttachment[]): boolean => {
    const result = linkSites(attach, sites);
    if (failed(result)) return result.errno === ENOTSUPP;
    closeDescriptor(result.value);
    return false;
  };
  let sites = attach.sites;
  while (sites.length > 1) {
    const half = sites.slice(0, Math.floor(sites.length / 2));
    sites = refuses(half) ? half : sites.slice(half.length);
  }
  return refuses(sites) ? sites[0] : undefined;
}

function uprobePmuType(): number {
  const path = "/sys/bus/event_source/devices/uprobe/type";
  try {
    return Number.parseInt(readFileSync(path, "utf8"), 10);
  } catch (cause) {
    throw new UnsupportedError("no-uprobes", "this kernel offers no uprobes to perf_event_open", { cause });
  }
}
