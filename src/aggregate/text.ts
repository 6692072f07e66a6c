/**
 * Bytes and characters of a hostile program as text. What goes to a terminal contains nothing that moves its cursor,
 * changes its colours or reverses its direction; what goes to JSON has the characters themselves.
 */

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const PLAIN = /^[ -~]*$/;

export type Completeness = "read" | "cut";

const same = (text: string): string => text;

/**
 * UTF-8 to text; a byte that belongs to no character becomes `\xNN`. A cut string ends in `…`, in place of the
 * character that the cut went through.
 */
export const decodeUtf8 = (bytes: Buffer, status: Completeness): string =>
  `${convert(bytes, status, same)}${status === "cut" ? "…" : ""}`;

/** A string as Go's `%q` writes it, safe to print: `"a\n"`; of a cut one the `…` stands outside the quotes. */
export const quote = (bytes: Buffer, status: Completeness): string =>
  `"${convert(bytes, status, escapeQuoted)}"${status === "cut" ? "…" : ""}`;

/** What `unicode.IsPrint` lets through: of all blanks only the space. */
const NOT_AS_IT_IS = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|["\\]/gu;

const escapeQuoted = (text: string): string => text.replace(NOT_AS_IT_IS, escapeLikeGo);

const GO_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
]);

function escapeLikeGo(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const short = GO_ESCAPES.get(character);
  if (short !== undefined) return short;
  if (code < 0x80) return `\\x${hexByte(code)}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}

/** `escaped` sees what are characters; what are not is escaped already, and so is not escaped twice. */
function convert(bytes: Buffer, status: Completeness, escaped: (text: string) => string): string {
  const latin = bytes.toString("latin1");
  // Nearly all strings are plain, and a traced run has hundreds of thousands of them a second.
  if (PLAIN.test(latin)) return escaped(latin);
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes[at] ?? 0);
    if (length > bytes.length - at && status === "cut" && continues(bytes, at)) break;
    const character = length === 0 ? undefined : decodeCharacter(bytes.subarray(at, at + length));
    text += character === undefined ? `\\x${hexByte(bytes[at] ?? 0)}` : escaped(character);
    at += character === undefined ? 1 : length;
  }
  return text;
}

const hexByte = (value: number): string => value.toString(16).padStart(2, "0");

/** Bytes in the sequence that `lead` begins; 0 when it can't begin one. */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

const continues = (bytes: Buffer, at: number): boolean =>
  bytes.subarray(at + 1).every((byte) => (byte & 0xc0) === 0x80);

function decodeCharacter(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    // Expected: surrogates, overlong forms, a sequence that breaks off.
    return undefined;
  }
}

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

/** Text with everything a terminal acts upon (controls, format characters, line separators) replaced by escapes. */
export const printable = (text: string): string =>
  PLAIN.test(text) ? text : text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escapeCharacter);

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return SHORT_ESCAPES.get(character) ?? (code < 0x100 ? `\\x${hexByte(code)}` : `\\u{${code.toString(16)}}`);
}
