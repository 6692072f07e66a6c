/**
 * The types that a captured interface value is compared with, and the choice among them. An interface can hold anything;
 * what it is likely to hold is what the program puts there itself, what an `any` usually holds, and the package's own types.
 */
import type { GoType } from "../binary/index.js";
import { type CodeBuilder, Label } from "./code-builder.js";
import type { DynamicType } from "./dynamic-types.js";
import { ERRNO, holdsError, rankOfError } from "./error-messages.js";
import type { Surroundings } from "./locate.js";

/** How far into a value capturing goes. */
export interface Reach {
  /** Composites inside one another. */
  readonly depth: number;
  /** Pointers followed one after the other, those in interfaces not counted. */
  readonly pointers: number;
  /** Errors within errors. */
  readonly errors: number;
}

/** LIMIT: what is captured of one value of those that have to share a record. */
export const WHOLE_VALUE: Reach = { depth: 4, pointers: 1, errors: 2 };
/** LIMIT: types that one interface value is compared with; one inside another value, with fewer. */
const CASES = 64;
const INNER_CASES = 12;
/** What an `any` holds most often. */
const BASIC_TYPES = [
  "string",
  "int",
  "int64",
  "bool",
  "float64",
  "int32",
  "uint64",
  "uint32",
  "uint8",
  "[]uint8",
  "time.Duration",
  "time.Time",
  "float32",
  "uint",
  "[]string",
  "*errors.errorString",
];

/** Those first whose values say most. */
export function likelyTypes(
  type: GoType,
  reach: Reach,
  { program, packagePath }: Pick<Surroundings, "program" | "packagePath">,
): readonly DynamicType[] {
  if (type.kind !== "interface" || reach.depth < 2) return [];
  const usual = type.empty
    ? BASIC_TYPES.flatMap((name) => program.typesNamed(name))
    : program.typesIn(type.name).filter(({ type: { name } }) => isWithin(name, reach.errors));
  const ranked = [...usual].sort((left, right) => rankOfError(left.type.name) - rankOfError(right.type.name));
  if (reach.depth < WHOLE_VALUE.depth || reach.errors < WHOLE_VALUE.errors) {
    return ranked.filter(({ type }) => isShort(type)).slice(0, INNER_CASES);
  }
  // What else it holds is often of the package's own types.
  const known = new Set(ranked.map(({ descriptor }) => descriptor));
  const own = program.typesOf(packagePath).filter(({ descriptor }) => !known.has(descriptor));
  return [...ranked, ...own].slice(0, CASES);
}

/** What says something within another value: of larger things the type does. */
const isShort = (type: GoType): boolean =>
  (type.kind !== "struct" && type.kind !== "pointer") ||
  type.name === "time.Time" ||
  holdsError(type.name) !== undefined;

/**
 * Whether errors of a type are looked at with so many levels of errors left: the one inside another is a system call's or
 * has a message of its own, the one inside that is a system error.
 */
function isWithin(typeName: string, errors: number): boolean {
  if (errors === WHOLE_VALUE.errors) return true;
  return errors === 0 ? typeName === ERRNO : typeName === "*os.SyscallError" || holdsError(typeName) === false;
}

/** Jumps to the label of the type whose descriptor is in a variable, to the end if there is none; they are in order. */
export function emitChoice(
  to: CodeBuilder,
  types: readonly { readonly descriptor: DynamicType["descriptor"]; readonly label: Label }[],
  places: { readonly descriptor: number; readonly end: Label },
): void {
  const middle = types[types.length >> 1];
  if (middle === undefined) {
    to.jump(places.end);
    return;
  }
  const below = new Label();
  const variable = places.descriptor;
  to.emit({ op: "image", address: middle.descriptor }, { op: "compare", relation: "==", variable, signed: false });
  to.jumpIf(middle.label);
  to.emit({ op: "image", address: middle.descriptor }, { op: "compare", relation: ">", variable, signed: false });
  to.jumpIf(below);
  emitChoice(to, types.slice((types.length >> 1) + 1), places);
  to.place(below);
  emitChoice(to, types.slice(0, types.length >> 1), places);
}
