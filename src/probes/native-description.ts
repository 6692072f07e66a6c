/** What `list` says of USDT probes and C functions, whether they can be probed or not: where they are, and what they are given. */
import { basename } from "node:path";
import { found, type Outcome, type VirtualAddress } from "../base/index.js";
import type { RefusedNote, UsdtArgument, UsdtNote } from "../binary/index.js";
import type { CodeFile, NativeFunction, Program } from "../symbols/index.js";
import type { DescribedVariable } from "./description.js";
import { refuseGoFunction } from "./native-candidates.js";
import {
  type FunctionMatch,
  findNativeFunctions,
  findUsdtProbes,
  type NativeSelector,
  type UsdtMatch,
  usdtProbes,
} from "./native-selector.js";
import { findFunctionSites, findUsdtSite } from "./native-sites.js";
import type { Site } from "./plan.js";

/** Where a uprobe would sit. */
export type DescribedSite = Outcome<Pick<Site, "offset" | "instruction">>;

/** One note of a USDT probe. */
export interface DescribedPlace {
  readonly address: VirtualAddress;
  readonly site: DescribedSite;
  /** `arg0` …, with the note's own words for their locations. */
  readonly arguments: readonly DescribedVariable[];
  readonly semaphore: UsdtNote["semaphore"];
}

/** A USDT probe as one file has it. */
export interface UsdtDescription {
  readonly kind: "usdt";
  /** `usdt:provider:probe` */
  readonly name: string;
  /** Undefined: of a note that is too damaged to tell. */
  readonly provider: string | undefined;
  readonly probe: string | undefined;
  readonly file: CodeFile;
  /** In the order of their addresses; none where all notes of the name are damaged. */
  readonly places: readonly DescribedPlace[];
  readonly damaged: readonly RefusedNote[];
}

export interface NativeFunctionDescription {
  readonly kind: "c";
  readonly name: string;
  readonly file: CodeFile;
  readonly function: NativeFunction;
  readonly site: DescribedSite;
}

export type NativeDescription = UsdtDescription | NativeFunctionDescription;

/** A probe by its place alone. */
export interface PlacedNative {
  readonly kind: NativeDescription["kind"];
  readonly name: string;
  readonly file: CodeFile;
  /** Undefined where no note of the name can be read. */
  readonly address: VirtualAddress | undefined;
  readonly size: number;
}

/** `all`: of the main file the USDT probes, and where it is no Go program the C functions. */
export type NativeSelection = readonly NativeSelector[] | "all";

/**
 * What is selected: USDT probes, by name, then C functions; each file's by itself, and each once.
 * @throws UnmeasurableError as the selectors do where nothing matches
 */
export function* describeNative(program: Program, selection: NativeSelection): Generator<NativeDescription> {
  const { probes, functions } = select(program, selection);
  for (const probe of probes) yield describeProbe(probe);
  for (const { name, file, function: fn } of functions) {
    yield { kind: "c", name, file, function: fn, site: functionSite(file, fn) };
  }
}

function functionSite(file: CodeFile, fn: NativeFunction): DescribedSite {
  const refusal = refuseGoFunction(file, fn.address);
  if (refusal !== undefined) return { ok: false, refusal };
  const sites = findFunctionSites(file, fn);
  return sites.ok ? found(sites.value.entry) : sites;
}

/** The same, of which no code is looked at. */
export function* placeNative(program: Program, selection: NativeSelection): Generator<PlacedNative> {
  const { probes, functions } = select(program, selection);
  for (const { name, file, notes } of probes) {
    yield { kind: "usdt", name, file, address: notes[0]?.address, size: 0 };
  }
  for (const { name, file, function: fn } of functions) {
    yield { kind: "c", name, file, address: fn.address, size: fn.size };
  }
}

/** The notes of one name in one file, in the order of their addresses. */
interface ProbeInFile {
  readonly name: string;
  readonly provider: string | undefined;
  readonly probe: string | undefined;
  readonly file: CodeFile;
  readonly notes: readonly UsdtNote[];
  readonly damaged: readonly RefusedNote[];
}

interface Selected {
  readonly probes: readonly ProbeInFile[];
  readonly functions: Iterable<FunctionMatch>;
}

function select(program: Program, selection: NativeSelection): Selected {
  if (selection === "all") {
    const probes = [...usdtProbes(program).flatMap(perFile), ...nameless(program)];
    const all = program.main.go === undefined ? program.main.functions.all() : [];
    return { probes, functions: all.map((fn) => ({ name: nameOf(fn), file: program.main, function: fn })) };
  }
  const probes = new Map<string, UsdtMatch>();
  const functions = new Map<string, FunctionMatch>();
  let damaged: readonly ProbeInFile[] = [];
  for (const selector of selection) {
    if (selector.kind === "function") {
      for (const match of findNativeFunctions(selector, program)) {
        functions.set(`${match.name} ${match.function.address} ${match.file.access}`, match);
      }
      continue;
    }
    for (const end of selector.kind === "span" ? [selector.from, selector.to] : [selector]) {
      for (const match of findUsdtProbes(end, program)) probes.set(match.name, match);
      if (end.provider === "*" && end.name === "*") damaged = nameless(program);
    }
  }
  return { probes: [...[...probes.values()].flatMap(perFile), ...damaged], functions: functions.values() };
}

/** As a PROBE names it alone. */
const nameOf = ({ name, version, isDefault }: NativeFunction): string =>
  isDefault || version === undefined ? `c:${name}` : `c:${name}@${version}`;

function perFile({ name, provider, probe, places, refused: damaged }: UsdtMatch): readonly ProbeInFile[] {
  const files = new Set([...places, ...damaged].map(({ file }) => file));
  return Array.from(files, (file) => ({
    name,
    provider,
    probe,
    file,
    notes: places
      .flatMap((place) => (place.file === file ? [place.note] : []))
      .sort((left, right) => left.address - right.address),
    damaged: damaged.flatMap((each) => (each.file === file ? [each.note] : [])),
  }));
}

/** Notes so damaged that nothing tells their names. */
const nameless = ({ main, libraries }: Program): readonly ProbeInFile[] =>
  [main, ...libraries].flatMap((file) =>
    file.usdt.refused.flatMap((note): ProbeInFile[] => {
      const { index, provider, name: probe } = note;
      if (provider !== undefined && probe !== undefined) return [];
      const name = `usdt:${provider ?? "?"}:${probe ?? "?"} (note ${index} of ${basename(file.elf.path)})`;
      return [{ name, provider, probe, file, notes: [], damaged: [note] }];
    }),
  );

const describeProbe = ({ notes, ...known }: ProbeInFile): UsdtDescription => ({
  kind: "usdt",
  ...known,
  places: notes.map((note) => ({
    address: note.address,
    site: findUsdtSite(known.file, note),
    arguments: note.arguments.map(describeArgument),
    semaphore: note.semaphore,
  })),
});

function describeArgument(argument: UsdtArgument, index: number): DescribedVariable {
  const { text, size, signed, location } = argument;
  return {
    name: `arg${index}`,
    type: FLOAT.test(text) ? `float${8 * size}` : `${signed ? "int" : "uint"}${8 * size}`,
    location: text.slice(text.indexOf("@") + 1),
    ...(location.kind === "unreadable" ? { unreadable: location.reason } : {}),
  };
}

/** A size that says so, or a register that holds nothing else. */
const FLOAT = /^-?\d+f@|%[xyz]mm/;
