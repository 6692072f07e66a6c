/**
 * Static probes of pure Go (package usdt of the fixtures): variables of type `usdt.Probe` in the data of a Go program → its
 * probes as USDT notes tell them. Follows that package's Go code and the ABI0 of assembly functions.
 *
 * A variable is known by what it holds: a count of 0, a string PROVIDER:NAME, and a function whose code does nothing. So
 * neither symbols nor debug data are needed; the function's parameter types are those that an interface value names.
 */
import { FormatError, type VirtualAddress, virtualAddress } from "../base/index.js";
import type { Machine } from "./elf.js";
import type { GoBinary } from "./gobinary.js";
import type { GoType } from "./gotype.js";
import type { RuntimeTypes } from "./runtime-types/index.js";

/** A probe of a Go program, in the words of a note. */
export interface GoProbe {
  readonly provider: string;
  readonly name: string;
  /** The function that fires it: `main.lookup`. */
  readonly function: string;
  /** Of its instruction. */
  readonly address: VirtualAddress;
  readonly semaphore: VirtualAddress;
  /** `-8@8(%rsp) 8@16(%rsp)` */
  readonly arguments: string;
}

/** One that no note can tell. */
export interface RefusedGoProbe {
  readonly provider: string;
  readonly name: string;
  readonly function: string;
  readonly reason: string;
}

export interface GoProbes {
  /** In the order of their addresses. */
  readonly probes: readonly GoProbe[];
  readonly refused: readonly RefusedGoProbe[];
}

/** Places within a variable, in bytes. The count is followed by four bytes that nothing uses. */
const NAME = 8;
const NAME_LENGTH = 16;
const FIRE_TYPE = 24;
const FIRE = 32;
const VARIABLE_SIZE = 40;

/** LIMIT: a provider and a name; the longest of real programs have some forty characters. */
const MAX_NAME_LENGTH = 200;

/** What neither readers of notes nor command lines take apart otherwise. */
const PROBE_NAME = /^([\w.-]+):([\w.-]+)$/;

const STUBS: Readonly<Record<Machine, Buffer>> = {
  /** `nop; ret` */
  amd64: Buffer.from("90c3", "hex"),
  arm64: Buffer.from("1f2003d5c0035fd6", "hex"),
};

/** FACT(go1.19..go1.27): ABI0 arguments begin above the return address, or above the place where arm64 keeps it. */
const FIRST_ARGUMENT = 8;

const OPERANDS: Readonly<Record<Machine, (offset: number) => string>> = {
  amd64: (offset) => `${offset}(%rsp)`,
  arm64: (offset) => `[sp, ${offset}]`,
};

/** The parts that a probe's argument becomes, by size and sign; or what to do instead. */
function partsOf(type: GoType): readonly { readonly size: number; readonly signed: boolean }[] | string {
  const word = { size: 8, signed: false };
  const length = { size: 8, signed: true };
  switch (type.kind) {
    case "int":
      return [{ size: type.size, signed: type.signed }];
    case "bool":
      return [{ size: 1, signed: false }];
    case "pointer":
    case "opaque-pointer":
    case "chan":
    case "map":
    case "func":
      return [word];
    case "string":
      return [word, length];
    case "slice":
      return [word, length];
    case "float":
      return type.size === 4 ? "pass math.Float32bits of it" : "pass math.Float64bits of it";
    case "interface":
      return "pass what it holds";
    default:
      return "pass its parts one by one, or a pointer to it";
  }
}

/** The arguments as a note writes them, or why it can't. */
function formatArguments(types: readonly GoType[], machine: Machine): { text: string } | { reason: string } {
  const words: string[] = [];
  let offset = FIRST_ARGUMENT;
  for (const [index, type] of types.entries()) {
    const parts = partsOf(type);
    if (typeof parts === "string") return { reason: `parameter ${index} is of type ${type.name}: ${parts}` };
    const alignment = Math.min(type.size, 8);
    offset = Math.ceil(offset / alignment) * alignment;
    let at = offset;
    for (const { size, signed } of parts) {
      words.push(`${signed ? "-" : ""}${size}@${OPERANDS[machine](at)}`);
      at += size;
    }
    offset += type.size;
  }
  return { text: words.join(" ") };
}

/** A pointer, or undefined for what is no address. */
function pointerAt(bytes: Buffer, at: number): VirtualAddress | undefined {
  const value = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
  return value > 0 && Number.isSafeInteger(value) ? virtualAddress(value) : undefined;
}

/** What `read` returns, or undefined where the program's image has no such bytes: most of what looks like a pointer is none. */
function orAbsent<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

class ProbeReader {
  private readonly binary: GoBinary;
  private readonly types: RuntimeTypes;

  constructor(binary: GoBinary, types: RuntimeTypes) {
    this.binary = binary;
    this.types = types;
  }

  read(): GoProbes {
    const { data, edata } = this.binary.moduledata;
    const bytes = this.binary.image.read(data, edata - data);
    const probes: GoProbe[] = [];
    const refused: RefusedGoProbe[] = [];
    for (let at = 0; at + VARIABLE_SIZE <= bytes.length; at += 8) {
      const found = this.probeAt(bytes.subarray(at, at + VARIABLE_SIZE), virtualAddress(data + at));
      if (found === undefined) continue;
      if ("reason" in found) refused.push(found);
      else probes.push(found);
    }
    return { probes: probes.sort((a, b) => a.address - b.address), refused };
  }

  private probeAt(variable: Buffer, address: VirtualAddress): GoProbe | RefusedGoProbe | undefined {
    const length = variable.readUInt32LE(NAME_LENGTH);
    // The count, and the high half of the length.
    if (
      variable.readUInt32LE(0) !== 0 ||
      variable.readUInt32LE(4) !== 0 ||
      variable.readUInt32LE(NAME_LENGTH + 4) !== 0
    )
      return undefined;
    if (length === 0 || length > MAX_NAME_LENGTH) return undefined;
    const [name, type, fire] = [NAME, FIRE_TYPE, FIRE].map((at) => pointerAt(variable, at));
    if (name === undefined || type === undefined || fire === undefined) return undefined;
    const text = orAbsent(() => this.binary.image.read(name, length).toString("latin1"));
    const [, provider, probe] = PROBE_NAME.exec(text ?? "") ?? [];
    if (provider === undefined || probe === undefined) return undefined;
    const parameters = this.types.parametersAt(type);
    const place = orAbsent(() => this.placeOf(fire));
    if (parameters === undefined || place === undefined) return undefined;
    const described = formatArguments(parameters, this.binary.arch);
    const identity = { provider, name: probe, function: place.function };
    return "reason" in described
      ? { ...identity, reason: described.reason }
      : { ...identity, address: place.address, semaphore: address, arguments: described.text };
  }

  /**
   * Where the function that a function value leads to fires: its own code, or that of the assembly function which the
   * compiler wraps for calls through values. FACT(go1.19..go1.27): the two have one name. Undefined when neither does
   * nothing, as USDT_PROBE makes it.
   */
  private placeOf(value: VirtualAddress): { readonly function: string; readonly address: VirtualAddress } | undefined {
    const { image, pclntab, arch } = this.binary;
    const code = pointerAt(image.read(value, 8), 0);
    const index = code === undefined ? undefined : pclntab.findIndexByAddress(code);
    if (index === undefined || pclntab.entryOf(index) !== code) return undefined;
    const stub = STUBS[arch];
    for (const namesake of pclntab.namesakesOf(index)) {
      const address = pclntab.entryOf(namesake);
      if (image.read(address, stub.length).equals(stub)) return { function: pclntab.nameOf(namesake), address };
    }
    return undefined;
  }
}

/** The probes of a Go program; undefined for a release whose type data are not known. FormatError where it is damaged. */
export function readGoProbes(binary: GoBinary): GoProbes | undefined {
  const types = binary.runtimeTypes();
  return types === undefined ? undefined : new ProbeReader(binary, types).read();
}
