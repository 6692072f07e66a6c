/** The argument text of USDT notes, form by form. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { UsdtArgument } from "../../src/binary/index.js";
import { DATA, type NotesFile, noteBytes, readNotesFile } from "./usdt-files.js";

const SYMBOLS = [
  { name: "counter", address: DATA, kind: 1 },
  { name: "table.1", address: DATA + 8, kind: 1 },
  { name: "twice", address: DATA + 8, kind: 1 },
  { name: "twice", address: DATA + 12, kind: 1 },
  { name: "errno", address: 16, kind: 6 },
  { name: "beyond", address: 0x700000, kind: 1 },
];

async function argumentsOf(text: string, file: Omit<NotesFile, "sections"> = {}): Promise<readonly UsdtArgument[]> {
  const sections = [noteBytes({ strings: ["made", "probe", text] })];
  const { notes, refused } = await readNotesFile({ symbols: SYMBOLS, ...file, sections });
  assert.deepEqual(refused, []);
  return notes[0]?.arguments ?? [];
}

/** An argument in one line: `i32 rdi`, `u8 rax>>8`, `u64 =5`, `u16 [rbp+rcx*4-8]`, `u64 @0x402000`, `u64 ?reason`. */
function brief({ size, signed, location }: UsdtArgument): string {
  const type = `${signed ? "i" : "u"}${size * 8}`;
  switch (location.kind) {
    case "register":
      return `${type} ${location.register}${location.shift === 0 ? "" : `>>${location.shift}`}`;
    case "constant":
      return `${type} =${location.value}`;
    case "image":
      return `${type} @0x${location.address.toString(16)}`;
    case "unreadable":
      return `${type} ?${location.reason}`;
    case "memory": {
      const { base = "", index, indexPart, scale, displacement } = location;
      const part = { whole: "", "low-unsigned": ".u32", "low-signed": ".i32" }[indexPart];
      const indexed = index === undefined ? "" : `+${index}${part}*${scale}`;
      return `${type} [${base}${indexed}${displacement < 0 ? "" : "+"}${displacement}]`;
    }
  }
}

async function compare(cases: Readonly<Record<string, string>>, file: Omit<NotesFile, "sections"> = {}): Promise<void> {
  const actual = await Promise.all(
    Object.keys(cases).map(async (text) => [text, (await argumentsOf(text, file)).map(brief).join("; ")] as const),
  );
  assert.deepEqual(Object.fromEntries(actual), cases);
}

const AMD64_REGISTERS: readonly (readonly [register: string, ...names: readonly string[]])[] = [
  ["rax", "rax", "eax", "ax", "al"],
  ["rbx", "rbx", "ebx", "bx", "bl"],
  ["rcx", "rcx", "ecx", "cx", "cl"],
  ["rdx", "rdx", "edx", "dx", "dl"],
  ["rsi", "rsi", "esi", "si", "sil"],
  ["rdi", "rdi", "edi", "di", "dil"],
  ["rbp", "rbp", "ebp", "bp", "bpl"],
  ["rsp", "rsp", "esp", "sp", "spl"],
  ...[8, 9, 10, 11, 12, 13, 14, 15].map((number) => {
    const name = `r${number}`;
    return [name, name, `${name}d`, `${name}w`, `${name}b`] as const;
  }),
];

test("amd64 registers, by every name, with the size of the name where the note has none", async () => {
  const cases: Record<string, string> = {};
  for (const [register, ...names] of AMD64_REGISTERS)
    names.forEach((name, index) => {
      cases[`%${name}`] = `u${64 >> index} ${register}`;
      cases[`-4@%${name}`] = `i32 ${register}`;
    });
  for (const letter of "abcd") {
    cases[`%${letter}h`] = `u8 r${letter}x>>8`;
    cases[`-1@%${letter}h`] = `i8 r${letter}x>>8`;
  }
  await compare(cases);
});

test("sizes and signs", () =>
  compare({
    "1@%rax": "u8 rax",
    "-1@%al": "i8 rax",
    "2@%ax": "u16 rax",
    "-2@%ax": "i16 rax",
    "4@%eax": "u32 rax",
    "8@%eax": "u64 rax",
    "-8@%rax": "i64 rax",
    "8f@%xmm0": "u64 ?a floating-point number",
    "4f@-20(%rbp)": "u32 ?a floating-point number",
    "16@%rax": "u64 ?a value of 16 bytes",
    "-16f@16(%rsp)": "i64 ?a value of 16 bytes",
    "0@%rax": "u64 ?a value of 0 bytes",
    "-@%rax": "u64 ?-@%rax is no operand that gospect knows",
    "@%rax": "u64 ?@%rax is no operand that gospect knows",
    "8@": "u64 ?nothing follows its size",
  }));

test("constants have the width and sign of their argument", () =>
  compare({
    "4@$5": "u32 =5",
    "-4@$-1": "i32 =-1",
    "1@$-1": "u8 =255",
    "-1@$255": "i8 =-1",
    "8@$-1": "u64 =18446744073709551615",
    "-8@$9223372036854775807": "i64 =9223372036854775807",
    "8@$0x1f": "u64 =31",
    "-4@$-0x10": "i32 =-16",
    "8@$4+8": "u64 =12",
    $7: "u64 =7",
    "$-7": "i64 =-7",
    "8@$": "u64 ?$ is no operand that gospect knows",
    "8@$5x": "u64 ?$5x is no operand that gospect knows",
    "8@$counter": `u64 =${DATA}`,
    "8@$counter+4": `u64 =${DATA + 4}`,
    "8@$nothing": "u64 ?nothing is not in the file's symbol tables",
  }));

test("memory of amd64", () =>
  compare({
    "4@(%rax)": "u32 [rax+0]",
    "-4@-20(%rbp)": "i32 [rbp-20]",
    "8@0x10(%rsp)": "u64 [rsp+16]",
    "8@8+4(%rax)": "u64 [rax+12]",
    "8@-4-8(%rbp)": "u64 [rbp-12]",
    "8@(%rax,%rbx)": "u64 [rax+rbx*1+0]",
    "8@8(%rax,%r12,8)": "u64 [rax+r12*8+8]",
    "8@-1(%r8, %r9, 2)": "u64 [r8+r9*2-1]",
    "8@(,%rax,4)": "u64 [+rax*4+0]",
    "8@table.1(,%rax,8)": `u64 [+rax*8+${DATA + 8}]`,
    "8@table.1+4(%rbx)": `u64 [rbx+${DATA + 12}]`,
    "-4(%rbp)": "u64 [rbp-4]",
    "8@2147483647(%rax)": "u64 [rax+2147483647]",
    "8@2147483648(%rax)": "u64 ?displacement 2147483648 is out of range",
    "8@(%eax)": "u64 ?(%eax) is no operand that gospect knows",
    "8@(%rax,%ebx)": "u64 ?(%rax,%ebx) is no operand that gospect knows",
    "8@(%rax,%rsp)": "u64 ?(%rax,%rsp) is no operand that gospect knows",
    "8@(%rax,%rbx,3)": "u64 ?(%rax,%rbx,3) is no operand that gospect knows",
    "8@(%rax,,8)": "u64 ?(%rax,,8) is no operand that gospect knows",
    "8@(%rax,%rbx,8,1)": "u64 ?(%rax,%rbx,8,1) is no operand that gospect knows",
    "8@()": "u64 ?() is no operand that gospect knows",
    "8@(,,)": "u64 ?(,,) is no operand that gospect knows",
    "8@(rax)": "u64 ?(rax) is no operand that gospect knows",
    "8@8(%rax": "u64 ?8(%rax is no operand that gospect knows",
    "8@8(%rax))": "u64 ?8(%rax)) is no operand that gospect knows",
    "8@--8(%rax)": "u64 ?--8(%rax) is no operand that gospect knows",
    "8@8-(%rax)": "u64 ?8-(%rax) is no operand that gospect knows",
    "8@123456789012345678901(%rax)": "u64 ?123456789012345678901(%rax) is no operand that gospect knows",
    "8@8x(%rax)": "u64 ?8x(%rax) is no operand that gospect knows",
    "8@*(%rax)": "u64 ?*(%rax) is no operand that gospect knows",
  }));

test("names are places in the image, where the symbol tables know them", () =>
  compare({
    "8@counter(%rip)": "u64 @0x402000",
    "8@counter+8(%rip)": "u64 @0x402008",
    "-4@8+counter(%rip)": "i32 @0x402008",
    "8@table.1-4(%rip)": "u64 @0x402004",
    "8@counter": "u64 @0x402000",
    "8@counter+4": "u64 @0x402004",
    "8@beyond(%rip)": "u64 ?0x700000 is not in the image",
    "8@counter-9999999999(%rip)": "u64 ?-9999999999 bytes from counter is out of range",
    "8@.LC0(%rip)": "u64 ?.LC0 is not in the file's symbol tables",
    "8@counter@GOTPCREL(%rip)": "u64 ?counter@GOTPCREL is not in the file's symbol tables",
    "8@twice(%rip)": "u64 ?the file has several things named twice",
    "8@errno(%rip)": "u64 ?errno is thread-local",
    "8@counter+table.1(%rip)": "u64 ?counter+table.1(%rip) is no operand that gospect knows",
    "8@-counter(%rip)": "u64 ?-counter(%rip) is no operand that gospect knows",
    "8@8(%rip)": "u64 ?8(%rip) is no operand that gospect knows",
    "8@4096": "u64 ?4096 is no operand that gospect knows",
  }));

test("where no uprobe can look", () =>
  compare({
    "8@%xmm0": "u64 ?a uprobe can't read %xmm0",
    "8@%xmm31": "u64 ?a uprobe can't read %xmm31",
    "8@%ymm3": "u64 ?a uprobe can't read %ymm3",
    "8@%st": "u64 ?a uprobe can't read %st",
    "8@%st(1)": "u64 ?a uprobe can't read %st(1)",
    "8@%mm2": "u64 ?a uprobe can't read %mm2",
    "8@%r16": "u64 ?a uprobe can't read %r16",
    "8@%fs:0": "u64 ?%fs:0 is relative to a segment, as thread-local variables are",
    "8@%fs:errno@tpoff": "u64 ?%fs:errno@tpoff is relative to a segment, as thread-local variables are",
    "8@%gs:8(%rax)": "u64 ?%gs:8(%rax) is relative to a segment, as thread-local variables are",
  }));

test("a file that is loaded anywhere has places, but no addresses to compute with", () =>
  compare(
    {
      "8@counter(%rip)": "u64 @0x402000",
      "8@$counter": "u64 ?the address of counter is not known before the file is loaded",
      "8@table.1(,%rax,8)": "u64 ?the address of table.1 is not known before the file is loaded",
    },
    { type: "shared" },
  ));

test("without symbol tables no name is known; with damaged ones neither, and that is said", async () => {
  await compare({ "8@counter(%rip)": "u64 ?counter is not in the file's symbol tables" }, { symbols: [] });
  const huge = [{ name: "counter", address: 2 ** 60, kind: 1 }];
  const damage = ".symtab at offset 0x20: symbol address or size is out of range";
  await compare({ "8@counter(%rip)": `u64 ?the address of counter is not known: ${damage}` }, { symbols: huge });
});

test("operands of arm64", () =>
  compare(
    {
      ...Object.fromEntries(
        Array.from({ length: 31 }, (_, number) => [
          [`x${number}`, `u64 x${number}`],
          [`w${number}`, `u32 x${number}`],
          [`-4@w${number}`, `i32 x${number}`],
        ]).flat(),
      ),
      "8@sp": "u64 sp",
      wsp: "u32 sp",
      fp: "u64 x29",
      lr: "u64 x30",
      "8@xzr": "u64 =0",
      wzr: "u32 =0",
      "4@5": "u32 =5",
      "-4@-3": "i32 =-3",
      "8@#16": "u64 =16",
      "1@-1": "u8 =255",
      "-8": "i64 =-8",
      "8@[x0]": "u64 [x0+0]",
      "8@[sp, 16]": "u64 [sp+16]",
      "-4@[x29,-8]": "i32 [x29-8]",
      "8@[x0, #8]": "u64 [x0+8]",
      "8@[x0, #-0x10]": "u64 [x0-16]",
      "8@[x0, x1]": "u64 [x0+x1*1+0]",
      "8@[x0, x1, lsl 3]": "u64 [x0+x1*8+0]",
      "8@[x0, x1, lsl #0]": "u64 [x0+x1*1+0]",
      "4@[x0, w1, sxtw 2]": "u32 [x0+x1.i32*4+0]",
      "4@[x0, w1, uxtw]": "u32 [x0+x1.u32*1+0]",
      "4@[x0, x1, sxtx 1]": "u32 [x0+x1*2+0]",
      "8@[x0, :lo12:counter]": "u64 @0x402000",
      "8@[x0, #:lo12:counter+8]": "u64 @0x402008",
      "8@[x0, :lo12:.LANCHOR0]": "u64 ?.LANCHOR0 is not in the file's symbol tables",
      "8@counter": "u64 @0x402000",
      "8f@d0": "u64 ?a floating-point number",
      "8@d31": "u64 ?a uprobe can't read d31",
      "8@v0.16b": "u64 ?a uprobe can't read v0.16b",
      "8@x31": "u64 ?x31 is not in the file's symbol tables",
      "8@[w0]": "u64 ?[w0] is no operand that gospect knows",
      "8@[x0, x1, lsl 4]": "u64 ?[x0, x1, lsl 4] is no operand that gospect knows",
      "8@[x0, w1]": "u64 ?[x0, w1] is no operand that gospect knows",
      "8@[x0, x1, sxtw 3]": "u64 ?[x0, x1, sxtw 3] is no operand that gospect knows",
      "8@[x0, 8]!": "u64 ?[x0, 8]! is no operand that gospect knows",
      "8@[x0, counter]": "u64 ?[x0, counter] is no operand that gospect knows",
      "8@[x0, 8, 8]": "u64 ?[x0, 8, 8] is no operand that gospect knows",
      "8@[]": "u64 ?[] is no operand that gospect knows",
    },
    { machine: "arm64" },
  ));

test("arguments are parted at blanks, but not inside of brackets", async () => {
  const texts = async (text: string, machine: "amd64" | "arm64" = "amd64"): Promise<readonly string[]> =>
    (await argumentsOf(text, { machine })).map((one) => one.text);
  assert.deepEqual(await texts(""), []);
  assert.deepEqual(await texts("  "), []);
  assert.deepEqual(await texts(" -4@%edi  8@-16(%rbp, %rax, 8) %rbx "), ["-4@%edi", "8@-16(%rbp, %rax, 8)", "%rbx"]);
  assert.deepEqual(await texts("8@[x0, w1, sxtw 2] 4@5 8@[sp]", "arm64"), ["8@[x0, w1, sxtw 2]", "4@5", "8@[sp]"]);
  assert.deepEqual(await texts("8@DWORD PTR [rbp-4] 4@eax"), ["8@DWORD PTR [rbp-4]", "4@eax"]);
  assert.deepEqual(await texts("8@(%rax 4@%ebx"), ["8@(%rax", "4@%ebx"]);
});
