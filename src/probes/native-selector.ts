/**
 * PROBEs that name what is not Go's: `usdt:PROVIDER:NAME`, `c:SYMBOL`, `c:LIBRARY:SYMBOL`, and spans between two of the
 * first kind; stars are allowed in every part. What they mean in a program: notes and symbols of all its files.
 */
import { basename } from "node:path";
import { UnmeasurableError, UsageError, type VirtualAddress } from "../base/index.js";
import type { RefusedNote, UsdtNote } from "../binary/index.js";
import { type CodeFile, type NativeFunction, nearestNames, type Program } from "../symbols/index.js";
import { matchesGlob } from "./glob.js";

export interface UsdtSelector {
  readonly kind: "usdt";
  readonly provider: string;
  readonly name: string;
}

export type NativeSelector =
  | UsdtSelector
  /** `library` undefined: whichever file has it. */
  | { readonly kind: "function"; readonly library: string | undefined; readonly symbol: string }
  | { readonly kind: "span"; readonly from: UsdtSelector; readonly to: UsdtSelector };

/** All places of one USDT probe, whatever files they are in; at least one, refused or not. */
export interface UsdtMatch {
  readonly provider: string;
  readonly probe: string;
  /** `usdt:provider:probe` */
  readonly name: string;
  readonly places: readonly { readonly file: CodeFile; readonly note: UsdtNote }[];
  readonly refused: readonly { readonly file: CodeFile; readonly note: RefusedNote }[];
}

export interface FunctionMatch {
  /** `c:symbol`, or `c:library:symbol` where the library was named, or several files have the symbol. */
  readonly name: string;
  readonly file: CodeFile;
  readonly function: NativeFunction;
}

const isNative = (probe: string): boolean => /^(?:usdt|c):/.test(probe);

/** Whether one of these PROBEs may be in a shared library. */
export const reachesLibraries = (probes: readonly string[]): boolean => probes.some(isNative);

/** What a PROBE says; undefined where it speaks of Go. @throws UsageError for a malformed one */
export function parseNativeSelector(probe: string): NativeSelector | undefined {
  if (!isNative(probe)) return undefined;
  const between = probe.indexOf("..");
  if (between >= 0) return parseSpan(probe, between);
  const [kind, ...parts] = probe.split(":");
  if (parts.length > 2 || parts.includes("")) {
    const form = kind === "c" ? "c:SYMBOL or c:LIBRARY:SYMBOL" : "usdt:PROVIDER:NAME";
    const mangled = probe.includes("::") ? "; functions of C++ go by their mangled names, as nm prints them" : "";
    throw new UsageError(`malformed probe ${probe}`, { hint: `it has the form ${form}${mangled}` });
  }
  const [first = "*", second] = parts;
  if (kind === "usdt") return { kind: "usdt", provider: first, name: second ?? "*" };
  return second === undefined
    ? { kind: "function", library: undefined, symbol: first }
    : { kind: "function", library: first, symbol: second };
}

function parseSpan(probe: string, between: number): NativeSelector {
  const from = spanEnd(probe.slice(0, between), probe);
  const to = spanEnd(probe.slice(between + "..".length), probe);
  if (from.provider !== to.provider || from.name !== to.name) return { kind: "span", from, to };
  // Of two probes on one instruction the kernel decides which is seen first.
  throw new UsageError(`malformed span ${probe}`, { hint: "it lies between two different probes" });
}

function spanEnd(text: string, probe: string): UsdtSelector {
  const end = text.includes("..") ? undefined : parseNativeSelector(text);
  if (end?.kind === "usdt" && !`${end.provider}${end.name}`.includes("*")) return end;
  throw new UsageError(`malformed span ${probe}`, {
    hint: "it lies between two USDT probes: usdt:PROVIDER:NAME..usdt:PROVIDER:NAME",
  });
}

const filesOf = ({ main, libraries }: Program): readonly CodeFile[] => [main, ...libraries];

const hasStar = (text: string): boolean => text.includes("*");

// LIMIT: names offered in place of one that does not exist.
const NEAREST = 5;

type Writable<T> = T extends readonly (infer Element)[] ? Element[] : T;

/**
 * The USDT probes that a selector names, by name; at least one.
 * @throws UnmeasurableError `no-match`, with the nearest names
 */
export function findUsdtProbes({ provider, name }: UsdtSelector, program: Program): readonly UsdtMatch[] {
  const [isProvider, isName] = [matchesGlob(provider), matchesGlob(name)];
  const all = usdtProbes(program);
  const named = all.filter((each) => isProvider(each.provider) && isName(each.probe));
  if (named.length > 0) return named;
  const text = `usdt:${provider}:${name}`;
  const subject = hasStar(text) ? `no USDT probe matches ${text}` : `no USDT probe is called ${text}`;
  const names = all.map((each) => each.name);
  throw new UnmeasurableError("no-match", subject, { hint: explainNoProbe(text, names, program) });
}

/** All there are, by name. */
export function usdtProbes(program: Program): readonly UsdtMatch[] {
  const all = new Map<string, { readonly [Key in keyof UsdtMatch]: Writable<UsdtMatch[Key]> }>();
  const probeOf = (note: { readonly provider: string; readonly name: string }) => {
    const full = `usdt:${note.provider}:${note.name}`;
    const probe = all.get(full) ?? { provider: note.provider, probe: note.name, name: full, places: [], refused: [] };
    all.set(full, probe);
    return probe;
  };
  for (const file of filesOf(program)) {
    for (const note of file.usdt.notes) probeOf(note).places.push({ file, note });
    for (const note of file.usdt.refused) {
      const { provider: by, name: called } = note;
      if (by !== undefined && called !== undefined)
        probeOf({ provider: by, name: called }).refused.push({ file, note });
    }
  }
  return [...all.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
}

function explainNoProbe(text: string, names: readonly string[], { libraries }: Program): string {
  if (names.length === 0) {
    const [only, ...more] = libraries;
    if (only === undefined) return "its file has none";
    const loaded = more.length === 0 ? "the library it loads has" : `the ${libraries.length} libraries it loads have`;
    return `neither its file nor ${loaded} any`;
  }
  const nearest = nearestNames(names, text, NEAREST);
  return nearest.length > 0 ? `did you mean ${nearest.join(", ")}?` : "gospect list 'usdt:*' shows those there are";
}

/** Whether a file is what a user calls a library: by its path, its name, or its name up to `.so`. */
function isCalled(library: string, { elf }: CodeFile): boolean {
  const name = basename(elf.path);
  const matches = matchesGlob(library);
  return matches(elf.path) || matches(name) || matches(name.replace(/\.so\b.*$/, ""));
}

/**
 * The C functions that a selector names, in the order of the files and of their addresses; at least one.
 * @throws UnmeasurableError `no-match`, with the nearest names
 */
export function findNativeFunctions(
  { library, symbol }: NativeSelector & { readonly kind: "function" },
  program: Program,
): readonly FunctionMatch[] {
  const files = filesOf(program).filter((file) => library === undefined || isCalled(library, file));
  if (files.length === 0) {
    const known = filesOf(program).map(({ elf }) => basename(elf.path));
    throw new UnmeasurableError("no-match", `no library is called ${library}`, {
      hint: `there are ${known.join(", ")}`,
    });
  }
  const matches = matchesGlob(symbol);
  const found = files.flatMap((file) => {
    const functions = hasStar(symbol)
      ? // Go's own are in the same table, and are none: whoever names one is told.
        file.functions.all().filter(({ name, address }) => matches(name) && !isGo(file, address))
      : file.functions.find(symbol);
    return functions.map((fn) => ({ file, function: fn }));
  });
  if (found.length === 0) throw noFunction(library, symbol, files);
  const several = new Set(found.map(({ file }) => file)).size > 1;
  return found.map(({ file, function: fn }) => {
    const own = fn.isDefault ? fn.name : `${fn.name}@${fn.version}`;
    const place = library !== undefined && !hasStar(library) ? library : several ? basename(file.elf.path) : undefined;
    return { name: place === undefined ? `c:${own}` : `c:${place}:${own}`, file, function: fn };
  });
}

const isGo = ({ go }: CodeFile, address: VirtualAddress): boolean => go?.symbols.findByAddress(address) !== undefined;

/** Of names in a file's tables: whether one has a function that is not Go's. */
const isOfC =
  (file: CodeFile) =>
  (name: string): boolean =>
    file.functions.find(name).some(({ address }) => !isGo(file, address));

function noFunction(library: string | undefined, symbol: string, files: readonly CodeFile[]): UnmeasurableError {
  const where = library === undefined ? "" : ` in ${files.map(({ elf }) => basename(elf.path)).join(", ")}`;
  const subject = hasStar(symbol)
    ? `no C function matches ${symbol}${where}`
    : `no C function is called ${symbol}${where}`;
  const nearest = hasStar(symbol)
    ? []
    : files.flatMap((file) => file.functions.nearest(symbol, NEAREST).filter(isOfC(file))).slice(0, NEAREST);
  return new UnmeasurableError("no-match", subject, {
    hint:
      nearest.length > 0
        ? `did you mean ${nearest.map((name) => `c:${name}`).join(", ")}?`
        : "gospect list 'c:*' shows those there are",
  });
}
