/** Spellings of Go symbol names: what the linker, the runtime and people write for the same function. */

/**
 * The runtime's spelling: everything between the first `[` and the last `]` becomes `...`. The linker does the same when
 * it writes pclntab, so all instances of a generic function share one name there.
 */
export function collapseTypeArguments(name: string): string {
  const open = name.indexOf("[");
  const close = name.lastIndexOf("]");
  return open >= 0 && close > open ? `${name.slice(0, open)}[...]${name.slice(close + 1)}` : name;
}

const ABI_SUFFIX = /\.abi\d$/;

/** The name without `.abi0`, which the linker adds to the lesser of two ELF symbols that would have the same name. */
export const withoutAbiSuffix = (name: string): string => name.replace(ABI_SUFFIX, "");

/** For comparing what people type: lower case, without `(*`, `)` and type arguments. */
export const looseName = (name: string): string =>
  collapseTypeArguments(name).replace("[...]", "").replace("(*", "").replace(")", "").toLowerCase();

/** The part behind the import path's last slash: `http.(*Server).Serve`. */
export const withoutImportPath = (name: string): string => name.slice(name.lastIndexOf("/", slashLimit(name)) + 1);

/** Type arguments may hold import paths of their own; only slashes before them count. */
function slashLimit(name: string): number {
  const open = name.indexOf("[");
  return open < 0 ? name.length : open;
}
