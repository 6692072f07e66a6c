/**
 * What names in expressions stand for outside Go: arguments of USDT probes, where their notes say, and of C functions,
 * where the System V calling convention puts them.
 */
import { found, type Outcome, refused } from "../base/index.js";
import type { GoType, Machine, UsdtArgument, UsdtNote } from "../binary/index.js";
import type { Code } from "./code.js";
import { addressSteps, type Location, type ScaledIndex } from "./location.js";
import type { Bound, NamedVariable, Scope } from "./names.js";
import type { RegisterName } from "./plan.js";

const WORD = 8;

const integer = (size: UsdtArgument["size"], signed: boolean): GoType => ({
  kind: "int",
  name: `${signed ? "int" : "uint"}${8 * size}`,
  size,
  signed,
});

const LONG = integer(WORD, true);

/** Registers of a note by their names in a plan; RSP is none of them. */
const REGISTERS: Readonly<Record<string, RegisterName>> = {
  rax: "ax",
  rbx: "bx",
  rcx: "cx",
  rdx: "dx",
  rdi: "di",
  rsi: "si",
  rbp: "bp",
  r8: "r8",
  r9: "r9",
  r10: "r10",
  r11: "r11",
  r12: "r12",
  r13: "r13",
  r14: "r14",
  r15: "r15",
};

/** What the value of an argument is at every place of its probe: places may differ in width and sign. */
export type ArgumentTypes = readonly GoType[];

/** The narrowest integer that holds what any of the places has; that of most arguments is the same everywhere. */
export function argumentTypes(places: readonly UsdtNote[]): ArgumentTypes {
  const count = Math.max(0, ...places.map((note) => note.arguments.length));
  return Array.from({ length: count }, (_, index) => {
    const all = places.flatMap((note) => note.arguments[index] ?? []);
    const [first, ...others] = all;
    if (first === undefined) return LONG;
    if (others.every(({ size, signed }) => size === first.size && signed === first.signed)) {
      return integer(first.size, first.signed);
    }
    return integer(WORD, !all.every(({ signed }) => !signed));
  });
}

/** `argN` of one place. */
export const usdtScope = (note: UsdtNote, types: ArgumentTypes, arch: Machine): Scope => ({
  bind: (name) => bindArgument(name, "arg", note, types, arch, "entry"),
});

/** What a trace shows of one place unasked. */
export const usdtVariables = (note: UsdtNote, types: ArgumentTypes, arch: Machine): readonly NamedVariable[] =>
  types.map((_, index) => ({
    name: `arg${index}`,
    role: "argument",
    bound: bindArgument(`arg${index}`, "arg", note, types, arch, "entry"),
  }));

/** One end of a span, as the scope of both: `argN` are the arguments of its beginning, `retN` those of its end. */
export interface SpanEnd {
  readonly note: UsdtNote;
  readonly types: ArgumentTypes;
}

/** What names mean in a span: `argN` at its beginning, `retN` at its end. */
export const spanScope = (begin: SpanEnd, end: SpanEnd, arch: Machine): Scope => ({
  bind: (name) =>
    name.startsWith("ret")
      ? bindArgument(name, "ret", end.note, end.types, arch, "return")
      : bindArgument(name, "arg", begin.note, begin.types, arch, "entry"),
});

/** All arguments of both ends, as a trace shows them unasked. */
export const spanVariables = (begin: SpanEnd, end: SpanEnd, arch: Machine): readonly NamedVariable[] => [
  ...usdtVariables(begin.note, begin.types, arch),
  ...end.types.map(
    (_, index): NamedVariable => ({
      name: `ret${index}`,
      role: "result",
      bound: bindArgument(`ret${index}`, "ret", end.note, end.types, arch, "return"),
    }),
  ),
];

function bindArgument(
  name: string,
  prefix: "arg" | "ret",
  note: UsdtNote,
  types: ArgumentTypes,
  arch: Machine,
  phase: Bound["phase"],
): Outcome<Bound> {
  const number = new RegExp(`^${prefix}(\\d+)$`).exec(name)?.[1];
  const index = number === undefined ? -1 : Number(number);
  const argument = note.arguments[index];
  const type = types[index];
  if (argument === undefined || type === undefined) {
    const known = types.map((each, at) => `${prefix}${at} ${each.name}`).join(", ");
    return refused("unknown-argument", `it has no argument ${name}`, known === "" ? "it has no arguments" : known);
  }
  if (arch !== "amd64") return refused("unsupported-machine", `arguments are not read on ${arch} yet`);
  const location = locationOf(argument, type);
  if (location.ok) return found({ variable: { name, type }, location: location.value, through: "nothing", phase });
  return { ok: false, refusal: { ...location.refusal, by: name } };
}

/** Where an argument is, as a value of a type that may be wider than it is itself. */
function locationOf(argument: UsdtArgument, type: GoType): Outcome<Location> {
  const { location, size, signed } = argument;
  const own = integer(size, signed);
  const plain = plainLocation(argument);
  if (!plain.ok || type.name === own.name) return plain;
  switch (plain.value.kind) {
    case "computed":
      return plain;
    case "memory": {
      const { steps, offset } = addressSteps(plain.value.address);
      return computed([...steps, { op: "load", offset, size, signed }]);
    }
    case "pieces":
      return location.kind === "register" ? register(location.register, 0, size, signed) : plain;
  }
}

const computed = (steps: Code): Outcome<Location> => found({ kind: "computed", steps });

function register(name: string, shift: 0 | 8, size: UsdtArgument["size"], signed: boolean): Outcome<Location> {
  const known = REGISTERS[name];
  return computed([
    known === undefined ? { op: "stack", offset: 0 } : { op: "register", register: known },
    ...(shift === 0 ? [] : [{ op: "shift-right", by: shift, signed: false } as const]),
    ...(size === WORD ? [] : [{ op: "truncate", size, signed } as const]),
  ]);
}

function plainLocation({ location, size, signed, text }: UsdtArgument): Outcome<Location> {
  switch (location.kind) {
    case "unreadable":
      return refused("unreadable-argument", `${text}: ${location.reason}`);
    case "constant":
      return computed([{ op: "set", value: location.value }]);
    case "image":
      return found({ kind: "memory", address: { base: "image", address: location.address } });
    case "register": {
      const known = REGISTERS[location.register];
      if (known === undefined || location.shift !== 0) return register(location.register, location.shift, size, signed);
      return found({ kind: "pieces", pieces: [{ kind: "register", register: known, offset: 0, size }] });
    }
    case "memory": {
      const { base, index, scale, displacement } = location;
      const scaled = index === undefined ? undefined : scaledIndex(index, scale);
      const indexed = scaled === undefined ? {} : { index: scaled };
      if (base === undefined) {
        return computed([
          { op: "set", value: BigInt(displacement) },
          ...(scaled === undefined ? [] : [{ op: "add-register", ...scaled } as const]),
          { op: "load", offset: 0, size, signed },
        ]);
      }
      const known = REGISTERS[base];
      return found({
        kind: "memory",
        address:
          known === undefined
            ? { base: "stack", offset: displacement, ...indexed }
            : { base: "register", register: known, offset: displacement, ...indexed },
      });
    }
  }
}

const SHIFTS: Readonly<Record<1 | 2 | 4 | 8, ScaledIndex["shift"]>> = { 1: 0, 2: 1, 4: 2, 8: 3 };

/** RSP is no index in any instruction. */
function scaledIndex(index: string, scale: 1 | 2 | 4 | 8): ScaledIndex | undefined {
  const known = REGISTERS[index];
  return known === undefined ? undefined : { register: known, shift: SHIFTS[scale] };
}

/** FACT(System V ABI, amd64): integer and pointer arguments. */
const ARGUMENT_REGISTERS: readonly RegisterName[] = ["di", "si", "dx", "cx", "r8", "r9"];
const RETURN_REGISTER: RegisterName = "ax";

/**
 * `argN` and `ret` of a C function. Nothing tells what they are: each is taken for the 64 bits of its register, or of its
 * word on the stack.
 */
export const functionScope = (arch: Machine): Scope => ({ bind: (name) => bindOfFunction(name, arch) });

function bindOfFunction(name: string, arch: Machine): Outcome<Bound> {
  const number = /^arg(\d{1,2})$/.exec(name)?.[1];
  if (number === undefined && name !== "ret") {
    return refused(
      "unknown-argument",
      `a C function has no argument called ${name}`,
      "arg0, arg1 … and ret are 64 bits each: str(arg0) is the string at an address, int32(ret) an int",
    );
  }
  if (arch !== "amd64") return refused("unsupported-machine", `arguments are not read on ${arch} yet`);
  const bound = (phase: Bound["phase"], location: Location) =>
    found({ variable: { name, type: LONG }, location, through: "nothing", phase } as const);
  const inRegister = (register: RegisterName): Location => ({
    kind: "pieces",
    pieces: [{ kind: "register", register, offset: 0, size: WORD }],
  });
  if (number === undefined) return bound("return", inRegister(RETURN_REGISTER));
  const register = ARGUMENT_REGISTERS[Number(number)];
  if (register !== undefined) return bound("entry", inRegister(register));
  // Behind the return address.
  const offset = WORD * (Number(number) - ARGUMENT_REGISTERS.length + 1);
  return bound("entry", { kind: "memory", address: { base: "stack", offset } });
}
