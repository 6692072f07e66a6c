/**
 * Operands of USDT probes on arm64, as the assembler takes them: `x0`, `w1`, `-3`, `[sp, 16]`, `[x0, w1, sxtw 2]`,
 * `[x0, #:lo12:counter]`.
 */
import {
  type IndexPart,
  memoryAt,
  placed,
  type UsdtLocation,
  type UsdtOperand,
  unknownForm,
  unreadable,
} from "./usdt-location.js";
import { type NamedPlaces, parseSum } from "./usdt-sum.js";

interface NamedRegister {
  readonly register: string;
  readonly width: 4 | 8;
}

function parseRegisterName(text: string): NamedRegister | undefined {
  if (text === "fp") return { register: "x29", width: 8 };
  if (text === "lr") return { register: "x30", width: 8 };
  const [, half, number, stack] = /^(?:([xw])([12]?\d|30)|(w?)sp)$/.exec(text) ?? [];
  if (number !== undefined) return { register: `x${number}`, width: half === "w" ? 4 : 8 };
  return stack === undefined ? undefined : { register: "sp", width: stack === "w" ? 4 : 8 };
}

const parseAddressRegister = (text: string): string | undefined => {
  const named = parseRegisterName(text);
  return named?.width === 8 ? named.register : undefined;
};

const EXTENSIONS: Readonly<Record<string, { readonly width: 4 | 8; readonly part: IndexPart }>> = {
  lsl: { width: 8, part: "whole" },
  sxtx: { width: 8, part: "whole" },
  uxtw: { width: 4, part: "low-unsigned" },
  sxtw: { width: 4, part: "low-signed" },
};

function parseIndexed(base: string, indexText: string, extension: string): UsdtLocation | undefined {
  const index = parseRegisterName(indexText);
  const [, name = "", amount = "0"] = /^(\w+)(?:\s+#?([0-3]))?$/.exec(extension) ?? [];
  const known = EXTENSIONS[name];
  if (index === undefined || index.register === "sp" || known?.width !== index.width) return undefined;
  const scale = ([1, 2, 4, 8] as const)[Number(amount)];
  return scale && memoryAt(base, 0n, { register: index.register, part: known.part, scale });
}

function parseMemory(inner: string, places: NamedPlaces): UsdtLocation | undefined {
  const [baseText = "", second = "", ...rest] = inner.split(",").map((part) => part.trim());
  const base = parseAddressRegister(baseText);
  if (base === undefined || rest.length > 1) return undefined;
  if (parseRegisterName(second) !== undefined) return parseIndexed(base, second, rest[0] ?? "lsl");
  if (rest.length > 0) return undefined;
  // The base holds the page of what is named, so the sum is just its address.
  const low = /^#?:lo12:(.+)$/.exec(second)?.[1];
  const sum = second === "" ? { number: 0n, symbol: undefined } : parseSum(low ?? second.replace(/^#/, ""));
  if (low !== undefined) return sum && places.place(sum);
  return sum === undefined || sum.symbol !== undefined ? undefined : memoryAt(base, sum.number);
}

export function parseArm64Operand(text: string, places: NamedPlaces): UsdtOperand {
  const named = parseRegisterName(text);
  if (named !== undefined)
    return { location: { kind: "register", register: named.register, shift: 0 }, width: named.width };
  if (text === "xzr" || text === "wzr")
    return { location: { kind: "constant", value: 0n }, width: text === "wzr" ? 4 : 8 };
  if (/^[bhsdqvz]([12]?\d|3[01])(\.|$)/.test(text)) return placed(unreadable(`a uprobe can't read ${text}`));
  const inner = /^\[([^[\]]*)\]$/.exec(text)?.[1];
  if (inner !== undefined) {
    const location = parseMemory(inner, places);
    return location === undefined ? unknownForm(text) : placed(location);
  }
  const sum = parseSum(text.replace(/^#/, ""));
  if (sum === undefined) return unknownForm(text);
  return placed(sum.symbol === undefined ? { kind: "constant", value: sum.number } : places.place(sum));
}
