/**
 * libbpf as a loader: open an object from memory, configure it, load it, hand out descriptors.
 * What libbpf prints while it works is kept, because it holds the verifier's reason when a load fails.
 */
import type * as Koffi from "koffi";
import { invariant, RunError } from "../base/index.js";
import { kernelError, lastErrno } from "./errno.js";
import { koffi, libbpf, libc } from "./library.js";

type Pointer = bigint | object | null;

interface Functions {
  readonly open: (bytes: Buffer, size: number, options: Pointer) => Pointer;
  readonly load: (object: Pointer) => number;
  readonly close: (object: Pointer) => void;
  readonly findMap: (object: Pointer, name: string) => Pointer;
  readonly findProgram: (object: Pointer, name: string) => Pointer;
  readonly setMaxEntries: (map: Pointer, count: number) => number;
  readonly setKeySize: (map: Pointer, size: number) => number;
  readonly setValueSize: (map: Pointer, size: number) => number;
  readonly setInitialValue: (map: Pointer, bytes: Buffer, size: number) => number;
  readonly mapFd: (map: Pointer) => number;
  readonly programFd: (program: Pointer) => number;
  readonly setAttachType: (program: Pointer, type: number) => number;
}

let bound: Functions | undefined;
let logLines: string[] = [];
/** LIMIT: lines of libbpf's output kept; a verifier log can be megabytes, and its end says why. */
const MAX_LOG_LINES = 2000;
/** LIMIT: bytes of one message. libbpf has room for 16 MiB of verifier log and prints it as one message. */
const MAX_LOG_BYTES = (1 << 24) + (1 << 16);

function functions(): Functions {
  if (bound !== undefined) return bound;
  const lib = libbpf();
  const f = (name: string, result: string, args: string[]) => lib.func(name, result, args) as unknown;
  captureLog(lib);
  bound = {
    open: f("bpf_object__open_mem", "void *", ["void *", "size_t", "void *"]) as Functions["open"],
    load: f("bpf_object__load", "int", ["void *"]) as Functions["load"],
    close: f("bpf_object__close", "void", ["void *"]) as Functions["close"],
    findMap: f("bpf_object__find_map_by_name", "void *", ["void *", "str"]) as Functions["findMap"],
    findProgram: f("bpf_object__find_program_by_name", "void *", ["void *", "str"]) as Functions["findProgram"],
    setMaxEntries: f("bpf_map__set_max_entries", "int", ["void *", "uint32"]) as Functions["setMaxEntries"],
    setKeySize: f("bpf_map__set_key_size", "int", ["void *", "uint32"]) as Functions["setKeySize"],
    setValueSize: f("bpf_map__set_value_size", "int", ["void *", "uint32"]) as Functions["setValueSize"],
    setInitialValue: f("bpf_map__set_initial_value", "int", [
      "void *",
      "void *",
      "size_t",
    ]) as Functions["setInitialValue"],
    mapFd: f("bpf_map__fd", "int", ["void *"]) as Functions["mapFd"],
    programFd: f("bpf_program__fd", "int", ["void *"]) as Functions["programFd"],
    setAttachType: f("bpf_program__set_expected_attach_type", "int", ["void *", "int"]) as Functions["setAttachType"],
  };
  return bound;
}

/** Keeps what libbpf prints (level 2 is debug: not wanted). The va_list is handed on to vsnprintf untouched. */
function captureLog(lib: Koffi.LibraryHandle): void {
  const k = koffi();
  const print = k.proto("int gs_libbpf_print(int level, void *format, void *arguments)");
  const vsnprintf = libc().func("vsnprintf", "int", ["void *", "size_t", "void *", "void *"]) as unknown as (
    to: Buffer,
    size: number,
    format: Pointer,
    args: Pointer,
  ) => number;
  // Untouched pages cost nothing, and a va_list can be printed only once: there is no second try with more room.
  const buffer = Buffer.alloc(MAX_LOG_BYTES);
  const callback = k.register((level: number, format: Pointer, args: Pointer) => {
    if (level >= 2) return 0;
    const length = vsnprintf(buffer, buffer.length, format, args);
    const text = buffer.toString("utf8", 0, Math.max(0, Math.min(length, buffer.length - 1)));
    const lines = text.trimEnd().split("\n").slice(-MAX_LOG_LINES);
    logLines = [...logLines, ...lines].slice(-MAX_LOG_LINES);
    return 0;
  }, k.pointer(print));
  (lib.func("libbpf_set_print", "void *", ["void *"]) as unknown as (f: bigint) => unknown)(callback);
}

/** What the object may still change between open and load. Each name must exist: a missing one is our own mistake. */
export interface ObjectSettings {
  readonly maxEntries: Readonly<Record<string, number>>;
  readonly keySizes: Readonly<Record<string, number>>;
  readonly valueSizes: Readonly<Record<string, number>>;
  /** Bytes of read-only data sections, by section name. */
  readonly readOnlyData: Readonly<Record<string, Buffer>>;
  /** The object's programs, each with its expected attach type. */
  readonly programs: Readonly<Record<string, number>>;
}

/** A loaded BPF object: owns every descriptor in it; disposing unloads all that nothing else holds. */
export class BpfObject implements Disposable {
  private readonly name: string;
  private handle: Pointer;
  private readonly bytes: Buffer;

  private constructor(name: string, handle: Pointer, bytes: Buffer) {
    this.name = name;
    this.handle = handle;
    this.bytes = bytes;
  }

  /**
   * Opens, configures and loads.
   * @throws UnsupportedError without libbpf or privilege, RunError when the kernel refuses the programs.
   */
  static load(name: string, bytes: Buffer, settings: ObjectSettings): BpfObject {
    const f = functions();
    logLines = [];
    // Off the JavaScript heap, because libbpf keeps pointing into it.
    const copy = Buffer.alloc(bytes.length);
    bytes.copy(copy);
    const handle = f.open(copy, copy.length, null);
    if (handle === null) throw loadError(`open BPF object ${name}`, lastErrno());
    const object = new BpfObject(name, handle, copy);
    try {
      object.configure(f, settings);
      const result = f.load(handle);
      if (result < 0) throw loadError(`load BPF object ${name}`, -result);
    } catch (error) {
      object[Symbol.dispose]();
      throw error;
    }
    return object;
  }

  private configure(f: Functions, settings: ObjectSettings): void {
    for (const [map, count] of Object.entries(settings.maxEntries)) {
      this.expectSuccess(f.setMaxEntries(this.map(map), count), `size of map ${map}`);
    }
    for (const [map, size] of Object.entries(settings.keySizes)) {
      this.expectSuccess(f.setKeySize(this.map(map), size), `key size of map ${map}`);
    }
    for (const [map, size] of Object.entries(settings.valueSizes)) {
      this.expectSuccess(f.setValueSize(this.map(map), size), `value size of map ${map}`);
    }
    for (const [section, data] of Object.entries(settings.readOnlyData)) {
      this.expectSuccess(f.setInitialValue(this.map(section), data, data.length), section);
    }
    for (const [program, type] of Object.entries(settings.programs)) {
      this.expectSuccess(f.setAttachType(this.program(program), type), `attach type of ${program}`);
    }
  }

  private expectSuccess(result: number, what: string): void {
    if (result < 0) throw kernelError(`configure BPF object ${this.name}: ${what}`, -result);
  }

  private map(name: string): Pointer {
    const map = functions().findMap(this.handle, name);
    invariant(map !== null, `BPF object ${this.name} has no map ${name}`);
    return map;
  }

  private program(name: string): Pointer {
    const program = functions().findProgram(this.handle, name);
    invariant(program !== null, `BPF object ${this.name} has no program ${name}`);
    return program;
  }

  /** Descriptor of a map; owned by the object. */
  mapFd(name: string): number {
    return functions().mapFd(this.map(name));
  }

  /** Descriptor of a loaded program; owned by the object. */
  programFd(name: string): number {
    return functions().programFd(this.program(name));
  }

  [Symbol.dispose](): void {
    if (this.handle === null) return;
    functions().close(this.handle);
    this.handle = null;
    // SAFETY: libbpf pointed into these bytes until now.
    this.bytes.fill(0);
  }
}

/** The verifier answers with EACCES or EINVAL too: only its log tells a refused program from a missing privilege. */
function loadError(operation: string, errno: number): Error {
  if (process.env["GOSPECT_DEBUG"] !== undefined) process.stderr.write(`${logLines.join("\n")}\n`);
  const verified = logLines.findIndex((line) => line.startsWith("processed "));
  if (verified < 0) return kernelError(operation, errno);
  const reason = logLines[verified - 1]?.trim() ?? "no reason given";
  return new RunError("verifier", `${operation}: the kernel's verifier refused it: ${reason}`, {
    hint: "GOSPECT_DEBUG=1 prints the verifier's whole log",
  });
}
