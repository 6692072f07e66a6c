/**
 * The layer check: src/ as a table of rows, and no exceptions.
 *
 * - A folder imports only from lower rows, and another folder only through its index.ts; type imports count.
 * - No files import each other in a circle.
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
  ["session"],
  ["probes", "export"],
  ["symbols", "aggregate", "bpf"],
  ["binary", "process", "abi", "kernel"],
  ["base"],
];

/** Runtime dependency to the folder that uses it. */
export const DEPENDENCY_OWNERS: Readonly<Record<string, string>> = {
  koffi: "kernel",
  elfinfo: "binary",
  "iced-x86": "binary",
  commander: "cli",
  "pprof-format": "export",
  "@jridgewell/sourcemap-codec": "symbols",
};

export interface SourceFile {
  /** Relative to src/, with slashes: `probes/plan.ts`. */
  readonly path: string;
  readonly text: string;
}

// Static imports and re-exports, side-effect imports, import() as expression or type. A specifier is always a literal.
const IMPORT =
  /(?:^|[\s;])(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']|(?:^|[\s;])import\s*["']([^"']+)["']|\bimport\s*\(\s*["']([^"']+)["']|\brequire\s*\(\s*["']([^"']+)["']/g;

/** Only whole comment lines go: a `/*` inside a string must not hide the import after it. */
const withoutComments = (text: string): string => text.replace(/^\s*(?:\/\/|\/\*|\*).*$/gm, "");

/** What would import something the pattern above cannot see; createRequire is fine as `const require`. */
const HIDDEN_IMPORT = /\b(?:import|require)\s*\(\s*[^"'\s]|(?<!const require = )\bcreateRequire\(/;

function specifiers(text: string): string[] {
  return [...withoutComments(text).matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? match[4] ?? "");
}

const folderOf = (path: string): string => path.split("/")[0] ?? "";

/** Name of the package a bare specifier belongs to: `@scope/name/deep` → `@scope/name`. */
const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** Files that import each other in a circle, as one printable path per circle found. */
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

/** Every rule that `files` break, a sentence each. `dependencies` are the runtime ones of package.json. */
export function violations(files: readonly SourceFile[], dependencies: readonly string[]): string[] {
  const found: string[] = [];
  const rowOf = new Map(ROWS.flatMap((row, index) => row.map((folder) => [folder, index] as const)));
  const imports = new Map<string, string[]>();
  const usedDependencies = new Set<string>();
  const paths = new Set(files.map(({ path }) => path));
  const importedFolders = new Set<string>();

  const checkLocal = (path: string, specifier: string): void => {
    const target = normalize(join(dirname(path), specifier)).replace(/\.js$/, ".ts");
    if (!paths.has(target)) {
      found.push(`${path}: imports ${specifier}, which is no file of src/`);
      return;
    }
    imports.get(path)?.push(target);
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
    if (HIDDEN_IMPORT.test(withoutComments(text))) found.push(`${path}: an import whose target is not a literal`);
    imports.set(path, []);
    for (const specifier of specifiers(text)) {
      if (specifier.startsWith(".")) checkLocal(path, specifier);
      else if (!specifier.startsWith("node:")) {
        if (isBuiltin(specifier)) found.push(`${path}: write node:${specifier}`);
        else checkPackage(path, specifier);
      }
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
    if (!dependencies.includes(name)) found.push(`dependency ${name}: not in package.json`);
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
