/** Reading whole maps: batches of keys and values as buffers, per-CPU values side by side. */
import { readFileSync } from "node:fs";
import { FormatError, RunError } from "../base/index.js";
import {
  deleteMapElement,
  ERRNO,
  failed,
  kernelError,
  lookupMapBatch,
  lookupMapElement,
  mapSizes,
  updateMapBatch,
  updateMapElement,
} from "../kernel/index.js";

/** LIMIT: elements and bytes of one batch; larger batches cost memory, smaller ones system calls. */
const BATCH = 4096;
const BATCH_BYTES = 1 << 22;

export interface MapShape {
  readonly fd: number;
  readonly name: string;
  readonly keySize: number;
  /** Of one value; per-CPU maps hold one for every possible CPU, each padded to 8 bytes. */
  readonly valueSize: number;
  readonly perCpu: boolean;
}

/**
 * How many CPUs a list of the kernel names, such as `0-3,8`. A map's value holds one part for each of them, so those that
 * the list leaves out between others do not count.
 */
export function countCpus(list: string): number {
  let count = 0;
  for (const range of list.trim().split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(range);
    if (match === null) throw new FormatError("list of CPUs", 0, `not a range: "${range}"`);
    count += Number(match[2] ?? match[1]) - Number(match[1]) + 1;
  }
  return count;
}

/**
 * Throws unless the kernel's map is of this shape. What the kernel copies out is as large as its map says, not as large as
 * our buffers: a BPF object of another build would overwrite our memory.
 */
export function requireShape(map: MapShape): MapShape {
  const sizes = mapSizes(map.fd);
  if ("errno" in sizes) throw kernelError(`look at map ${map.name}`, sizes.errno);
  if (sizes.keySize === map.keySize && sizes.valueSize === map.valueSize) return map;
  throw new RunError(
    "object-mismatch",
    `map ${map.name} of the BPF object is not the one this program was built with`,
    {
      hint: "run `make build`; an installed package is damaged: install it again",
    },
  );
}

let possible: number | undefined;
/** CPUs the kernel keeps per-CPU values for, online or not. */
export function possibleCpus(): number {
  possible ??= countCpus(readFileSync("/sys/devices/system/cpu/possible", "utf8"));
  return possible;
}

/**
 * Visits every element. The buffers are reused: copy what is kept. For a per-CPU map `value(cpu)` is each CPU's value.
 * Elements added meanwhile may or may not be seen; none is seen twice unless the map is resized while it is read.
 */
export function forEachElement(map: MapShape, visit: (key: Buffer, value: (cpu: number) => Buffer) => void): void {
  const cpus = map.perCpu ? possibleCpus() : 1;
  const stride = map.perCpu ? Math.ceil(map.valueSize / 8) * 8 : map.valueSize;
  let batch = Math.max(16, Math.min(BATCH, Math.floor(BATCH_BYTES / (stride * cpus))));
  let keys = Buffer.alloc(batch * map.keySize);
  let values = Buffer.alloc(batch * stride * cpus);
  let position: Buffer | null = null;
  let next = Buffer.alloc(Math.max(8, map.keySize));
  for (;;) {
    const result = lookupMapBatch(map.fd, position, next, keys, values, batch);
    // One hash bucket holds more elements than the buffers: nothing was read, try again with more room.
    if (result.errno === ERRNO.ENOSPC) {
      batch *= 2;
      keys = Buffer.alloc(batch * map.keySize);
      values = Buffer.alloc(batch * stride * cpus);
      continue;
    }
    if (result.errno !== 0 && result.errno !== ERRNO.ENOENT) throw kernelError(`read map ${map.name}`, result.errno);
    for (let index = 0; index < result.count; index++) {
      const key = keys.subarray(index * map.keySize, (index + 1) * map.keySize);
      const base = index * stride * cpus;
      visit(key, (cpu) => values.subarray(base + cpu * stride, base + cpu * stride + map.valueSize));
    }
    if (result.errno === ERRNO.ENOENT) return;
    position = next;
    next = Buffer.alloc(position.length);
  }
}

/** Deletes the element with this key, if there is one. */
export function deleteElement(map: MapShape, key: Buffer): void {
  const copy = Buffer.alloc(key.length);
  key.copy(copy);
  const result = deleteMapElement(map.fd, copy);
  if (failed(result) && result.errno !== ERRNO.ENOENT) throw kernelError(`write map ${map.name}`, result.errno);
}

/** Sets the first elements of an array map, as many as the bytes hold. */
export function setArrayElements(map: MapShape, values: Buffer): void {
  const count = values.length / map.valueSize;
  const most = Math.max(1, Math.floor(BATCH_BYTES / map.valueSize));
  for (let first = 0; first < count; first += most) {
    const batch = Math.min(most, count - first);
    const keys = Buffer.alloc(4 * batch);
    for (let index = 0; index < batch; index++) keys.writeUInt32LE(first + index, 4 * index);
    const copy = Buffer.alloc(batch * map.valueSize);
    values.copy(copy, 0, first * map.valueSize);
    const result = updateMapBatch(map.fd, keys, copy, batch);
    if (failed(result)) throw kernelError(`write map ${map.name}`, result.errno);
  }
}

/** The value with this key; undefined when there is none. Not of a per-CPU map. */
export function findElement(map: MapShape, key: Buffer): Buffer | undefined {
  const value = Buffer.alloc(map.valueSize);
  const result = lookupMapElement(map.fd, key, value);
  if (!failed(result)) return value;
  if (result.errno === ERRNO.ENOENT) return undefined;
  throw kernelError(`read map ${map.name}`, result.errno);
}

/** Sets element `index` of an array map. */
export function setArrayElement(map: MapShape, index: number, value: Buffer): void {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  const copy = Buffer.alloc(map.valueSize);
  value.copy(copy);
  const result = updateMapElement(map.fd, key, copy);
  if (failed(result)) throw kernelError(`write map ${map.name}`, result.errno);
}
