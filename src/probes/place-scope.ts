/** What names stand for at an instruction in the middle of a function: the variables that debug data place there. */
import type { VirtualAddress } from "../base/index.js";
import { found, refused } from "../base/index.js";
import type { DwarfVariable, GoBinary, GoType, LocationPiece } from "../binary/index.js";
import type { Address, Location, Piece } from "./location.js";
import type { NamedVariable, Scope } from "./names.js";
import type { RegisterName } from "./plan.js";

/** An instruction, and which of the functions whose code it is the names belong to. */
export interface InstructionPlace {
  readonly address: VirtualAddress;
  /** An instruction among those of the function that the names belong to: the same one, or one that follows it. */
  readonly within: VirtualAddress;
  /** At the beginning of a call only what it was given has a value. */
  readonly names: "parameters" | "variables";
  /** How many calls were inlined around the code: 0 for the function's own. */
  readonly depth: number;
  /** In the source; variables that it declares, or a later one, have no value yet. Undefined where a call was inlined. */
  readonly line: number | undefined;
  /** Of the function whose code holds it. */
  readonly code: { readonly start: VirtualAddress; readonly end: VirtualAddress };
}

/** DWARF's numbers of the amd64 registers, from 0. RSP is named by its own base. */
const DWARF_REGISTERS: readonly (RegisterName | "sp")[] = [
  "ax",
  "dx",
  "cx",
  "bx",
  "si",
  "di",
  "bp",
  "sp",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
];
/** The return address lies between SP and the canonical frame address. */
const RETURN_ADDRESS = 8;

/**
 * The names at a place. Refused: `no-debug-data`, `unknown-argument`, `optimized-away`, `not-yet-set`.
 */
export function placeScope(
  binary: GoBinary,
  place: InstructionPlace,
): { readonly scope: Scope; readonly variables: readonly NamedVariable[] } {
  const dwarf = binary.dwarf();
  const all = dwarf?.scopesAt(place.within)[place.depth]?.variables ?? [];
  const variables = place.names === "variables" ? all : all.filter(({ role }) => role === "parameter");
  const scope: Scope = {
    bind(name) {
      if (dwarf === undefined) {
        return refused(
          "no-debug-data",
          "the binary does not say where variables are in the middle of a function",
          "measure a build that still has its debug data",
        );
      }
      const named = variables.filter((variable) => isCalled(variable, name));
      const variable = named.find((each) => hasValue(each, place.line)) ?? named[0];
      if (variable === undefined) {
        const known = [...new Set(variables.map((each) => each.name.replace(/^&/, "")).filter(isOfSource))];
        return refused(
          "unknown-argument",
          place.names === "variables"
            ? `there is no variable ${name} here`
            : `nothing tells where an argument ${name} is in this copy; results are not known where it begins`,
          known.length === 0 ? undefined : `known are: ${known.join(", ")}`,
        );
      }
      const depth = binary.pclntab.stackDepthAt(place.address);
      const pieces = variable.locationAt(place.address);
      const location = pieces && depth !== undefined ? locationOf(pieces, variable, depth) : undefined;
      if (!hasValue(variable, place.line)) {
        return refused(
          "not-yet-set",
          `${name} has no value yet at this line, which declares it`,
          elsewhere(binary, place, name),
        );
      }
      if (location === undefined) {
        return refused("optimized-away", `${name} is not kept anywhere here`, elsewhere(binary, place, name));
      }
      return bound(variable, location);
    },
  };
  // Of a line's many variables a trace shows those that it is asked for.
  const given = place.names === "parameters" ? variables.filter(({ name }) => name !== "") : [];
  return {
    scope,
    variables: given.map(({ name }) => ({ name, role: "argument", bound: scope.bind(name.replace(/^&/, "")) })),
  };
}

function bound(variable: DwarfVariable, location: Location): ReturnType<Scope["bind"]> {
  const { name, type } = variable;
  if (!name.startsWith("&") || type.kind !== "pointer") {
    return found({ variable, location, through: "nothing", phase: "entry" });
  }
  // What outlives its function is kept in the heap; the compiler's own variable has its address.
  return found({
    variable: { name: name.slice(1), type: type.target() },
    location,
    through: "pointer",
    phase: "entry",
  });
}

/** The compiler's own variable for one in the heap is called by its address. */
const isCalled = (variable: DwarfVariable, name: string): boolean =>
  variable.name === name || variable.name === `&${name}`;

/** FACT(go1.19..go1.27): what the compiler makes of a variable is called by its part of it: `plan.ptr`, `err.itab`. */
const isOfSource = (name: string): boolean => /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) && name !== "_";

/** A parameter has its value from the beginning. */
const hasValue = ({ role, declarationLine }: DwarfVariable, line: number | undefined): boolean =>
  role !== "local" || line === undefined || declarationLine === undefined || declarationLine < line;

/** Undefined when no byte of it is anywhere, or it is somewhere that is not understood. */
function locationOf(pieces: readonly LocationPiece[], variable: DwarfVariable, depth: number): Location | undefined {
  const [only, ...more] = pieces;
  if (only === undefined || pieces.some(({ kind }) => kind === "unknown")) return undefined;
  if (pieces.every(({ kind }) => kind === "absent")) return undefined;
  const whole = more.length === 0 ? addressOf(only, depth) : undefined;
  if (whole !== undefined && variable.isWhole) return { kind: "memory", address: whole };
  const parts = partsOf(variable.type, 0);
  // FACT(go1.19..go1.27): a part's size is told, not where in the value it is; padding between parts is not.
  const complete =
    parts?.length === pieces.length && parts.every(({ size }, index) => (pieces[index]?.size ?? size) === size);
  if (parts === undefined || !complete) return undefined;
  return {
    kind: "pieces",
    pieces: pieces.flatMap((piece, index) => {
      const part = parts[index];
      return part === undefined ? [] : [pieceOf(piece, part, depth)];
    }),
  };
}

interface Part {
  readonly offset: number;
  readonly size: number;
}

/** LIMIT: structs and arrays in each other; damaged debug data may have them without end. */
const MAX_NESTING = 8;

/** What the compiler keeps apart of a value: words of strings and the like, fields of structs. Undefined for what it does not. */
function partsOf(type: GoType, offset: number, nesting = MAX_NESTING): readonly Part[] | undefined {
  const words = (count: number, size: number): readonly Part[] =>
    Array.from({ length: count }, (_, index) => ({ offset: offset + index * size, size }));
  switch (type.kind) {
    case "string":
    case "interface":
      return words(2, 8);
    case "slice":
      return words(3, 8);
    case "complex":
      return words(2, type.size / 2);
    case "struct": {
      const parts: Part[] = [];
      for (const field of type.fields) {
        const inner = nesting === 0 ? undefined : partsOf(field.type, offset + field.offset, nesting - 1);
        if (inner === undefined) return undefined;
        parts.push(...inner);
      }
      return parts;
    }
    case "array":
      if (type.length > 1 || nesting === 0) return undefined;
      return type.length === 0 ? [] : partsOf(type.element(), offset, nesting - 1);
    default:
      return type.size === 0 ? [] : [{ offset, size: type.size }];
  }
}

function pieceOf(
  piece: LocationPiece,
  covered: { readonly offset: number; readonly size: number },
  depth: number,
): Piece {
  const address = addressOf(piece, depth);
  if (address !== undefined) return { ...covered, kind: "memory", address };
  if (piece.kind !== "register") return { ...covered, kind: "absent" };
  const register = DWARF_REGISTERS[piece.register];
  if (register === undefined) return { ...covered, kind: "float-register" };
  return register === "sp" ? { ...covered, kind: "absent" } : { ...covered, kind: "register", register };
}

/** Of a piece that is in memory. `depth`: from SP to the return address. */
function addressOf(piece: LocationPiece, depth: number): Address | undefined {
  switch (piece.kind) {
    case "frame":
      return { base: "stack", offset: depth + RETURN_ADDRESS + piece.offset };
    case "based": {
      const register = DWARF_REGISTERS[piece.register];
      if (register === undefined) return undefined;
      if (register === "sp") return { base: "stack", offset: piece.offset };
      return { base: "register", register, offset: piece.offset };
    }
    case "address":
      return { base: "image", address: piece.address as VirtualAddress };
    default:
      return undefined;
  }
}

/** The nearest line of the same function at which the variable is somewhere, as a hint. */
function elsewhere(binary: GoBinary, place: InstructionPlace, name: string): string | undefined {
  const dwarf = binary.dwarf();
  const { line } = place;
  if (dwarf === undefined || line === undefined) return undefined;
  const file = dwarf.lineAt(place.address)?.file;
  const statements = dwarf
    .statementsIn(place.code.start, place.code.end)
    .filter((statement) => statement.file === file && statement.line !== line)
    .sort((left, right) => Math.abs(left.line - line) - Math.abs(right.line - line));
  for (const statement of statements) {
    const address = statement.address as VirtualAddress;
    const depth = binary.pclntab.stackDepthAt(address);
    const all = dwarf.scopesAt(address)[place.depth]?.variables ?? [];
    const variable = all.find((each) => isCalled(each, name) && hasValue(each, statement.line));
    const pieces = variable?.locationAt(address);
    if (variable === undefined || pieces === undefined || depth === undefined) continue;
    const isWhole = pieces.every(({ kind }) => kind !== "absent");
    if (isWhole && locationOf(pieces, variable, depth) !== undefined) {
      return `at ${file?.split("/").at(-1)}:${statement.line} it can be read`;
    }
  }
  return undefined;
}
