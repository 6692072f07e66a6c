/** Globs: a star stands for anything, whatever characters that is. */

/**
 * Whether a name is first literal, anything, next literal …, last literal. By hand: a regular expression of many stars can
 * take longer than anybody waits.
 */
export function matchesParts(name: string, [first = "", ...others]: readonly string[]): boolean {
  const rest = [...others];
  const end = rest.pop();
  if (end === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const literal of rest) {
    const hit = name.indexOf(literal, at);
    if (hit < 0) return false;
    at = hit + literal.length;
  }
  return name.length - end.length >= at && name.endsWith(end);
}

/** Of a glob without any syntax but its stars. */
export const matchesGlob = (glob: string): ((name: string) => boolean) => {
  const parts = glob.split("*");
  return (name) => matchesParts(name, parts);
};
