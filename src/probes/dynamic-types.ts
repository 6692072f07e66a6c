/**
 * Which types an interface may hold, and what the planner must know of the program as a whole: package variables and how
 * its release lays out what the language hides.
 */
import { FormatError, type VirtualAddress } from "../base/index.js";
import type { GoBinary, GoType, RuntimeTypes } from "../binary/index.js";
import type { PackageVariable, SymbolTable } from "../symbols/index.js";
import type { MapLayout } from "./map-search.js";

/** A type that an interface may hold. */
export interface DynamicType {
  readonly type: GoType;
  /** Of its descriptor: the first word of an `any`, and the second one of an itab. */
  readonly descriptor: VirtualAddress;
}

/** What expressions need to know of a program beyond the probed function. */
export interface ProgramFacts {
  readonly mapLayout: MapLayout;
  /** Where the offsets of types' names count from; undefined where the release's type data are not known. */
  readonly typeData: VirtualAddress | undefined;
  /** Descriptors of the type with this name, import path included. */
  typesNamed(name: string): readonly DynamicType[];
  /** Types that the program itself puts into interfaces of this type. */
  typesIn(interfaceName: string): readonly DynamicType[];
  /** Types that a package declares and pointers to its structs; not interfaces, which no interface holds. */
  typesOf(packagePath: string): readonly DynamicType[];
  /** As SymbolTable has them. */
  variable(name: string): PackageVariable | undefined;
  nearestVariables(name: string): readonly string[];
}

/** Of probes that are not in Go code. */
export const NO_PROGRAM_FACTS: ProgramFacts = {
  mapLayout: "groups",
  typeData: undefined,
  typesNamed: () => [],
  typesIn: () => [],
  typesOf: () => [],
  variable: () => undefined,
  nearestVariables: () => [],
};

/** LIMIT: names offered in place of a variable that does not exist. */
const NEAREST = 3;

/** Looks up what is asked for, each time anew but for the types in interfaces. Damaged type data count as none. */
export function programFacts(binary: GoBinary, symbols: SymbolTable): ProgramFacts {
  const types = (): RuntimeTypes | undefined => binary.runtimeTypes();
  const known = new Map<string, readonly DynamicType[]>();
  const described = (addresses: readonly VirtualAddress[]): readonly DynamicType[] =>
    addresses.flatMap((descriptor) => {
      const type = types()?.typeAt(descriptor);
      return type === undefined ? [] : [{ type, descriptor }];
    });
  const inside = (interfaceName: string): readonly DynamicType[] => {
    const interfaces = new Set(types()?.addressesOf(interfaceName) ?? []);
    const concrete = (types()?.itabs() ?? []).filter((itab) => interfaces.has(itab.interface));
    return described([...new Set(concrete.map((itab) => itab.concrete))]);
  };
  const declared = (packagePath: string): readonly DynamicType[] => {
    const isOwn = (name: string): boolean => name.startsWith(`${packagePath}.`) || name.startsWith(`*${packagePath}.`);
    return described([...(types()?.types() ?? [])]).filter(
      ({ type }) =>
        isOwn(type.name) && type.kind !== "interface" && (type.kind !== "pointer" || type.target().kind === "struct"),
    );
  };
  const once = (key: string, read: () => readonly DynamicType[]): readonly DynamicType[] => {
    const found = known.get(key) ?? orNone(read);
    known.set(key, found);
    return found;
  };
  return {
    mapLayout: mapLayoutOf(binary),
    typeData: types() === undefined ? undefined : binary.moduledata.types,
    typesNamed: (name) => orNone(() => described(types()?.addressesOf(name) ?? [])),
    typesIn: (name) => once(`in ${name}`, () => inside(name)),
    typesOf: (packagePath) => once(`of ${packagePath}`, () => declared(packagePath)),
    variable: (name) => symbols.variable(name),
    nearestVariables: (name) => symbols.nearestVariables(name, NEAREST),
  };
}

function orNone<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof FormatError) return [];
    throw error;
  }
}

/** FACT(go1.24..go1.27): maps are Swiss ones, unless an experiment, which the version then names, says otherwise. */
function mapLayoutOf({ version }: GoBinary): MapLayout {
  if ((version.major === 1 && version.minor < 24) || version.text.includes("noswissmap")) return "buckets";
  return version.text.includes("mapsplitgroup") ? "split-groups" : "groups";
}

/** Whether an interface holds such a value itself in its second word, not its address. */
export function isDirectInInterfaces(type: GoType): boolean {
  switch (type.kind) {
    case "pointer":
    case "opaque-pointer":
    case "map":
    case "chan":
    case "func":
      return true;
    case "array":
      return type.length === 1 && isDirectInInterfaces(type.element());
    case "struct": {
      const [only, ...others] = type.fields;
      return only !== undefined && others.length === 0 && isDirectInInterfaces(only.type);
    }
    default:
      return false;
  }
}
