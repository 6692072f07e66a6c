/**
 * How captured words and bytes read back as a Go value: a tree whose leaves name slots of a captured part. The planner
 * makes it together with the code that fills the slots; it is plain data, so that a saved run carries it.
 */

/** Number of a slot in its part. */
export type Slot = number;

export type Shape =
  | { readonly kind: "integer"; readonly slot: Slot; readonly signed: boolean; readonly size: 1 | 2 | 4 | 8 }
  /** time.Duration: nanoseconds. */
  | { readonly kind: "duration"; readonly slot: Slot }
  | { readonly kind: "bool"; readonly slot: Slot }
  | { readonly kind: "float"; readonly slot: Slot; readonly size: 4 | 8 }
  /** `size` is of one half. */
  | { readonly kind: "complex"; readonly real: Slot; readonly imaginary: Slot; readonly size: 4 | 8 }
  /** A GS_KEEP_BYTES slot and the one after it: the kept bytes, and the length the string has. */
  | { readonly kind: "string"; readonly slot: Slot }
  /** The same of a []byte; `pointer` tells nil from empty. */
  | { readonly kind: "bytes"; readonly slot: Slot; readonly pointer: Slot }
  | {
      readonly kind: "struct";
      readonly type: string;
      readonly fields: readonly { readonly name: string; readonly embedded: boolean; readonly shape: Shape }[];
      /** Fields left out for want of room. */
      readonly omitted: number;
    }
  /** An array's first elements. */
  | { readonly kind: "array"; readonly type: string; readonly length: number; readonly elements: readonly Shape[] }
  /** A slice's first elements: those at or beyond its length were not reached. */
  | {
      readonly kind: "slice";
      readonly type: string;
      readonly pointer: Slot;
      readonly length: Slot;
      readonly elements: readonly Shape[];
    }
  /** `target` is undefined where what it points to is not captured. */
  | { readonly kind: "pointer"; readonly type: string; readonly slot: Slot; readonly target: Shape | undefined }
  /** `word` is the first word: the type's address, or with `table` the itab's. The cases are those that the code knows to read. */
  | {
      readonly kind: "interface";
      readonly type: string;
      readonly word: Slot;
      readonly table: boolean;
      /** Which case was taken; not reached when none was. */
      readonly taken: Slot;
      readonly cases: readonly { readonly type: string; readonly shape: Shape }[];
    }
  /** An error of a type whose message is known how to be made: texts and values one after the other. */
  | { readonly kind: "message"; readonly parts: readonly (string | Shape)[] }
  /** What the elements of a list say, within a message. */
  | { readonly kind: "joined"; readonly list: Shape; readonly separator: string }
  /** The number of a system error, `syscall.Errno`. */
  | { readonly kind: "errno"; readonly slot: Slot }
  /** The name of an interface's dynamic type, by its first word as above. */
  | { readonly kind: "type-name"; readonly word: Slot; readonly table: boolean }
  | { readonly kind: "map"; readonly type: string; readonly pointer: Slot; readonly length: Slot }
  | {
      readonly kind: "channel";
      readonly type: string;
      readonly pointer: Slot;
      readonly length: Slot;
      readonly capacity: Slot;
    }
  /** Address of the function's code, relative to the image. */
  | { readonly kind: "function"; readonly slot: Slot }
  /** time.Time: its words `wall` and `ext`. */
  | { readonly kind: "time"; readonly wall: Slot; readonly ext: Slot }
  /** What the planner knows already: `$func`. */
  | { readonly kind: "constant"; readonly text: string }
  /** What a uprobe can't read here, known before the run: `a float in a register`. */
  | { readonly kind: "unreadable"; readonly reason: string };

/** One value that is shown of a call. */
export interface ShownValue {
  /** The parameter's or result's name (`arg0`, `ret` where it has none), or the expression of a `--show`. */
  readonly name: string;
  readonly role: "argument" | "result" | "show";
  /** At which end it was captured. */
  readonly phase: "entry" | "return";
  readonly shape: Shape;
}
