/**
 * The argument text of a USDT note: operands with blanks between, each with its size and sign before it: `-4@%edi
 * 8@-16(%rbp) 1@$7`. As `sys/sdt.h` writes it and the systemtap wiki describes it; operands are those of the machine's
 * assembler.
 */
import type { Machine } from "./elf.js";
import { parseAmd64Operand } from "./usdt-amd64.js";
import { parseArm64Operand } from "./usdt-arm64.js";
import { type UsdtLocation, type UsdtSize, unreadable } from "./usdt-location.js";
import type { NamedPlaces } from "./usdt-sum.js";

export interface UsdtArgument {
  /** As in the note: `-4@%edi`. */
  readonly text: string;
  /** In bytes. Without a size in the note that of the register, or of a word; also of a word where it is unreadable. */
  readonly size: UsdtSize;
  readonly signed: boolean;
  readonly location: UsdtLocation;
}

const OPERANDS = { amd64: parseAmd64Operand, arm64: parseArm64Operand } as const satisfies Record<Machine, unknown>;

/**
 * One argument: what is in brackets belongs together, blanks and all. So does `DWORD PTR [rbp-4]`, which is read no
 * further, but which would otherwise shift the numbers of the arguments behind it.
 */
const ARGUMENT = /(?:[A-Z]{0,3}(?:BYTE|WORD) PTR |[([][^()[\]]*[)\]]|\S)+/g;
const SIZED = /^(-?)(\d+)(f?)@(.*)$/s;

const isSize = (bytes: number): bytes is UsdtSize => bytes === 1 || bytes === 2 || bytes === 4 || bytes === 8;

/** A constant as the argument's type sees it. */
function narrow(location: UsdtLocation, size: UsdtSize, signed: boolean): UsdtLocation {
  if (location.kind !== "constant") return location;
  const { value } = location;
  return { kind: "constant", value: signed ? BigInt.asIntN(size * 8, value) : BigInt.asUintN(size * 8, value) };
}

function parseArgument(text: string, machine: Machine, places: NamedPlaces): UsdtArgument {
  const [, minus, digits, float, operandText = text] = SIZED.exec(text) ?? [];
  const bytes = Number(digits ?? 8);
  const signed = minus === "-";
  if (!isSize(bytes)) return { text, size: 8, signed, location: unreadable(`a value of ${digits} bytes`) };
  if (float === "f") return { text, size: bytes, signed, location: unreadable("a floating-point number") };
  const { location, width } = OPERANDS[machine](operandText, places);
  if (digits !== undefined) return { text, size: bytes, signed, location: narrow(location, bytes, signed) };
  // A number that is negative as it stands says by itself that it has a sign.
  const negative = location.kind === "constant" && location.value < 0n;
  const size = width ?? 8;
  return { text, size, signed: negative, location: narrow(location, size, negative) };
}

/** All arguments in their order. One that can't be read is among them, with the reason. */
export const parseUsdtArguments = (text: string, machine: Machine, places: NamedPlaces): readonly UsdtArgument[] =>
  (text.match(ARGUMENT) ?? []).map((argument) => parseArgument(argument, machine, places));
