/**
 * What the descriptors of run-time types look like: `internal/abi/type.go`, before go1.21 `runtime/type.go` and
 * `reflect/type.go`. All releases with the register ABI agree but for maps and for one flag.
 */
import type { GoVersion } from "../build-info.js";

export const POINTER_SIZE = 8;

/** Kinds by their number in a descriptor. */
export const KIND = {
  bool: 1,
  int: 2,
  int8: 3,
  int16: 4,
  int32: 5,
  int64: 6,
  uint: 7,
  uint8: 8,
  uint16: 9,
  uint32: 10,
  uint64: 11,
  uintptr: 12,
  float32: 13,
  float64: 14,
  complex64: 15,
  complex128: 16,
  array: 17,
  chan: 18,
  func: 19,
  interface: 20,
  map: 21,
  pointer: 22,
  slice: 23,
  string: 24,
  struct: 25,
  unsafePointer: 26,
} as const;

/** Sizes that a kind fixes; a descriptor of another size is none. */
export const FIXED_SIZES: ReadonlyMap<number, number> = new Map([
  [KIND.bool, 1],
  [KIND.int, 8],
  [KIND.int8, 1],
  [KIND.int16, 2],
  [KIND.int32, 4],
  [KIND.int64, 8],
  [KIND.uint, 8],
  [KIND.uint8, 1],
  [KIND.uint16, 2],
  [KIND.uint32, 4],
  [KIND.uint64, 8],
  [KIND.uintptr, 8],
  [KIND.float32, 4],
  [KIND.float64, 8],
  [KIND.complex64, 8],
  [KIND.complex128, 16],
  [KIND.chan, 8],
  [KIND.func, 8],
  [KIND.interface, 16],
  [KIND.map, 8],
  [KIND.pointer, 8],
  [KIND.slice, 24],
  [KIND.string, 16],
  [KIND.unsafePointer, 8],
]);

/** The low bits of the kind byte; up to go1.25 the others are flags. */
export const KIND_MASK = 31;

/** Bits of the flag byte. */
export const FLAG = { uncommon: 1, extraStar: 2, named: 4 } as const;

/** Places within a descriptor, in bytes. */
export const TYPE = {
  size: 0,
  flags: 20,
  kind: 23,
  string: 40,
  /** What all kinds have in common ends, what one kind has of its own begins. */
  end: 48,
} as const;

/** Places within what a kind adds, in bytes from the descriptor's start. */
export const ARRAY = { element: 48, slice: 56, length: 64 } as const;
export const CHAN = { element: 48, direction: 56 } as const;
export const FUNC = { inCount: 48, outCount: 50 } as const;
export const INTERFACE = { package: 48, methods: 56, methodCount: 64 } as const;
export const MAP = { key: 48, element: 56 } as const;
export const POINTER = { element: 48 } as const;
export const SLICE = { element: 48 } as const;
export const STRUCT = { package: 48, fields: 56, fieldCount: 64 } as const;

export const FIELD = { name: 0, type: 8, offset: 16, size: 24 } as const;
export const INTERFACE_METHOD = { name: 0, type: 4, size: 8 } as const;

/** Behind the descriptor of a type that has a name or methods. */
export const UNCOMMON = { package: 0, methodCount: 4, methods: 8, size: 16 } as const;
export const METHOD = { name: 0, type: 4, interfaceCode: 8, code: 12, size: 16 } as const;
export const ITAB = { interface: 0, type: 8, functions: 24 } as const;

/** The top bit of a function's number of results. */
export const VARIADIC = 0x8000;

/** What differs between releases. */
export interface TypeLayout {
  /** Bytes of a map's descriptor. */
  readonly mapSize: number;
  /** Whether an interface holds values of a type themselves instead of their address: byte and bit that say it. */
  readonly directInterface: { readonly at: number; readonly bit: number };
}

/** Releases that are known. The first with register arguments brought today's encoding of names. */
const OLDEST = 17;
const NEWEST = 27;

const BUCKET_MAP_SIZE = 88;
const SWISS_MAP_SIZE = 112;
const SPLIT_MAP_SIZE = 136;

/**
 * The layout of a release; undefined for one that is not known. FACT(go1.19..go1.27): Swiss maps came with go1.24, which
 * like go1.25 could be built without; go1.27 describes the groups of maps in more detail; go1.26 moved the flag.
 */
export function findTypeLayout({ major, minor, text }: GoVersion): TypeLayout | undefined {
  if (major !== 1 || minor < OLDEST || minor > NEWEST) return undefined;
  const buckets = minor < 24 || (minor < 26 && text.includes("noswissmap"));
  const mapSize = buckets ? BUCKET_MAP_SIZE : minor < 27 ? SWISS_MAP_SIZE : SPLIT_MAP_SIZE;
  return { mapSize, directInterface: { at: minor < 26 ? TYPE.kind : TYPE.flags, bit: 1 << 5 } };
}
