/** Which part of a Go symbol name is a receiver. */

export interface ReceiverName {
  /** The receiver's type as DWARF names it: `*main.Store`, `main.Store`. Type arguments are left out. */
  readonly typeName: string;
  readonly pointer: boolean;
}

/** A name without the type arguments of its generic parts: `main.(*Pair[go.shape.int]).Set` → `main.(*Pair).Set`. */
export const withoutTypeArguments = (name: string): string => {
  if (!name.includes("[")) return name;
  let depth = 0;
  let kept = "";
  for (const character of name) {
    if (character === "[") depth++;
    else if (character === "]") depth--;
    else if (depth === 0) kept += character;
  }
  return kept;
};

/**
 * The receiver that a symbol name announces; undefined for functions, closures and method values (`-fm`). For a value
 * receiver the name alone cannot tell `package.Type.Method` from `package.Function.func1`: the caller compares types.
 */
export const parseReceiver = (symbol: string): ReceiverName | undefined => {
  if (symbol.endsWith("-fm")) return undefined;
  const name = withoutTypeArguments(symbol);
  const packageEnd = name.indexOf(".", name.lastIndexOf("/") + 1);
  if (packageEnd <= 0) return undefined;
  const path = name.slice(0, packageEnd);
  const rest = name.slice(packageEnd + 1);
  const pointer = /^\(\*([^().]+)\)\.([^().]+)$/.exec(rest);
  if (pointer?.[1] !== undefined) return { typeName: `*${path}.${pointer[1]}`, pointer: true };
  const value = /^([^().]+)\.([^().]+)$/.exec(rest);
  return value?.[1] === undefined ? undefined : { typeName: `${path}.${value[1]}`, pointer: false };
};
