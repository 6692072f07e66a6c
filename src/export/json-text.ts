/** JSON on one line that a terminal can be shown: the same values, with every character that it acts upon escaped. */

/** JSON's own escapes are of ASCII alone. */
const ACTING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Nearly every line is plain, and a traced run has many. */
const PLAIN = /^[ -~]*$/;

/** With a newline at its end. */
export function formatJsonLine(value: unknown): string {
  const json = JSON.stringify(value);
  return `${PLAIN.test(json) ? json : json.replace(ACTING, escapeUnits)}\n`;
}

const escapeUnits = (character: string): string =>
  Array.from({ length: character.length }, (_, index) => {
    const unit = character.charCodeAt(index).toString(16).padStart(4, "0");
    return `\\u${unit}`;
  }).join("");
