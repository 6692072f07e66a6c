/**
 * What can go wrong outside, as values with a code; what is wrong inside, as `invariant`.
 *
 * Messages are lower case, outermost context first, and name the thing. A hint says what the user can do.
 */

/** The exit status a failure of each kind ends the program with; see cli.md. */
export const EXIT_STATUS = { failed: 1, usage: 2, unmeasurable: 3, unsupported: 4 } as const;
export type FailureKind = keyof typeof EXIT_STATUS;

export interface ProfilerErrorOptions {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** Base of everything gospect reports to its user. `code` is stable and appears in `--json` errors. */
export abstract class ProfilerError extends Error {
  abstract readonly code: string;
  abstract readonly kind: FailureKind;
  readonly hint: string | undefined;

  constructor(message: string, options: ProfilerErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** Bytes that are not what their format demands. `structure` names the record, `offset` where in it reading stopped. */
export class FormatError extends ProfilerError {
  readonly code = "bad-format";
  readonly kind = "unmeasurable";
  readonly structure: string;
  readonly offset: number;

  constructor(structure: string, offset: number, detail: string, options: ProfilerErrorOptions = {}) {
    super(`${structure} at offset 0x${offset.toString(16)}: ${detail}`, options);
    this.structure = structure;
    this.offset = offset;
  }
}

/** The code of what is wrong in any program; a Refusal may have it. */
export const USAGE = "usage";

/** The command line is wrong: exit status 2. */
export class UsageError extends ProfilerError {
  readonly code = USAGE;
  readonly kind = "usage";
}

/** Nothing matched, or what was asked can't be measured: exit status 3. */
export class UnmeasurableError extends ProfilerError {
  readonly code: string;
  readonly kind = "unmeasurable";

  constructor(code: string, message: string, options: ProfilerErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

/** Not permitted, or not supported by this machine: exit status 4. */
export class UnsupportedError extends ProfilerError {
  readonly code: string;
  readonly kind = "unsupported";

  constructor(code: string, message: string, options: ProfilerErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

/** The run itself failed: exit status 1. */
export class RunError extends ProfilerError {
  readonly code: string;
  readonly kind = "failed";

  constructor(code: string, message: string, options: ProfilerErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

/** Throws when the program contradicts itself. Never for input: that is a ProfilerError. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant violated: ${message}`);
}

/** The text of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
