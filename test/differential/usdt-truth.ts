/** What GNU readelf says of the notes of USDT probes, and what this program says of them, in the same words. */
import type { UsdtLocation, UsdtNote } from "../../src/binary/index.js";
import { run } from "./dwarf-programs.js";

export interface StatedNote {
  readonly provider: string;
  readonly name: string;
  readonly address: number;
  readonly semaphore: { readonly address: number; readonly offset: number } | undefined;
  /** Operands as assemblers write them, in one spelling. */
  readonly arguments: readonly string[];
}

const NOTE =
  /NT_STAPSDT .*\s+Provider: (.*)\n +Name: (.*)\n +Location: 0x(\w+), Base: 0x\w+, Semaphore: 0x(\w+)\n +Arguments:(.*)/g;
const SECTION = /^ +\[ *\d+\] \S+ +PROGBITS +(\w+) (\w+) (\w+) /gm;

/** The `#` of arm64's numbers, blanks in brackets and the 0 of `0(%r13)` say nothing. */
const inOneSpelling = (text: string): string => text.replaceAll("#", "").replace(/, /g, ",").replace("@0(", "@(");

function splitArguments(text: string): readonly string[] {
  return text
    .trim()
    .split(/ (?=-?\d+f?@)/)
    .filter((argument) => argument !== "")
    .map(inOneSpelling);
}

/** `counter+8(%rip)` and `counter+8(,%rax,4)` with the address that readelf's symbol table has for the name. */
function withAddress(text: string, symbols: ReadonlyMap<string, readonly number[]>): string {
  const [, size = "", before = "", name = "", after = "", registers = "(%rip)"] =
    /^(.*@)([-+\d]*?)([A-Za-z_.][\w.]*)([-+\d]*)(\(.*\))?$/.exec(text) ?? [];
  const [address, ...others] = symbols.get(name) ?? [];
  if (address === undefined || others.length > 0) return text;
  const terms = `${before}${address}${after}`.match(/[+-]?\d+/g) ?? [];
  const sum = terms.reduce((total, term) => total + Number(term), 0);
  return `${size}${registers === "(%rip)" ? `<${sum}>` : `${sum}${registers}`}`;
}

/** Compilers write the bits of unsigned numbers as they like: `1@$-1` is 255. */
function withoutSign(text: string): string {
  const [, bytes, mark = "", digits] = /^(\d)@(\$?)(-\d+)$/.exec(text) ?? [];
  if (bytes === undefined || digits === undefined) return text;
  return `${bytes}@${mark}${BigInt.asUintN(Number(bytes) * 8, BigInt(digits))}`;
}

function readelfSymbols(path: string): ReadonlyMap<string, readonly number[]> {
  const symbols = new Map<string, readonly number[]>();
  const line = /^ +\d+: (\w+) +\w+ (?:OBJECT|FUNC) +\w+ +\w+ +\d+ ([^@\s]+)/gm;
  for (const [, address = "", name = ""] of run("readelf", ["-sW", path]).matchAll(line))
    symbols.set(name, [...new Set([...(symbols.get(name) ?? []), Number.parseInt(address, 16)])]);
  return symbols;
}

/** The notes of a file, in their order. */
export function readelfNotes(path: string): readonly StatedNote[] {
  const sections = [...run("readelf", ["-SW", path]).matchAll(SECTION)].map(([, ...numbers]) =>
    numbers.map((text) => Number.parseInt(text, 16)),
  );
  const offsetOf = (address: number): number => {
    const [start = 0, offset = 0] =
      sections.find(([from = 0, , size = 0]) => from > 0 && address >= from && address < from + size) ?? [];
    return address - start + offset;
  };
  const output = run("readelf", ["-nW", path]);
  const symbols = /@[^ $%(]*[a-z_][^ ]*\(/.test(output) ? readelfSymbols(path) : new Map<string, readonly number[]>();
  return [...output.matchAll(NOTE)].map(([, provider = "", name = "", at = "", count = "", text = ""]) => {
    const semaphore = Number.parseInt(count, 16);
    return {
      provider,
      name,
      address: Number.parseInt(at, 16),
      semaphore: semaphore === 0 ? undefined : { address: semaphore, offset: offsetOf(semaphore) },
      arguments: splitArguments(text).map((argument) => withAddress(withoutSign(argument), symbols)),
    };
  });
}

const LETTERS: Readonly<Record<string, string>> = { rax: "a", rbx: "b", rcx: "c", rdx: "d" };

/** A register as compilers name it in the notes of values of a size; that of a byte in bits 8 to 15 too. */
function registerName(register: string, size: number, shift: number): string {
  if (/^(x\d+|sp)$/.test(register)) return size === 8 ? register : register.replace("x", "w");
  const letter = LETTERS[register];
  if (shift === 8) return `%${letter}h`;
  const place = [8, 4, 2, 1].indexOf(size);
  if (/^r\d/.test(register)) return `%${register}${["", "d", "w", "b"][place]}`;
  const short = register.slice(1);
  return `%${[register, `e${short}`, short, letter === undefined ? `${short}l` : `${letter}l`][place]}`;
}

function spell(location: UsdtLocation, size: number, machine: "amd64" | "arm64", text: string): string {
  switch (location.kind) {
    case "register":
      return registerName(location.register, size, location.shift);
    case "constant":
      return `${machine === "amd64" ? "$" : ""}${location.value}`;
    case "image":
      return `<${location.address}>`;
    case "unreadable":
      return text.replace(/^.*?@/, "");
    case "memory": {
      const { base, index, indexPart, scale, displacement } = location;
      const number = displacement === 0 ? "" : `${displacement}`;
      if (machine === "amd64") {
        const indexed = index === undefined ? "" : `,%${index}${scale === 1 ? "" : `,${scale}`}`;
        return `${number}(${base === undefined ? "" : `%${base}`}${indexed})`;
      }
      const extension = { whole: "lsl", "low-signed": "sxtw", "low-unsigned": "uxtw" }[indexPart];
      const name = indexPart === "whole" ? index : index?.replace("x", "w");
      const shift = scale === 1 && indexPart === "whole" ? "" : `,${extension} ${Math.log2(scale)}`;
      return `[${[base, number, name].filter((part) => part !== undefined && part !== "").join(",")}${shift}]`;
    }
  }
}

/** Our reading, spelled as compilers spell it. What is unreadable comes as its own text. */
export function spellNotes(notes: readonly UsdtNote[], machine: "amd64" | "arm64"): readonly StatedNote[] {
  return notes.map(({ provider, name, address, semaphore, arguments: of }) => ({
    provider,
    name,
    address,
    semaphore,
    arguments: of.map(({ text, size, signed, location }) => {
      const prefix = text.replace(/@.*/, "").endsWith("f") ? "f@" : "@";
      return inOneSpelling(`${signed ? "-" : ""}${size}${prefix}${spell(location, size, machine, text)}`);
    }),
  }));
}
