/** Spellings of Go symbol names: what the linker, the runtime and people write for the same function. */

export const ANY_TYPE_ARGUMENTS = "[...]";

/**
 * The spelling of tracebacks: everything between the first `[` and the last `]` becomes `...`, so that all instances of a
 * generic function share one name. Up to go1.20 the linker does the same when it writes pclntab.
 */
export function collapseTypeArguments(name: string): string {
  const open = name.indexOf("[");
  const close = name.lastIndexOf("]");
  return open >= 0 && close > open ? `${name.slice(0, open)}${ANY_TYPE_ARGUMENTS}${name.slice(close + 1)}` : name;
}

const ABI_SUFFIX = /\.abi\d$/;

/** The name without `.abi0`, which the linker adds to the lesser of two ELF symbols that would have the same name. */
export const withoutAbiSuffix = (name: string): string => name.replace(ABI_SUFFIX, "");

export const MIDDLE_DOT = "·";

/** The linker's spelling in the ELF symbol table: a middle dot is a dot (`type:.eq.net.dialResult·1`). */
export const withPlainDots = (name: string): string => name.replaceAll(MIDDLE_DOT, ".");

/** For comparing what people type: lower case, without `(*`, `)` and type arguments. */
export const looseName = (name: string): string =>
  collapseTypeArguments(name).replace(ANY_TYPE_ARGUMENTS, "").replace("(*", "").replace(")", "").toLowerCase();

/** The part behind the import path's last slash: `http.(*Server).Serve`. */
export const withoutImportPath = (name: string): string => name.slice(name.lastIndexOf("/", slashLimit(name)) + 1);

/** Type arguments may hold import paths of their own; only slashes before them count. */
function slashLimit(name: string): number {
  const open = name.indexOf("[");
  return open < 0 ? name.length : open;
}
