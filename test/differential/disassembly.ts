/**
 * A program's machine code as llvm-objdump prints it, and what each instruction does to the flow of control: amd64 (AT&T
 * syntax) and arm64. Nothing of gospect's is asked.
 */
import { execFileSync } from "node:child_process";

const LISTING_BYTES = 2 ** 30;

export interface Disassembled {
  readonly address: number;
  /** `jbe 0x527516`: the mnemonic, one space, the operands; no symbols and no comments. */
  readonly text: string;
}

/** What an instruction does next. `within`: a jump by a table, which only compilers write, and never out of a function. */
export type Flow =
  | "next"
  | "return"
  | "jump"
  | "conditional"
  | "indirect-jump"
  | "within"
  | "call"
  | "indirect-call"
  | "stop";

/** Every instruction of the executable sections, in address order; zeros between functions may be left out. */
export class Disassembly {
  private readonly all: readonly Disassembled[];
  private readonly indexes: ReadonlyMap<number, number>;

  constructor(path: string) {
    const output = execFileSync("llvm-objdump-19", ["-d", "--no-show-raw-insn", path], {
      encoding: "latin1",
      maxBuffer: LISTING_BYTES,
    });
    const all: Disassembled[] = [];
    for (const line of output.split("\n")) {
      const [, address, text] = /^ *([0-9a-f]+):\s+(\S.*)$/.exec(line) ?? [];
      if (address === undefined || text === undefined) continue;
      const plain = text
        .replace(/(?: {2,}#| <|\s*\/\/).*$/, "")
        .replace(/\s+/, " ")
        .trim();
      all.push({ address: Number.parseInt(address, 16), text: plain });
    }
    this.all = all.sort((left, right) => left.address - right.address);
    this.indexes = new Map(this.all.map(({ address }, index) => [address, index]));
  }

  /** The instructions that begin in a stretch; empty when none begins at its start. */
  between(start: number, end: number): readonly Disassembled[] {
    const first = this.indexes.get(start);
    if (first === undefined) return [];
    let last = first;
    while ((this.all[last]?.address ?? end) < end) last++;
    return this.all.slice(first, last);
  }

  /** Where the instruction behind the one at `address` begins. */
  addressAfter(address: number): number | undefined {
    const index = this.indexes.get(address);
    return index === undefined ? undefined : this.all[index + 1]?.address;
  }
}

/** The address that a direct jump or call goes to. */
export function targetOf({ text }: Disassembled): number | undefined {
  const target = / (?:.*, )?0x([0-9a-f]+)$/.exec(text)?.[1];
  return target === undefined ? undefined : Number.parseInt(target, 16);
}

const AMD64_FLOWS: readonly (readonly [RegExp, Flow])[] = [
  [/^(?:rep[a-z]* )?ret/, "return"],
  [/^jmp[a-z]* \*.*\(.*,.*,.*\)/, "within"],
  [/^jmp[a-z]* \*/, "indirect-jump"],
  [/^jmp/, "jump"],
  [/^(?:j|loop)/, "conditional"],
  [/^call[a-z]* \*/, "indirect-call"],
  [/^call/, "call"],
  [/^(?:ud2|int3|hlt)/, "stop"],
];

const ARM64_FLOWS: readonly (readonly [RegExp, Flow])[] = [
  [/^ret/, "return"],
  [/^br /, "indirect-jump"],
  [/^b 0x/, "jump"],
  [/^(?:b\.|cbn?z |tbn?z )/, "conditional"],
  [/^blr /, "indirect-call"],
  [/^bl /, "call"],
  [/^(?:udf|brk|hlt)/, "stop"],
];

/** How the instruction at `index` of a function goes on. */
export function flowOf(arch: "amd64" | "arm64", code: readonly Disassembled[], index: number): Flow {
  const text = code[index]?.text ?? "";
  const flow = (arch === "amd64" ? AMD64_FLOWS : ARM64_FLOWS).find(([form]) => form.test(text))?.[1] ?? "next";
  if (arch === "amd64" || flow !== "indirect-jump") return flow;
  // arm64 loads the address from the table first.
  const register = text.slice("br ".length);
  return /^ldr x\d+, \[x\d+, x\d+, lsl #3\]$/.test(code[index - 1]?.text ?? "") &&
    code[index - 1]?.text.startsWith(`ldr ${register},`) === true
    ? "within"
    : "indirect-jump";
}
