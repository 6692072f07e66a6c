/** As much of a plan as is printed. The planner's own value has this shape; it lives on the same layer as this folder. */
import type { Dimension, Measure, ShownValue } from "../aggregate/index.js";
import type { FileOffset, Refusal, VirtualAddress } from "../base/index.js";
import type { SignatureSource } from "../binary/index.js";

export interface PrintableSite {
  readonly kind: string;
  readonly address: VirtualAddress;
  readonly offset: FileOffset;
  readonly bytes: Buffer;
  readonly instruction: string;
  readonly placement?: string | undefined;
  readonly semaphore?: FileOffset;
}

/** One step of a recipe: its name, and whatever else it says. */
export interface PrintableStep {
  readonly op: string;
}

export interface PrintableRecipe {
  readonly phase: string;
  readonly type: { readonly name: string };
  readonly steps: readonly PrintableStep[];
  readonly code?: PrintableCode;
}

export type PrintableCode = readonly PrintableStep[];

export interface PrintableCondition {
  readonly decisions: readonly PrintableCode[];
  readonly entry: PrintableCode | undefined;
  readonly return: PrintableCode | undefined;
}

export interface PrintableCapture {
  readonly code: PrintableCode;
  readonly slots: number;
  readonly tailBytes: number;
}

export interface PrintableCaptures {
  readonly entry: PrintableCapture | undefined;
  readonly return: PrintableCapture | undefined;
  readonly shown: readonly ShownValue[];
}

export interface PrintableVariable {
  readonly name: string;
  readonly type: { readonly name: string };
}

export interface PrintableSignature {
  readonly parameters: readonly PrintableVariable[];
  readonly results: readonly PrintableVariable[];
  readonly hasReceiver: boolean;
  readonly source: SignatureSource;
}

export interface PrintablePlace {
  readonly kind: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly frame?: { readonly returnAddress: number; readonly framePointer: string };
}

export interface PrintableProbe {
  readonly name: string;
  readonly function: {
    readonly name: string;
    readonly address: VirtualAddress;
    readonly size: number;
    readonly file: string | undefined;
    readonly line: number | undefined;
  };
  readonly place?: PrintablePlace;
  readonly signature: PrintableSignature | undefined;
  readonly kind: string;
  /** 0 is the target's own, then come the libraries. */
  readonly file: number;
  readonly identity: string;
  readonly nest?: number;
  readonly match?: PrintableRecipe;
  readonly entry: PrintableSite;
  readonly exits: readonly PrintableSite[];
  readonly goroutine: string;
  readonly inlinedCopies: number;
  readonly recipes: readonly PrintableRecipe[];
  readonly value: PrintableRecipe | undefined;
  readonly condition?: PrintableCondition;
  readonly captures?: PrintableCaptures;
  readonly notes: readonly string[];
}

export interface PrintableFile {
  readonly path: string;
  readonly goBuildId: string | undefined;
  readonly gnuBuildId: string | undefined;
  readonly positionIndependent: boolean;
  readonly imageBase: VirtualAddress;
}

export interface PrintablePlan {
  readonly target: PrintableFile & {
    readonly arch: string;
    readonly goVersion: string | undefined;
  };
  readonly libraries: readonly PrintableFile[];
  readonly runtime:
    | {
        readonly goidOffset: number;
        readonly mOffset: number;
        readonly curgOffset: number;
        readonly schedSpOffset: number;
        readonly schedBpOffset?: number;
        readonly parentGoidOffset?: number;
        readonly gopcOffset?: number;
        readonly tlsOffset: number | undefined;
        readonly goroutineInRegister: boolean;
        readonly source: string;
      }
    | undefined;
  readonly dimensions: readonly Dimension[];
  readonly measure: Measure;
  readonly where?: string;
  readonly probes: readonly PrintableProbe[];
  readonly refused: readonly { readonly name: string; readonly refusal: Refusal }[];
  readonly runtimeSites: readonly PrintableSite[];
  readonly warnings: readonly string[];
}

/** What a run of a plan may take in the kernel, on a machine that could have so many CPUs. */
export interface KernelMemory {
  readonly command: string;
  readonly cpus: number;
  /** At most; undefined where such a machine can't measure so many functions at once. */
  readonly bytes: number | undefined;
}
