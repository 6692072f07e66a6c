/**
 * PROBE arguments of the command line: which functions of the binary one means. A symbol is taken verbatim first,
 * because Go's symbols contain stars and brackets of their own; only then as a pattern.
 */
import { messageOf, UnmeasurableError, UsageError } from "../base/index.js";
import type { GoFunction, InlinedCopy, SymbolTable } from "../symbols/index.js";
import { matchesParts } from "./glob.js";

/** Kinds of PROBE that name no Go function. */
const OTHER_KINDS: readonly { readonly form: RegExp; readonly why: string }[] = [
  { form: /^usdt:/, why: "a USDT probe is no function" },
  { form: /^c:/, why: "a C function is no function of Go" },
  { form: /\.go:\d+$/, why: "a source line is no function" },
  { form: /[^.]\.\.[^.]/, why: "only USDT probes can be the ends of a span: usdt:PROVIDER:NAME..usdt:PROVIDER:NAME" },
];

/** Whether one of these PROBEs may be in a shared library: USDT probes and C functions, and spans of the former. */
export const reachesLibraries = (probes: readonly string[]): boolean =>
  probes.some((probe) => /^(?:usdt|c):/.test(probe));

/**
 * Bodies of the functions a PROBE names, in address order; at least one.
 * @throws UsageError for a malformed regular expression; UnmeasurableError `no-match`, with the nearest names,
 * `inlined-everywhere` or `not-supported`.
 */
export function resolveSelector(selector: string, symbols: SymbolTable): readonly GoFunction[] {
  const verbatim = symbols.findByName(selector);
  if (verbatim.length > 0) return verbatim;
  const matches = patternOf(selector);
  const functions = matches === undefined ? [] : Array.from(symbols.functions()).filter((fn) => matches(fn.name));
  if (functions.length > 0) return functions;
  throw explainAbsence(selector, matches, symbols);
}

/** What a PROBE names: bodies, or where there are none the functions that were inlined wherever they are called. */
export interface NamedFunctions {
  readonly bodies: readonly GoFunction[];
  readonly inlined: ReadonlySet<string>;
}

/** As resolveSelector, but functions without a body of their own are told by name. */
export function resolveProbe(selector: string, symbols: SymbolTable): NamedFunctions {
  try {
    return { bodies: resolveSelector(selector, symbols), inlined: new Set() };
  } catch (error) {
    if (!(error instanceof UnmeasurableError) || error.code !== "inlined-everywhere") throw error;
    const matches = patternOf(selector);
    return {
      bodies: [],
      inlined: new Set(symbols.inlinedPlaces(inlinedCandidates(selector, matches, symbols)).keys()),
    };
  }
}

const inlinedCandidates = (selector: string, matches: Pattern | undefined, symbols: SymbolTable): ReadonlySet<string> =>
  new Set(matches === undefined ? [selector] : Array.from(symbols.inlinedNames()).filter(matches));

type Pattern = (name: string) => boolean;

/** The pattern a selector stands for; undefined for a plain name. */
function patternOf(selector: string): Pattern | undefined {
  if (selector.length > 1 && selector.startsWith("/") && selector.endsWith("/")) {
    const expression = parseRegExp(selector);
    return (name) => expression.test(name);
  }
  for (const { form, why } of OTHER_KINDS) {
    if (form.test(selector)) {
      throw new UnmeasurableError("not-supported", `${selector}: ${why}`, {
        hint: "name a Go function, a glob or a /regular expression/",
      });
    }
  }
  if (selector.endsWith("/...")) {
    const path = selector.slice(0, -"/...".length);
    return (name) => name.startsWith(`${path}.`) || name.startsWith(`${path}/`);
  }
  return PATTERN.test(selector) ? globPattern(selector) : undefined;
}

/** A star that is not a pointer receiver's, or all instances of a generic function. */
const PATTERN = /(?<!\()\*|\*(?![\p{L}_])|\[\.\.\.\]/u;

function parseRegExp(selector: string): RegExp {
  try {
    return new RegExp(selector.slice(1, -1), "u");
  } catch (cause) {
    const detail = messageOf(cause).split(": ").at(-1);
    throw new UsageError(`malformed regular expression ${selector}: ${detail}`, {
      hint: "a regular expression stands between slashes: '/^main\\.handle/'",
      cause,
    });
  }
}

/** A star stands for anything, dots and slashes included; the star of a pointer receiver, `(*Store)`, for itself. */
function globPattern(selector: string): Pattern {
  const literals = [""];
  for (const [part] of selector.matchAll(/\[\.\.\.\]|\(\*(?=[\p{L}_])|\*|[^*[(]+|[[(]/gu)) {
    const last = literals.pop() ?? "";
    if (part === "*") literals.push(last, "");
    // All instances of a generic function, whether the symbol spells them out or not.
    else if (part === "[...]") literals.push(`${last}[`, "]");
    else literals.push(last + part);
  }
  return (name) => matchesParts(name, literals);
}

/** What helps where a function is inlined wherever it is called. */
export const INSTEAD_OF_INLINED = "measure a function that calls it, or build with //go:noinline above it";

// LIMIT: names offered in place of one that does not exist.
const NEAREST = 5;

// LIMIT: places of inlined copies named in a message.
const PLACES = 3;

function explainAbsence(selector: string, matches: Pattern | undefined, symbols: SymbolTable): UnmeasurableError {
  const inlined = symbols.inlinedPlaces(inlinedCandidates(selector, matches, symbols));
  if (inlined.size > 0) return explainInlining(selector, inlined);
  const nearest = matches === undefined ? symbols.nearest(selector, NEAREST) : [];
  const subject = matches === undefined ? `no function is called ${selector}` : `no function matches ${selector}`;
  return new UnmeasurableError("no-match", subject, {
    hint: nearest.length > 0 ? `did you mean ${nearest.join(", ")}?` : "gospect list shows the functions there are",
  });
}

function explainInlining(selector: string, inlined: ReadonlyMap<string, readonly InlinedCopy[]>): UnmeasurableError {
  const [[name, own] = [selector, []], ...others] = inlined;
  const copies = [own, ...others.map(([, each]) => each)].flat();
  const single = copies.length === 1;
  const subject =
    others.length === 0
      ? `${name} has no body of its own: ${single ? "its one call was" : `all its ${copies.length} calls were`} inlined`
      : `none of the ${inlined.size} functions that match ${selector} has a body of its own: all their ${copies.length} calls were inlined`;
  const shown = copies.slice(0, PLACES).map(({ into, file, line }) => {
    return file === undefined ? `in ${into}` : `in ${into} at ${file}:${line}`;
  });
  const more = copies.length - shown.length;
  const places = `${shown.join(", ")}${more > 0 ? ` and at ${more} more ${more === 1 ? "place" : "places"}` : ""}`;
  return new UnmeasurableError("inlined-everywhere", `${subject}, ${places}`, {
    hint: INSTEAD_OF_INLINED,
  });
}
