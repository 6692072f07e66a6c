/** Expected absence as a value: a missing thing carries the reason why it is missing. */

export interface Refusal {
  /** Stable, for machines: `float-in-register`. */
  readonly code: string;
  /** One sentence for people, lower case. */
  readonly reason: string;
  /** What would work instead, when something does. */
  readonly hint?: string | undefined;
  /** The name that nothing is known of, where without it there would be nothing to refuse. */
  readonly by?: string;
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

export const found = <T>(value: T): Outcome<T> => ({ ok: true, value });
export const refused = (code: string, reason: string, hint?: string): { ok: false; refusal: Refusal } => ({
  ok: false,
  refusal: { code, reason, hint },
});
