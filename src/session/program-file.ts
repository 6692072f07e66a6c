/**
 * The files of a run, held open from their verification to the attachment: whatever replaces one under its name meanwhile,
 * by a deploy or by an exec of the process, is not what the probes go to.
 */
import { closeSync, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { hex, invariant, messageOf, UnmeasurableError } from "../base/index.js";
import { targetGone } from "../kernel/index.js";
import type { PlannedFile, PlannedProbe, ProbePlan, Site } from "../probes/index.js";
import { type Mapping, mappingsOfFile } from "../process/index.js";
import { isCode, readSites } from "./nearby.js";

/** A site, and the probe that it belongs to: the runtime's own belong to none. */
export interface OwnedSite {
  readonly site: Site;
  readonly number: number;
  readonly owner: PlannedProbe | undefined;
}

/** What tells which mappings of a process are of a file. */
export interface FileIdentity {
  /** As the kernel calls it in links and mappings. */
  readonly linkPath: string;
  readonly inode: bigint;
}

/** Those of the file. Memory files may share a name, so where both agree, both decide. */
export function mappingsAmong(mappings: readonly Mapping[], identity: FileIdentity): readonly Mapping[] {
  const named = mappingsOfFile(mappings, identity);
  const same = named.filter(({ inode }) => inode === identity.inode);
  return same.length > 0 ? same : named;
}

/** The files of a plan by number. */
export const filesOf = ({ target, libraries }: ProbePlan): readonly PlannedFile[] => [target, ...libraries];

/** Every instruction of a file that a run of the plan puts a probe on. */
export function* sitesOf(plan: ProbePlan, file: number): Iterable<OwnedSite> {
  for (const [number, owner] of plan.probes.entries()) {
    if (owner.file !== file) continue;
    for (const site of [owner.entry, ...owner.exits]) yield { site, number, owner };
  }
  if (file === 0) for (const site of plan.runtimeSites) yield { site, number: 0, owner: undefined };
}

export class ProgramFile implements Disposable {
  readonly planned: PlannedFile;
  /** In the plan. */
  readonly number: number;
  readonly sites: readonly OwnedSite[];
  /** Opens this very file, for this process, as long as this is not disposed. */
  readonly path: string;
  private readonly fd: number;

  private constructor(planned: PlannedFile, number: number, sites: readonly OwnedSite[], fd: number) {
    this.planned = planned;
    this.number = number;
    this.sites = sites;
    this.fd = fd;
    this.path = `/proc/self/fd/${fd}`;
  }

  /** Throws UnmeasurableError: `target-gone` when there is no file, `file-changed` when it is not the plan's. */
  static open(plan: ProbePlan, number: number, planned: PlannedFile): ProgramFile {
    let fd: number;
    try {
      fd = openSync(planned.access, "r");
    } catch (cause) {
      // Its process has ended, or the name is gone.
      const reason = messageOf(cause).replace(/,.*/, "");
      throw targetGone(`${planned.path}: ${reason}`, { cause });
    }
    const file = new ProgramFile(planned, number, [...sitesOf(plan, number)], fd);
    try {
      file.verify();
      return file;
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
  }

  /** At each site must still be the instruction that was decoded: a probe elsewhere corrupts the target. */
  private verify(): void {
    readSites(
      this.sites.map(({ site }) => site),
      ({ offset }) => offset,
      (offset, into) => readSync(this.fd, into, 0, into.length, offset) === into.length,
      (site, now) => {
        if (now !== undefined && isCode(now, site.bytes)) return;
        throw new UnmeasurableError(
          "file-changed",
          `${this.planned.path}: the code at ${hex(site.address)} is not what was planned`,
          { hint: "the file changed meanwhile: run again" },
        );
      },
    );
  }

  get identity(): FileIdentity {
    return { linkPath: readlinkSync(this.path), inode: fstatSync(this.fd, { bigint: true }).ino };
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** All files of a plan, or none: as ProgramFile. */
export class ProgramFiles implements Disposable {
  readonly all: readonly ProgramFile[];
  private isOpen = true;

  private constructor(all: readonly ProgramFile[]) {
    this.all = all;
  }

  /** The target's. */
  get program(): ProgramFile {
    const [program] = this.all;
    invariant(program !== undefined, "a plan has a target");
    return program;
  }

  static open(plan: ProbePlan): ProgramFiles {
    const files: ProgramFile[] = [];
    try {
      for (const [number, planned] of filesOf(plan).entries()) files.push(ProgramFile.open(plan, number, planned));
    } catch (error) {
      for (const file of files) file[Symbol.dispose]();
      throw error;
    }
    return new ProgramFiles(files);
  }

  /** Idempotent: a number that was closed may be another file's by now. */
  [Symbol.dispose](): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    for (const file of this.all) file[Symbol.dispose]();
  }
}
