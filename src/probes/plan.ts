/**
 * The plan: everything a run will do, as one immutable, printable value. It depends on the file and the request only;
 * the same file gives the same plan on every machine.
 */
import type { Dimension, Measure, ValueEncoding } from "../aggregate/index.js";
import type { FileOffset, Refusal, VirtualAddress } from "../base/index.js";
import type { GoType, Signature } from "../binary/index.js";
import type { Captures, Code, Condition } from "./code.js";

export type { Dimension, Measure, ValueEncoding };

/**
 * `function` and `function-return`: where a C function is entered, and its uretprobe, which is put on the same instruction.
 * `span-begin` and `span-end`: a USDT probe as an end of a span.
 */
export type SiteKind =
  | "entry"
  | "place"
  | "return"
  | "tail-jump"
  | "recovery"
  | "goexit"
  | "function"
  | "function-return"
  | "span-begin"
  | "span-end";

/** Why the site is where it is: the stack check's jump, the frame push after it, or the first instruction. */
export type EntryPlacement = "stack-check" | "push" | "first";

/** One instruction a uprobe will sit on; its bytes were decoded and verified. */
export interface Site {
  readonly kind: SiteKind;
  readonly address: VirtualAddress;
  readonly offset: FileOffset;
  /** The instruction's bytes in the file, compared once more just before attaching. */
  readonly bytes: Buffer;
  /** As a disassembler prints it (Intel order is avoided: Go's users read GNU syntax). */
  readonly instruction: string;
  /** Entry sites only. */
  readonly placement?: EntryPlacement;
  /** Of the 16-bit count that the program asks whether anybody wants the probe: raised while the site is probed. */
  readonly semaphore?: FileOffset;
}

/** Registers by the order of Go's ABI; `index` is `enum gs_register` of bpf/abi.h. */
export type RegisterName =
  | "ax"
  | "bx"
  | "cx"
  | "di"
  | "si"
  | "r8"
  | "r9"
  | "r10"
  | "r11"
  | "dx"
  | "r14"
  | "r15"
  | "bp"
  | "r12"
  | "r13";

/** One step of a fetch; the accumulator machine of bpf/abi.h (`enum gs_opcode`), symbolically. */
export type FetchStep =
  | { readonly op: "register"; readonly register: RegisterName }
  | { readonly op: "register-b"; readonly register: RegisterName }
  | { readonly op: "stack"; readonly offset: number }
  | { readonly op: "image"; readonly address: VirtualAddress }
  | { readonly op: "load"; readonly offset: number; readonly size: 1 | 2 | 4 | 8; readonly signed: boolean }
  | { readonly op: "load-pair"; readonly offset: number }
  | { readonly op: "add"; readonly value: number }
  | { readonly op: "take-b" }
  | { readonly op: "give-b" }
  | { readonly op: "log2"; readonly signed: boolean }
  | {
      readonly op: "linear";
      readonly signed: boolean;
      readonly low: number;
      readonly width: number;
      readonly buckets: number;
    }
  | { readonly op: "truncate"; readonly size: 1 | 2 | 4; readonly signed: boolean }
  | { readonly op: "not-zero" }
  /** A += register << shift. */
  | { readonly op: "add-register"; readonly register: RegisterName; readonly shift: 0 | 1 | 2 | 3 }
  /** B = the length of the NUL-terminated string at A. In a recipe the last step. */
  | { readonly op: "c-string" };

/** How one probe evaluates one dimension. */
export interface Recipe {
  readonly phase: "entry" | "return";
  readonly type: GoType;
  readonly steps: readonly FetchStep[];
  /** In place of the steps, which are then empty: the value, or address and length of a string, is left in A and B. */
  readonly code?: Code;
}

/** Where the stack of callers begins when a site is hit. */
export interface FrameAtSite {
  /** Of the return address, from SP. */
  readonly returnAddress: number;
  /** Whether the caller's frame pointer is still in its register, or saved right below the return address. */
  readonly framePointer: "register" | "saved";
}

/** A place in the middle of a function. */
export interface PlannedPlace {
  /** `copy`: where the probed function was inlined into another; file and line are those of the call. `usdt`: a note's. */
  readonly kind: "line" | "copy" | "usdt";
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** An instruction that names what is counted, where the site itself belongs to the code around it. */
  readonly within: VirtualAddress;
  /** Absent where no table says how deep the stack is: then its callers are not known. */
  readonly frame?: FrameAtSite;
}

export interface PlannedFunction {
  readonly name: string;
  readonly address: VirtualAddress;
  readonly size: number;
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** Made by the compiler. */
  readonly wrapper: boolean;
}

/**
 * What tells which open call an end belongs to. `goroutine`: of a span too, the goroutine of the Go program. `value`: that
 * of `match`.
 */
export type CallIdentity = "goroutine" | "thread" | "value";

/**
 * A function that will be measured, a place, or an end of a span. Its place in `ProbePlan.probes` is its probe number.
 * Probes of one name are told as one.
 */
export interface PlannedProbe {
  /** What results call it: the function, or a place in it: `main.run at main.go:41`. */
  readonly name: string;
  /** Whose code the sites are in. */
  readonly function: PlannedFunction;
  /** Absent where the site is the function's entry. */
  readonly place?: PlannedPlace;
  /** Undefined where nothing tells it, or where nobody asked. */
  readonly signature: Signature | undefined;
  /**
   * `call`: entries and exits are paired. `place`: the entry alone is counted, because nothing that is asked of the
   * probe needs its end. `span-begin`, `span-end`: what is paired are the hits of such probes that share a `nest`.
   */
  readonly kind: "call" | "place" | "span-begin" | "span-end";
  /** Number of the file that the sites are in: 0 is the target's own, then come `ProbePlan.libraries`. */
  readonly file: number;
  readonly identity: CallIdentity;
  /** Of a span or a C function: number of the first probe with whose calls its own are paired: of a span, one for all. */
  readonly nest?: number;
  /** `--match`; of identity `value`. Evaluated at each end by the probe of that end. */
  readonly match?: Recipe;
  /** The function's entry; or the place. */
  readonly entry: Site;
  /** `return` and `tail-jump` sites, or one `function-return`; none of a place or a span's end. */
  readonly exits: readonly Site[];
  /**
   * Where g is at this function's sites: assembly need not keep it in its register. `behind-c`: in C code of a Go program,
   * whose thread-local storage has the g0. `none`: there is no goroutine.
   */
  readonly goroutine: "register" | "tls" | "behind-c" | "none";
  readonly inlinedCopies: number;
  /** One per dimension of the plan, in order. */
  readonly recipes: readonly Recipe[];
  /** Of the measured value; undefined when durations are measured, or nothing. */
  readonly value: Recipe | undefined;
  /** `--where`; undefined: every call is of interest. */
  readonly condition?: Condition;
  /** What a trace shows of each call; undefined in runs that only aggregate. */
  readonly captures?: Captures;
  /** What a user should know of this probe, a sentence each: `1 of 3 exits is a tail jump: time until the jump`. */
  readonly notes: readonly string[];
}

export interface RefusedFunction {
  readonly name: string;
  readonly refusal: Refusal;
  /** Absent where it is a function as a whole. `function`: the one that was inlined, or that has the line. */
  readonly place?: { readonly kind: PlannedPlace["kind"]; readonly function: string };
}

/** What the BPF programs must know of the Go runtime in this binary; offsets in bytes. */
export interface RuntimeFacts {
  readonly goidOffset: number;
  readonly mOffset: number;
  readonly curgOffset: number;
  readonly schedSpOffset: number;
  /** In runtime.g: the frame pointer of a goroutine that has called C. Undefined where nothing tells it. */
  readonly schedBpOffset?: number;
  /** Of the goroutine that made it; undefined where runtime.g has no such field (Go 1.20 and before). */
  readonly parentGoidOffset?: number;
  /** Of the `go` statement that made it. */
  readonly gopcOffset?: number;
  /** Of g, from the thread's FS base; undefined where the loader chooses it, as it does for shared libraries. */
  readonly tlsOffset: number | undefined;
  /** False for the stack ABI (Go <= 1.16), where no register holds g. */
  readonly goroutineInRegister: boolean;
  readonly source: "dwarf" | "symbol-file" | "table";
}

/** A file with sites. */
export interface PlannedFile {
  /** As people know it. */
  readonly path: string;
  /** Opens this very file while the target runs. */
  readonly access: string;
  readonly goBuildId: string | undefined;
  readonly gnuBuildId: string | undefined;
  readonly positionIndependent: boolean;
  /** Lowest virtual address of any PT_LOAD; runtime address = virtual address + bias. */
  readonly imageBase: VirtualAddress;
}

/**
 * Addresses in the records of a run are those of all its files side by side: the number of the file times this, plus the
 * virtual address in it. Those of the first file are its own. No file has addresses beyond it.
 */
export const FILE_WINDOW = 2 ** 44;

/** The file that the target runs; file 0 of a plan. */
export interface PlanTarget extends PlannedFile {
  readonly arch: "amd64" | "arm64";
  /** Undefined: no Go program. */
  readonly goVersion: string | undefined;
}

export interface ProbePlan {
  readonly target: PlanTarget;
  /** Files 1 and up: shared libraries with sites. */
  readonly libraries: readonly PlannedFile[];
  /** Undefined: no Go program. */
  readonly runtime: RuntimeFacts | undefined;
  readonly dimensions: readonly Dimension[];
  readonly measure: Measure;
  /** `--where`, as it was written. */
  readonly where?: string;
  readonly probes: readonly PlannedProbe[];
  readonly refused: readonly RefusedFunction[];
  /** Where the runtime ends calls that will not return: `recovery` and `goexit` sites. */
  readonly runtimeSites: readonly Site[];
  /** What could not be arranged, a sentence each: `runtime.recovery not found: recovered panics stay open`. */
  readonly warnings: readonly string[];
}
