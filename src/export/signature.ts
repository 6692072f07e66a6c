/**
 * Functions as Go's users write them: `main.(*Store).Lookup(s *main.Store, key string) (n int, err error)`. Names come from
 * a file that may be hostile: whatever would steer a terminal is escaped.
 */
import { printable } from "../aggregate/index.js";
import type { SignatureSource } from "../binary/index.js";

interface Variable {
  readonly name: string;
  readonly type: string;
}

const SOURCES: Readonly<Record<SignatureSource, string>> = {
  dwarf: "DWARF",
  "runtime-types": "runtime types",
  sig: "--sig",
  "symbol-file": "symbol file",
};

/** Who says what a function's parameters and results are, in a word or two. */
export const formatSource = (source: SignatureSource | undefined): string =>
  source === undefined ? "unknown" : SOURCES[source];

/** What expressions call a parameter: its name, or its position. */
export const parameterName = (variable: Variable, index: number): string =>
  isUnnamed(variable) ? `arg${index}` : variable.name;

/** What expressions call one of `count` results. */
export const resultName = (variable: Variable, index: number, count: number): string => {
  if (!isUnnamed(variable)) return variable.name;
  return count === 1 ? "ret" : `ret${index}`;
};

/** A name with its parameters and results; without them, where the binary does not tell, the bare name. */
export function formatSignature(
  name: string,
  parameters: readonly Variable[] | undefined,
  results: readonly Variable[] | undefined,
): string {
  if (parameters === undefined || results === undefined) return printable(name);
  return printable(`${name}(${formatVariables(parameters)})${formatResults(results)}`);
}

function formatResults(results: readonly Variable[]): string {
  const [only] = results;
  if (only === undefined) return "";
  return results.length === 1 && isUnnamed(only) ? ` ${only.type}` : ` (${formatVariables(results)})`;
}

const formatVariables = (variables: readonly Variable[]): string =>
  variables.map((variable) => (isUnnamed(variable) ? variable.type : `${variable.name} ${variable.type}`)).join(", ");

/** FACT(go1.19..go1.27): the compiler calls unnamed results `~r0`, `~r1`, … in DWARF. */
function isUnnamed({ name }: Variable): boolean {
  return name === "" || name === "_" || name.startsWith("~");
}

/** `file.go:41`; undefined when the binary does not tell the file. */
export const formatPlace = (file: string | undefined, line: number | undefined): string | undefined =>
  file === undefined ? undefined : printable(line === undefined ? file : `${file}:${line}`);
