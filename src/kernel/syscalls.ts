/**
 * The system calls that neither Node nor libbpf 1.1 offers: bpf(2) for links, maps and statistics, perf_event_open(2).
 * Layouts follow include/uapi/linux/bpf.h and perf_event.h.
 *
 * SAFETY: every pointer in an attribute is a Buffer made by Buffer.alloc or allocUnsafeSlow, so it lives outside the
 * JavaScript heap and stays referenced by the attribute object until the call has returned.
 */
import { constants } from "node:os";
import { UnsupportedError } from "../base/index.js";
import { lastErrno } from "./errno.js";
import { koffi, libc } from "./library.js";

/** Numbers of the system calls by architecture. */
const NUMBERS = {
  x64: { bpf: 321, perfEventOpen: 298 },
  arm64: { bpf: 280, perfEventOpen: 241 },
} as const;

function numbers(): { readonly bpf: number; readonly perfEventOpen: number } {
  const arch = process.arch;
  if (arch === "x64" || arch === "arm64") return NUMBERS[arch];
  throw new UnsupportedError("architecture", `measuring is not supported on ${arch}`);
}

const BPF_MAP_LOOKUP_ELEM = 1;
const BPF_MAP_UPDATE_ELEM = 2;
const BPF_MAP_DELETE_ELEM = 3;
const BPF_OBJ_GET_INFO_BY_FD = 15;
const BPF_MAP_LOOKUP_BATCH = 24;
const BPF_MAP_UPDATE_BATCH = 26;
const BPF_LINK_CREATE = 28;
const BPF_ENABLE_STATS = 32;
/** enum bpf_attach_type */
export const ATTACH_PERF_EVENT = 41;
export const ATTACH_UPROBE_MULTI = 48;

/** A system call that failed, with its errno. */
export interface SystemCallFailure {
  readonly errno: number;
}
export type SystemCallResult = { readonly value: number } | SystemCallFailure;
export const failed = (result: SystemCallResult): result is SystemCallFailure => "errno" in result;

type BpfCall = (number: number, command: number, attribute: object, size: number) => number;

/** Declares syscall(2) once per shape of attribute: koffi fixes the types of a call when it is declared. */
function bpfCall(
  name: string,
  fields: Record<string, string>,
): (command: number, attribute: object) => SystemCallResult {
  let call: BpfCall | undefined;
  let size = 0;
  return (command, attribute) => {
    if (call === undefined) {
      const type = koffi().struct(name, fields);
      size = koffi().sizeof(type);
      call = libc().func("syscall", "long", ["long", "int", koffi().pointer(type), "uint"]) as unknown as BpfCall;
    }
    return resultOf(call(numbers().bpf, command, attribute, size));
  };
}

const resultOf = (value: number): SystemCallResult => (value < 0 ? { errno: lastErrno() } : { value });

const linkCreateUprobeMulti = bpfCall("gs_attr_uprobe_multi", {
  prog_fd: "uint32",
  target_fd: "uint32",
  attach_type: "uint32",
  flags: "uint32",
  path: "const char *",
  offsets: "void *",
  ref_ctr_offsets: "void *",
  cookies: "void *",
  count: "uint32",
  multi_flags: "uint32",
  pid: "uint32",
  reserved: "uint32",
});

/** When the program of a probe runs: as the site is reached, or as the function that was called there returns. */
export type ProbeMoment = "hit" | "return";

/** enum of the flags of a uprobe_multi link. */
const BPF_F_UPROBE_MULTI_RETURN = 1;

function words(values: readonly (number | bigint)[]): Buffer {
  const bytes = Buffer.alloc(8 * Math.max(values.length, 1));
  const all = new BigUint64Array(bytes.buffer, bytes.byteOffset, values.length);
  values.forEach((value, index) => {
    all[index] = BigInt(value);
  });
  return bytes;
}

export interface UprobeMultiAttach {
  readonly programFd: number;
  readonly path: string;
  readonly offsets: readonly number[];
  readonly cookies: readonly bigint[];
  /** Of 16-bit counts in the file that are raised while a site is probed, one for each site; 0: that site has none. */
  readonly semaphores: readonly number[];
  /** Whether the program runs at the sites, or when the function that begins at each returns. */
  readonly when: ProbeMoment;
  /** 0: every process that maps the file. */
  readonly pid: number;
}

/** One link for many sites of one file. The value is the link's descriptor; closing it detaches all. */
export function createUprobeMultiLink(attach: UprobeMultiAttach): SystemCallResult {
  return linkCreateUprobeMulti(BPF_LINK_CREATE, {
    prog_fd: attach.programFd,
    target_fd: 0,
    attach_type: ATTACH_UPROBE_MULTI,
    flags: 0,
    path: attach.path,
    offsets: words(attach.offsets),
    ref_ctr_offsets: attach.semaphores.some((offset) => offset !== 0) ? words(attach.semaphores) : null,
    cookies: words(attach.cookies),
    count: attach.offsets.length,
    multi_flags: attach.when === "return" ? BPF_F_UPROBE_MULTI_RETURN : 0,
    pid: attach.pid,
    reserved: 0,
  });
}

const linkCreatePerfEvent = bpfCall("gs_attr_perf_link", {
  prog_fd: "uint32",
  target_fd: "uint32",
  attach_type: "uint32",
  flags: "uint32",
  cookie: "uint64",
});

/** Links a program to a perf event, with a cookie (kernel 5.15). */
export function createPerfEventLink(programFd: number, eventFd: number, cookie: bigint): SystemCallResult {
  return linkCreatePerfEvent(BPF_LINK_CREATE, {
    prog_fd: programFd,
    target_fd: eventFd,
    attach_type: ATTACH_PERF_EVENT,
    flags: 0,
    cookie,
  });
}

const mapElement = bpfCall("gs_attr_element", {
  map_fd: "uint32",
  reserved: "uint32",
  key: "void *",
  value: "void *",
  flags: "uint64",
});

export function updateMapElement(mapFd: number, key: Buffer, value: Buffer): SystemCallResult {
  return mapElement(BPF_MAP_UPDATE_ELEM, { map_fd: mapFd, reserved: 0, key, value, flags: 0 });
}

export function deleteMapElement(mapFd: number, key: Buffer): SystemCallResult {
  return mapElement(BPF_MAP_DELETE_ELEM, { map_fd: mapFd, reserved: 0, key, value: null, flags: 0 });
}

/** Copies the element into `value`, which is as large as the map's are; ENOENT when there is none. */
export function lookupMapElement(mapFd: number, key: Buffer, value: Buffer): SystemCallResult {
  return mapElement(BPF_MAP_LOOKUP_ELEM, { map_fd: mapFd, reserved: 0, key, value, flags: 0 });
}

const batchAttribute = {
  in_batch: "void *",
  out_batch: "void *",
  keys: "void *",
  values: "void *",
  count: "uint32",
  map_fd: "uint32",
  elem_flags: "uint64",
  flags: "uint64",
} as const;

const mapBatchUpdate = bpfCall("gs_attr_batch_update", batchAttribute);

/** BPF_MAP_UPDATE_BATCH of `count` elements. */
export function updateMapBatch(mapFd: number, keys: Buffer, values: Buffer, count: number): SystemCallResult {
  return mapBatchUpdate(BPF_MAP_UPDATE_BATCH, {
    in_batch: null,
    out_batch: null,
    keys,
    values,
    count,
    map_fd: mapFd,
    elem_flags: 0,
    flags: 0,
  });
}

type BatchAttribute = Record<keyof typeof batchAttribute, Buffer | number | null>;
let lookupBatchCall: ((number: number, command: number, attribute: BatchAttribute, size: number) => number) | undefined;
let batchSize = 0;

export interface BatchResult {
  /** Elements written to the buffers; valid also when the call ended with ENOENT (no more). */
  readonly count: number;
  readonly errno: number;
}

/** BPF_MAP_LOOKUP_BATCH; `inBatch` is null at the start, else the former call's `outBatch`. */
export function lookupMapBatch(
  mapFd: number,
  inBatch: Buffer | null,
  outBatch: Buffer,
  keys: Buffer,
  values: Buffer,
  count: number,
): BatchResult {
  if (lookupBatchCall === undefined) {
    const type = koffi().struct("gs_attr_batch", batchAttribute);
    batchSize = koffi().sizeof(type);
    lookupBatchCall = libc().func("syscall", "long", [
      "long",
      "int",
      koffi().inout(koffi().pointer(type)),
      "uint",
    ]) as unknown as typeof lookupBatchCall;
  }
  const attribute: BatchAttribute = {
    in_batch: inBatch,
    out_batch: outBatch,
    keys,
    values,
    count,
    map_fd: mapFd,
    elem_flags: 0,
    flags: 0,
  };
  const result = lookupBatchCall?.(numbers().bpf, BPF_MAP_LOOKUP_BATCH, attribute, batchSize) ?? -1;
  const errno = result < 0 ? lastErrno() : 0;
  return { count: Number(attribute.count), errno };
}

const objectInfo = bpfCall("gs_attr_info", { fd: "uint32", info_len: "uint32", info: "void *" });

/** Offsets in struct bpf_prog_info. */
const PROGRAM_INFO = { size: 232, runTimeNs: 192, runCount: 200 } as const;

/** How long a program has run and how often, since statistics were enabled. */
export function programRunStatistics(programFd: number): { runTimeNs: bigint; runCount: bigint } | SystemCallFailure {
  const info = Buffer.alloc(PROGRAM_INFO.size);
  const result = objectInfo(BPF_OBJ_GET_INFO_BY_FD, { fd: programFd, info_len: info.length, info });
  if (failed(result)) return result;
  return {
    runTimeNs: info.readBigUInt64LE(PROGRAM_INFO.runTimeNs),
    runCount: info.readBigUInt64LE(PROGRAM_INFO.runCount),
  };
}

/** Offsets in struct bpf_map_info. */
const MAP_INFO = { size: 88, keySize: 8, valueSize: 12 } as const;

/** Sizes of a map's keys and values, as the kernel has them. */
export function mapSizes(mapFd: number): { keySize: number; valueSize: number } | SystemCallFailure {
  const info = Buffer.alloc(MAP_INFO.size);
  const result = objectInfo(BPF_OBJ_GET_INFO_BY_FD, { fd: mapFd, info_len: info.length, info });
  if (failed(result)) return result;
  return { keySize: info.readUInt32LE(MAP_INFO.keySize), valueSize: info.readUInt32LE(MAP_INFO.valueSize) };
}

const enableStats = bpfCall("gs_attr_stats", { type: "uint32" });
const BPF_STATS_RUN_TIME = 0;

/** Makes the kernel time programs while the returned descriptor is open (kernel 5.8). */
export function enableRunStatistics(): SystemCallResult {
  return enableStats(BPF_ENABLE_STATS, { type: BPF_STATS_RUN_TIME });
}

/** Offsets in struct perf_event_attr, version 1 (72 bytes) and later. */
const PERF_ATTR = { size: 128, type: 0, sizeField: 4, config: 8, config1: 56, config2: 64 } as const;
/** In `config`, as the files of /sys/bus/event_source/devices/uprobe/format say. */
const CONFIG_RETPROBE = 1;
const CONFIG_REF_CTR_OFFSET = 4;
const PERF_FLAG_FD_CLOEXEC = 8;

type PerfCall = (number: number, attribute: Buffer, pid: number, cpu: number, group: number, flags: number) => number;
let perfEventOpenCall: PerfCall | undefined;

export interface UprobeEvent {
  readonly path: string;
  readonly offset: number;
  /** As in UprobeMultiAttach. LIMIT: below 4 GiB. */
  readonly semaphore: number;
  readonly when: ProbeMoment;
  /** -1: every process. */
  readonly pid: number;
}

/** Opens a uprobe as a perf event. `pmuType` is what /sys/bus/event_source/devices/uprobe/type says. */
export function openUprobeEvent(
  pmuType: number,
  { path, offset, semaphore, when, pid }: UprobeEvent,
): SystemCallResult {
  const name = Buffer.from(`${path}\0`);
  const pinned = Buffer.alloc(name.length);
  name.copy(pinned);
  const attribute = Buffer.alloc(PERF_ATTR.size);
  attribute.writeUInt32LE(pmuType, PERF_ATTR.type);
  attribute.writeUInt32LE(PERF_ATTR.size, PERF_ATTR.sizeField);
  attribute.writeUInt32LE(when === "return" ? CONFIG_RETPROBE : 0, PERF_ATTR.config);
  attribute.writeUInt32LE(semaphore, PERF_ATTR.config + CONFIG_REF_CTR_OFFSET);
  attribute.writeBigUInt64LE(koffi().address(pinned), PERF_ATTR.config1);
  attribute.writeBigUInt64LE(BigInt(offset), PERF_ATTR.config2);
  perfEventOpenCall ??= libc().func("syscall", "long", [
    "long",
    "void *",
    "int",
    "int",
    "int",
    "ulong",
  ]) as unknown as PerfCall;
  // Every process must be on one CPU; it is not heeded.
  const cpu = pid === -1 ? 0 : -1;
  const result = resultOf(perfEventOpenCall(numbers().perfEventOpen, attribute, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC));
  // SAFETY: the kernel has copied the path; until here it must not be collected.
  pinned[0] = 0;
  return result;
}

interface Close {
  (fd: number): number;
  /** In a thread of its own. */
  readonly async: (fd: number, done: () => void) => void;
}

let closeFunction: Close | undefined;
function closeCall(): Close {
  closeFunction ??= libc().func("close", "int", ["int"]) as unknown as Close;
  return closeFunction;
}

/** Closes a descriptor that Node does not know. */
export function closeDescriptor(fd: number): void {
  closeCall()(fd);
}

/** The same, while this thread goes on: the kernel may take its time. */
export const closeInBackground = (fd: number): Promise<void> =>
  new Promise((closed) => {
    closeCall().async(fd, () => closed());
  });

export const ERRNO = constants.errno;
