/**
 * The amd64 decoder and formatter of the iced-x86 package, bound to directly.
 *
 * The package's own JavaScript is 0.9 MB, mostly tables of names nobody here asks for; parsing it costs four times as
 * long as compiling the WebAssembly module beside it, and that time is part of every start. This binding calls the
 * module's exports as that JavaScript does. The package's version is pinned, and a test compares the two.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { invariant, messageOf, RunError } from "../../base/index.js";

/** Numbers of the package's `FlowControl`, `OpKind`, `FormatterSyntax`, `DecoderOptions`. */
export const ICED = {
  flow: {
    next: 0,
    unconditionalBranch: 1,
    indirectBranch: 2,
    conditionalBranch: 3,
    return: 4,
    call: 5,
    indirectCall: 6,
    interrupt: 7,
    transaction: 8,
    exception: 9,
  },
  invalidCode: 0,
  noRegister: 0,
  gasSyntax: 0,
  noOptions: 0,
} as const;

interface IcedExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  __wbindgen_add_to_stack_pointer(delta: number): number;
  __wbindgen_malloc(size: number, align: number): number;
  __wbindgen_free(pointer: number, size: number, align: number): void;
  __wbg_decoder_free(decoder: number): void;
  decoder_new(result: number, bitness: number, bytes: number, length: number, options: number): void;
  decoder_set_ip(decoder: number, ip: bigint): void;
  decoder_position(result: number, decoder: number): void;
  decoder_decodeOut(decoder: number, instruction: number): void;
  instruction_new(): number;
  instruction_code(instruction: number): number;
  instruction_length(instruction: number): number;
  instruction_flowControl(instruction: number): number;
  instruction_nearBranchTarget(instruction: number): bigint;
  instruction_memoryIndex(instruction: number): number;
  instruction_isCallNear(instruction: number): number;
  formatter_new(result: number, syntax: number): void;
  formatter_format(result: number, formatter: number, instruction: number): void;
  formatter_set_hexPrefix(formatter: number, pointer: number, length: number): void;
  formatter_set_hexSuffix(formatter: number, pointer: number, length: number): void;
  formatter_set_smallHexNumbersInDecimal(formatter: number, value: number): void;
  formatter_set_uppercaseHex(formatter: number, value: number): void;
  formatter_set_spaceAfterOperandSeparator(formatter: number, value: number): void;
  formatter_set_branchLeadingZeros(formatter: number, value: number): void;
}

/** The parts of the standard WebAssembly interface used here; Node's types leave it to the DOM library. */
interface WebAssemblyInterface {
  readonly Module: new (bytes: Buffer) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

/** One decoder's place in a function; what it says of the instruction decoded last. */
export class IcedDecoder {
  private readonly wasm: IcedExports;
  private readonly instruction: number;
  private decoder = 0;
  private formatter = 0;

  constructor(wasm: IcedExports) {
    this.wasm = wasm;
    this.instruction = wasm.instruction_new() >>> 0;
  }

  /** Begins with new bytes; the ones before are forgotten. */
  start(bytes: Buffer, address: number): void {
    const { wasm } = this;
    if (this.decoder !== 0) wasm.__wbg_decoder_free(this.decoder);
    this.decoder = 0;
    // The decoder takes ownership of the copy and frees it.
    const copy = wasm.__wbindgen_malloc(bytes.length, 1) >>> 0;
    new Uint8Array(wasm.memory.buffer, copy, bytes.length).set(bytes);
    this.decoder = this.construct((result) => wasm.decoder_new(result, 64, copy, bytes.length, ICED.noOptions));
    wasm.decoder_set_ip(this.decoder, BigInt(address));
  }

  /** Decodes the next instruction; false when the bytes there are none, or are cut short. */
  next(): boolean {
    this.wasm.decoder_decodeOut(this.decoder, this.instruction);
    return this.wasm.instruction_code(this.instruction) !== ICED.invalidCode;
  }

  get length(): number {
    return this.wasm.instruction_length(this.instruction);
  }

  get flow(): number {
    return this.wasm.instruction_flowControl(this.instruction);
  }

  /** Of a direct near jump or call. */
  get target(): number {
    return Number(BigInt.asUintN(64, this.wasm.instruction_nearBranchTarget(this.instruction)));
  }

  get hasIndexedMemory(): boolean {
    return this.wasm.instruction_memoryIndex(this.instruction) !== ICED.noRegister;
  }

  get isNearCall(): boolean {
    return this.wasm.instruction_isCallNear(this.instruction) !== 0;
  }

  /** The instruction decoded last, GNU syntax, numbers as `objdump` writes them. */
  format(): string {
    const { wasm } = this;
    if (this.formatter === 0) this.formatter = this.makeFormatter();
    const result = wasm.__wbindgen_add_to_stack_pointer(-16);
    try {
      wasm.formatter_format(result, this.formatter, this.instruction);
      const [pointer, length] = this.words(result);
      const text = Buffer.from(wasm.memory.buffer, pointer, length).toString("utf8");
      wasm.__wbindgen_free(pointer, length, 1);
      return text;
    } finally {
      wasm.__wbindgen_add_to_stack_pointer(16);
    }
  }

  private makeFormatter(): number {
    const { wasm } = this;
    const formatter = this.construct((result) => wasm.formatter_new(result, ICED.gasSyntax));
    wasm.formatter_set_smallHexNumbersInDecimal(formatter, 0);
    wasm.formatter_set_uppercaseHex(formatter, 0);
    wasm.formatter_set_branchLeadingZeros(formatter, 0);
    return formatter;
  }

  /** Runs a constructor of the module: it leaves the object's address, or an error, in three words on its stack. */
  private construct(make: (result: number) => void): number {
    const result = this.wasm.__wbindgen_add_to_stack_pointer(-16);
    try {
      make(result);
      const [object, , failed] = this.words(result);
      invariant(failed === 0, "iced-x86 refuses to make an object");
      return object;
    } finally {
      this.wasm.__wbindgen_add_to_stack_pointer(16);
    }
  }

  private words(pointer: number): [number, number, number] {
    const view = new DataView(this.wasm.memory.buffer, pointer, 12);
    return [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true)];
  }
}

let loaded: IcedDecoder | undefined;

/** The decoder, loaded on first use. @throws RunError when the package is not installed whole. */
export function icedDecoder(): IcedDecoder {
  loaded ??= load();
  return loaded;
}

function load(): IcedDecoder {
  const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyInterface }).WebAssembly;
  const unused = (): never => {
    throw new Error("invariant violated: iced-x86 calls back");
  };
  const imports = {
    __wbindgen_object_drop_ref: () => undefined,
    __wbg_new_3a66822ed076951c: unused,
    __wbg_new_34c624469fb1d4fd: unused,
    __wbg_push_906164999551d793: unused,
    __wbg_usedregister_new: unused,
    __wbg_usedmemory_new: unused,
    __wbg_instruction_new: unused,
    __wbindgen_throw: unused,
  };
  try {
    const path = createRequire(import.meta.url).resolve("iced-x86/iced_x86_bg.wasm");
    const instance = new Instance(new Module(readFileSync(path)), { __wbindgen_placeholder__: imports });
    return new IcedDecoder(instance.exports as IcedExports);
  } catch (cause) {
    throw new RunError("no-decoder", `load the amd64 decoder iced-x86: ${messageOf(cause)}`, {
      cause,
      hint: "install gospect again: npm install",
    });
  }
}
