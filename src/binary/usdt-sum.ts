/**
 * Numbers and names in the operands of USDT probes: `-8`, `8+4`, `counter+8`, `0x10`. Names are those of the file's own
 * symbol tables, as far as it still has them.
 */
import { FormatError, hex, type VirtualAddress, virtualAddress } from "../base/index.js";
import type { ElfFile } from "./elf.js";
import { readElfSymbols } from "./elf-symbols.js";
import { type UnreadableLocation, type UsdtLocation, unreadable } from "./usdt-location.js";

export interface Sum {
  readonly number: bigint;
  readonly symbol: string | undefined;
}

const TERM = /([+-]?)\s*(?:(0x[0-9a-fA-F]{1,16}|\d{1,20})|([\p{L}_.$][\p{L}\d_.$@]*))\s*/uy;

/** Terms with signs between them, at most one of them a name; undefined where the text is anything else. */
export function parseSum(text: string): Sum | undefined {
  let number = 0n;
  let symbol: string | undefined;
  TERM.lastIndex = 0;
  for (let at = 0; at < text.length || at === 0; at = TERM.lastIndex) {
    const term = TERM.exec(text);
    if (term === null) return undefined;
    const [, sign = "", digits, name] = term;
    if (at > 0 && sign === "") return undefined;
    if (digits !== undefined) number += sign === "-" ? -BigInt(digits) : BigInt(digits);
    else if (symbol !== undefined || sign === "-") return undefined;
    else symbol = name;
  }
  return { number, symbol };
}

/** Addresses of what operands name. */
export class NamedPlaces {
  private readonly elf: ElfFile;
  private addresses: ReadonlyMap<string, VirtualAddress | UnreadableLocation> | undefined;

  constructor(elf: ElfFile) {
    this.elf = elf;
  }

  /** The place that a sum with a name stands for. */
  place(sum: Sum): UsdtLocation {
    const address = this.address(sum);
    if (typeof address !== "number") return address;
    return this.elf.findLoad(address) === undefined
      ? unreadable(`${hex(address)} is not in the image`)
      : { kind: "image", address };
  }

  /** The number that a sum stands for; with a name in it only where the file is loaded at the addresses it states. */
  value(sum: Sum): bigint | UnreadableLocation {
    if (sum.symbol === undefined) return sum.number;
    if (this.elf.positionIndependent)
      return unreadable(`the address of ${sum.symbol} is not known before the file is loaded`);
    const address = this.address(sum);
    return typeof address === "number" ? BigInt(address) : address;
  }

  private address({ number, symbol }: Sum): VirtualAddress | UnreadableLocation {
    if (symbol === undefined) return unreadable("an address without a name");
    try {
      this.addresses ??= readAddresses(this.elf);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return unreadable(`the address of ${symbol} is not known: ${error.message}`);
    }
    const address = this.addresses.get(symbol);
    if (address === undefined) return unreadable(`${symbol} is not in the file's symbol tables`);
    if (typeof address !== "number") return address;
    const moved = BigInt(address) + number;
    return moved >= 0n && moved < 2n ** 53n
      ? virtualAddress(Number(moved))
      : unreadable(`${number} bytes from ${symbol} is out of range`);
  }
}

function readAddresses(elf: ElfFile): ReadonlyMap<string, VirtualAddress | UnreadableLocation> {
  const addresses = new Map<string, VirtualAddress | UnreadableLocation>();
  for (const which of ["symtab", "dynsym"] as const) {
    for (const { name, kind, address } of readElfSymbols(elf, which)) {
      const known = addresses.get(name);
      if (kind === "tls") addresses.set(name, unreadable(`${name} is thread-local`));
      else if (known === undefined) addresses.set(name, address);
      else if (known !== address) addresses.set(name, unreadable(`the file has several things named ${name}`));
    }
  }
  return addresses;
}
