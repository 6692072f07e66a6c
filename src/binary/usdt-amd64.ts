/**
 * Operands of USDT probes on amd64, in the AT&T syntax in which compilers hand them to the assembler: `%eax`, `$-1`,
 * `-8(%rbp)`, `8(%rax,%rbx,4)`, `counter+4(%rip)`.
 */
import { memoryAt, placed, type UsdtOperand, type UsdtSize, unknownForm, unreadable } from "./usdt-location.js";
import { type NamedPlaces, parseSum } from "./usdt-sum.js";

interface NamedRegister {
  readonly register: string;
  readonly width: UsdtSize;
  readonly shift: 0 | 8;
}

function* namedRegisters(): Generator<readonly [string, NamedRegister]> {
  const named = (register: string, names: readonly string[]): (readonly [string, NamedRegister])[] =>
    names.map((name, index) => [name, { register, width: ([8, 4, 2, 1] as const)[index] ?? 1, shift: 0 }]);
  for (const letter of "abcd") {
    yield* named(`r${letter}x`, [`r${letter}x`, `e${letter}x`, `${letter}x`, `${letter}l`]);
    yield [`${letter}h`, { register: `r${letter}x`, width: 1, shift: 8 }];
  }
  for (const name of ["si", "di", "bp", "sp"]) yield* named(`r${name}`, [`r${name}`, `e${name}`, name, `${name}l`]);
  for (let number = 8; number < 16; number++) {
    const name = `r${number}`;
    yield* named(name, [name, `${name}d`, `${name}w`, `${name}b`]);
  }
}

const REGISTERS: ReadonlyMap<string, NamedRegister> = new Map(namedRegisters());

/** Of 64 bits: compilers for programs of 64 bits form no address from less. */
function parseAddressRegister(text: string): string | undefined {
  const named = REGISTERS.get(text.replace(/^%/, ""));
  return text.startsWith("%") && named?.width === 8 ? named.register : undefined;
}

const parseScale = (text: string): 1 | 2 | 4 | 8 | undefined =>
  ([1, 2, 4, 8] as const).find((one) => `${one}` === text);

function parseRegister(text: string): UsdtOperand {
  const named = REGISTERS.get(text.slice(1));
  if (named === undefined) return placed(unreadable(`a uprobe can't read ${text}`));
  const { register, width, shift } = named;
  return { location: { kind: "register", register, shift }, width };
}

function parseImmediate(text: string, places: NamedPlaces): UsdtOperand {
  const sum = parseSum(text.slice(1));
  if (sum === undefined) return unknownForm(text);
  const value = places.value(sum);
  return placed(typeof value === "bigint" ? { kind: "constant", value } : value);
}

function parseMemory(text: string, places: NamedPlaces): UsdtOperand {
  // A name by itself is the same place as that name relative to the instruction.
  const [, displacement = "", registers = "%rip"] = /^([^()%]*)(?:\(([^()]*)\))?$/.exec(text) ?? [];
  const sum = parseSum(displacement === "" ? "0" : displacement);
  if (sum === undefined) return unknownForm(text);
  // A number alone depends on where the instruction is that the operand was meant for, and nobody knows which one that is.
  if (registers === "%rip") return sum.symbol === undefined ? unknownForm(text) : placed(places.place(sum));

  const [baseText = "", indexText, scaleText = "1", ...more] = registers.split(",").map((part) => part.trim());
  const base = parseAddressRegister(baseText);
  const index = indexText === undefined ? undefined : parseAddressRegister(indexText);
  const scale = parseScale(scaleText);
  const understood = (base !== undefined || baseText === "") && (index !== undefined || indexText === undefined);
  if (!understood || (base ?? index) === undefined || index === "rsp" || scale === undefined || more.length > 0)
    return unknownForm(text);
  const value = places.value(sum);
  if (typeof value !== "bigint") return placed(value);
  return placed(memoryAt(base, value, index === undefined ? undefined : { register: index, part: "whole", scale }));
}

export function parseAmd64Operand(text: string, places: NamedPlaces): UsdtOperand {
  if (text.startsWith("$")) return parseImmediate(text, places);
  if (/^%[c-g]s:/.test(text))
    return placed(unreadable(`${text} is relative to a segment, as thread-local variables are`));
  if (/^%[a-z]+\d*[a-z]?(\(\d\))?$/.test(text)) return parseRegister(text);
  return parseMemory(text, places);
}
