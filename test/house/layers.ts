/**
 * The layer check: src/ as a table of rows, and no exceptions.
 *
 * - A folder imports only from lower rows, and another folder only through its index.ts; type imports count.
 * - No files load each other in a circle (type imports, which are gone by then, may).
 * - A runtime dependency is used by the one folder that exists to wrap it, and every one is used; koffi by kernel only.
 * - A row, folder or dependency that nothing uses is an error too: an allowance nobody needs is a hole.
 */
import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, normalize, relative } from "node:path";

/** Highest first. Folders of one row do not know each other. */
export const ROWS: readonly (readonly string[])[] = [
  ["cli"],
  ["commands"],
  ["session", "recording"],
  ["probes", "export"],
  ["symbols", "aggregate", "bpf"],
  ["binary", "process", "abi", "kernel", "cache"],
  ["base"],
];

/** Runtime dependency to the folder that uses it. */
export const DEPENDENCY_OWNERS: Readonly<Record<string, string>> = {
  koffi: "kernel",
  "@jridgewell/sourcemap-codec": "symbols",
  elfinfo: "binary",
  "iced-x86": "binary",
  commander: "cli",
  "pprof-format": "export",
};

export interface SourceFile {
  /** Relative to src/, with slashes: `probes/plan.ts`. */
  readonly path: string;
  readonly text: string;
}

/**
 * Static imports and re-exports, whether of types only; side-effect imports; import() as expression or type; require.
 * A specifier is always a literal.
 */
const IMPORT = new RegExp(
  [
    /(?:^|[\s;])(?:import|export)\s+(type\s)?[^"';]*?\bfrom\s*["']([^"']+)["']/,
    /(?:^|[\s;])import\s*["']([^"']+)["']/,
    /\bimport\s*\(\s*["']([^"']+)["']/,
    /(?:\brequire|\bcreateRequire\(import\.meta\.url\)(?:\.resolve)?)\(\s*["']([^"']+)["']/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);

/** What would import something that the pattern above cannot see. */
const HIDDEN_IMPORTS = [
  /\bimport\s*\(\s*[^"'\s]/,
  /(?<!const require = )\bcreateRequire\(import\.meta\.url\)(?!(?:\.resolve)?\(\s*["'])/,
  /const require = createRequire[\s\S]*(?<![.\w])require\(\s*[^"'\s]/,
];

/** Only whole comment lines go: an opening comment inside a string must not hide the import after it. */
const withoutComments = (text: string): string => text.replace(/^\s*(?:\/\/|\/\*|\*).*$/gm, "");

interface Import {
  readonly specifier: string;
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

const importsOf = (text: string): Import[] =>
  [...text.matchAll(IMPORT)].map(([, type, from, bare, dynamic, required]) => ({
    specifier: from ?? bare ?? dynamic ?? required ?? "",
    typeOnly: type !== undefined,
  }));

const folderOf = (path: string): string => path.split("/")[0] ?? "";

/** Name of the package a bare specifier belongs to: `@scope/name/deep` → `@scope/name`. */
const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** Files that load each other in a circle, as one printable path per circle found. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) found.push([...trail.slice(at), path].join(" -> "));
    if (at >= 0 || done.has(path)) return;
    for (const next of imports.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return found;
}

/** Every rule that `files` break, a sentence each. `dependencies` are those that the program runs with, bundled or not. */
export function violations(files: readonly SourceFile[], dependencies: readonly string[]): string[] {
  const found: string[] = [];
  const rowOf = new Map(ROWS.flatMap((row, index) => row.map((folder) => [folder, index] as const)));
  const imports = new Map<string, string[]>();
  const usedDependencies = new Set<string>();
  const paths = new Set(files.map(({ path }) => path));
  const importedFolders = new Set<string>();

  const checkLocal = (path: string, { specifier, typeOnly }: Import): void => {
    const target = normalize(join(dirname(path), specifier)).replace(/\.js$/, ".ts");
    if (!paths.has(target)) {
      found.push(`${path}: imports ${specifier}, which is no file of src/`);
      return;
    }
    if (!typeOnly) imports.get(path)?.push(target);
    const [from, to] = [folderOf(path), folderOf(target)];
    if (from === to) return;
    importedFolders.add(to);
    const [fromRow, toRow] = [rowOf.get(from), rowOf.get(to)];
    if (fromRow === undefined || toRow === undefined) return;
    if (toRow <= fromRow) found.push(`${path}: imports ${to}/, which is not below ${from}/`);
    if (target !== `${to}/index.ts`) found.push(`${path}: imports ${target} past ${to}/index.ts`);
  };

  const checkPackage = (path: string, specifier: string): void => {
    const name = packageOf(specifier);
    const owner = DEPENDENCY_OWNERS[name];
    usedDependencies.add(name);
    if (!dependencies.includes(name)) found.push(`${path}: imports ${name}, which is no runtime dependency`);
    else if (owner !== folderOf(path)) found.push(`${path}: imports ${name}, which only ${owner ?? "nobody"}/ may`);
  };

  for (const { path, text } of files) {
    if (!rowOf.has(folderOf(path))) found.push(`${path}: ${folderOf(path)}/ is in no row`);
    const code = withoutComments(text);
    if (HIDDEN_IMPORTS.some((pattern) => pattern.test(code))) {
      found.push(`${path}: an import whose target is not a literal`);
    }
    imports.set(path, []);
    for (const one of importsOf(code)) {
      if (one.specifier.startsWith(".")) checkLocal(path, one);
      else if (isBuiltin(one.specifier) && !one.specifier.startsWith("node:")) {
        found.push(`${path}: write node:${one.specifier}`);
      } else if (!isBuiltin(one.specifier)) checkPackage(path, one.specifier);
    }
  }

  for (const circle of circles(imports)) found.push(`circle: ${circle}`);
  for (const folder of rowOf.keys()) {
    if (!files.some(({ path }) => folderOf(path) === folder)) found.push(`row of ${folder}/: there is no such folder`);
    else if (folder !== "cli" && !importedFolders.has(folder)) found.push(`row of ${folder}/: no other folder uses it`);
  }
  for (const name of new Set([...dependencies, ...Object.keys(DEPENDENCY_OWNERS)])) {
    if (!usedDependencies.has(name)) found.push(`dependency ${name}: nothing uses it`);
    if (DEPENDENCY_OWNERS[name] === undefined) found.push(`dependency ${name}: no folder owns it`);
    if (!dependencies.includes(name)) found.push(`dependency ${name}: neither in package.json nor bundled`);
  }
  return found;
}

/** All TypeScript files below `root`/src. */
export function readSources(root: string): SourceFile[] {
  const source = join(root, "src");
  return readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .sort()
    .map((path) => ({ path: relative(source, join(source, path)), text: readFileSync(join(source, path), "utf8") }));
}
