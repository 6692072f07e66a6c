/**
 * Where instructions begin in a damaged file, by GNU objdump and the functions of the undamaged base: the independent
 * truth about the sites that a plan made from the damaged file names.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memorySource, openGoSource } from "../../src/binary/index.js";
import { anchorsOf, applyEdits, extentOf, type Mutation } from "./mutation.js";

/** File offsets of one function's code and the padding behind it. */
interface Extent {
  readonly start: number;
  readonly end: number;
}

/** Instructions that run past a function's end must not swallow the next one's first byte. */
const GAP = Buffer.alloc(32, 0x90);

/** File offsets at which an instruction begins, when each extent is decoded from its start. */
function disassemble(bytes: Buffer, extents: readonly Extent[]): Set<number> {
  const pieces: Buffer[] = [];
  const fileOffsets: number[] = [];
  for (const { start, end } of extents) {
    pieces.push(bytes.subarray(start, end), GAP);
    for (let offset = start; offset < end; offset++) fileOffsets.push(offset);
    for (let gap = 0; gap < GAP.length; gap++) fileOffsets.push(-1);
  }
  const folder = mkdtempSync(join(tmpdir(), "gospect-fuzz-"));
  try {
    const path = join(folder, "code");
    writeFileSync(path, Buffer.concat(pieces));
    const args = ["-D", "-z", "-b", "binary", "-m", "i386:x86-64", "--no-show-raw-insn", path];
    const text = execFileSync("objdump", args, { encoding: "latin1", maxBuffer: 2 ** 28 });
    const starts = new Set<number>();
    for (const [, at] of text.matchAll(/^ *([0-9a-f]+):\t(?!\(bad\))/gm)) {
      starts.add(fileOffsets[Number.parseInt(at ?? "", 16)] ?? -1);
    }
    return starts;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The instruction boundaries of one base and of what mutations make of it. */
export class Boundaries {
  private readonly bytes: Buffer;
  private readonly functions: readonly Extent[];
  private readonly undamaged: ReadonlySet<number>;

  private constructor(bytes: Buffer, functions: readonly Extent[]) {
    this.bytes = bytes;
    this.functions = functions;
    this.undamaged = disassemble(bytes, functions);
  }

  static async of(bytes: Buffer): Promise<Boundaries> {
    const { elf, pclntab, moduledata } = await openGoSource(memorySource("base", bytes));
    const starts = Array.from({ length: pclntab.functionCount }, (_, index) => pclntab.entryOf(index));
    const offsets = starts.map((start) => elf.toFileOffset(start) ?? 0);
    const end = (offsets.at(-1) ?? 0) + moduledata.maxpc - (starts.at(-1) ?? 0);
    return new Boundaries(
      bytes,
      offsets.map((start, index) => ({ start, end: offsets[index + 1] ?? end })),
    );
  }

  /** Those of `offsets` at which no instruction begins in the mutated file. */
  strays(mutation: Mutation, offsets: readonly number[]): readonly number[] {
    const anchors = anchorsOf(this.bytes);
    const damage = mutation.edits.map((edit) => extentOf(edit, anchors));
    const isDamaged = ({ start, end }: Extent): boolean => damage.some((one) => one.start < end && one.end > start);
    const wanted = this.functions.filter(
      (fn) => isDamaged(fn) && offsets.some((offset) => offset >= fn.start && offset < fn.end),
    );
    const redone =
      wanted.length === 0 ? undefined : disassemble(applyEdits(this.bytes, anchors, mutation.edits), wanted);
    return offsets.filter((offset) => {
      const inDamaged = wanted.some((fn) => offset >= fn.start && offset < fn.end);
      return !(inDamaged ? redone : this.undamaged)?.has(offset);
    });
  }
}
