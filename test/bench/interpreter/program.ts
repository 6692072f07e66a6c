/**
 * A BPF program as the kernel runs it, after the verifier has taken out what the run's constants rule out and put map
 * lookups in line: its instructions by bpftool, its maps, and what the maps of the run's constants hold.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Instruction {
  readonly code: number;
  readonly destination: number;
  readonly source: number;
  readonly offset: number;
  readonly immediate: number;
  /** The upper half of a 64-bit immediate. */
  readonly high: number;
  /** Of a helper's call, its name; of a function's own, undefined. */
  readonly helper: string | undefined;
}

export interface LoadedMap {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

export interface LoadedProgram {
  /** By place; a 64-bit immediate takes two, the second of which is empty. */
  readonly instructions: readonly (Instruction | undefined)[];
  readonly maps: ReadonlyMap<number, LoadedMap>;
  /** Elements of the maps that are arrays for all CPUs together, one after the other, each padded to 8 bytes. */
  readonly contents: ReadonlyMap<number, Buffer>;
}

interface DumpedInstruction {
  readonly disasm: string;
  readonly opcodes: {
    readonly code: string;
    readonly src_reg: string;
    readonly dst_reg: string;
    readonly off: readonly string[];
    readonly imm: readonly string[];
  };
}

interface DumpedMap {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly bytes_key: number;
  readonly bytes_value: number;
  readonly max_entries: number;
}

/** LIMIT: bytes of what bpftool says of one program. */
const MAX_DUMP = 64 * 1024 * 1024;

function bpftool<T>(...args: readonly string[]): T {
  const text = execFileSync("bpftool", ["-j", ...args], { encoding: "utf8", maxBuffer: MAX_DUMP });
  const parsed: T = JSON.parse(text);
  return parsed;
}

const bytesOf = (hexes: readonly string[]): Buffer => Buffer.from(hexes.map((hex) => Number(hex)));

const LOAD_64 = 0x18;

function decode({ disasm, opcodes }: DumpedInstruction): readonly (Instruction | undefined)[] {
  const code = Number(opcodes.code);
  const immediate = bytesOf(opcodes.imm);
  const wide = code === LOAD_64;
  const instruction: Instruction = {
    code,
    destination: Number(opcodes.dst_reg),
    source: Number(opcodes.src_reg),
    offset: bytesOf(opcodes.off).readInt16LE(0),
    immediate: immediate.readInt32LE(0),
    // Between the halves lie the code, the registers and the offset of the second place.
    high: wide ? immediate.readInt32LE(8) : 0,
    helper: /call (\w+)#/.exec(disasm)?.[1],
  };
  return wide ? [instruction, undefined] : [instruction];
}

/** The program behind a descriptor of this process. Needs root and bpftool. */
export function readLoadedProgram(fd: number): LoadedProgram {
  const id = /^prog_id:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "";
  const dump = bpftool<readonly DumpedInstruction[]>("prog", "dump", "xlated", "id", id, "opcodes");
  const { map_ids: ids } = bpftool<{ readonly map_ids: readonly number[] }>("prog", "show", "id", id);
  const all = bpftool<readonly DumpedMap[]>("map", "show").filter((map) => ids.includes(map.id));
  const maps = all.map((map): readonly [number, LoadedMap] => [
    map.id,
    {
      id: map.id,
      name: map.name,
      type: map.type,
      keySize: map.bytes_key,
      valueSize: map.bytes_value,
      maxEntries: map.max_entries,
    },
  ]);
  const contents = all
    .filter(({ type }) => type === "array")
    .map((map): readonly [number, Buffer] => {
      const stride = Math.ceil(map.bytes_value / 8) * 8;
      const elements = Buffer.alloc(stride * map.max_entries);
      for (const { key, value } of bpftool<readonly { readonly key: string[]; readonly value: string[] }[]>(
        "map",
        "dump",
        "id",
        `${map.id}`,
      ))
        bytesOf(value).copy(elements, stride * bytesOf(key).readUInt32LE(0));
      return [map.id, elements];
    });
  return { instructions: dump.flatMap(decode), maps: new Map(maps), contents: new Map(contents) };
}
