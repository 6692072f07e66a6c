/** DWARF sections written by hand: forms that Go does not write but other producers do, and shapes no compiler writes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FormatError, virtualAddress } from "../../src/base/index.js";
import { type Dwarf, openDwarf } from "../../src/binary/dwarf/index.js";
import { withoutTypeArguments } from "../../src/binary/dwarf/receiver.js";
import type { ElfSection } from "../../src/binary/index.js";

/** A byte, a string (its NUL is added), or bytes. */
type Part = number | string | readonly number[];

const bytes = (...parts: readonly Part[]): Buffer =>
  Buffer.concat(
    parts.map((part) => {
      if (typeof part === "string") return Buffer.from(`${part}\0`);
      return Buffer.from(typeof part === "number" ? [part] : [...part]);
    }),
  );

const u16 = (value: number): readonly number[] => [value & 0xff, value >> 8];
const u32 = (value: number): readonly number[] => [...u16(value & 0xffff), ...u16(value >>> 16)];

/** A DWARF 5 unit: the header, then `entries`. The root begins at offset 12. */
const unit = (entries: Buffer): Buffer => bytes(u32(8 + entries.length), u16(5), 1, 8, u32(0), [...entries]);

const open = (sections: Readonly<Record<string, Buffer>>): Dwarf => {
  const dwarf = openDwarf({
    findSection: (name) => (name in sections ? ({ name } as ElfSection) : undefined),
    sectionData: ({ name }) => sections[name] ?? Buffer.alloc(0),
  });
  assert.ok(dwarf);
  return dwarf;
};

const damage = (detail: RegExp) => (error: unknown) => error instanceof FormatError && detail.test(error.message);

/** DW_TAG_compile_unit with DW_AT_language data1 and DW_AT_str_offsets_base sec_offset. */
const rootAbbreviation = bytes(1, 0x11, 1, 0x13, 0x0b, 0x72, 0x17, 0, 0);
const root = bytes(1, 0x16, u32(8));

describe("hand-written DWARF", () => {
  test("names and references of every form", () => {
    const abbreviations = bytes(
      [...rootAbbreviation],
      // 2: a base type: name string, byte_size implicit_const 8, encoding data1
      [2, 0x24, 0, 0x03, 0x08, 0x0b, 0x21, 8, 0x3e, 0x0b, 0, 0],
      // 3: a struct: name string, byte_size udata
      [3, 0x13, 1, 0x03, 0x08, 0x0b, 0x0f, 0, 0],
      // 4 to 9: members: name of a form, data_member_location udata, type of a form
      [4, 0x0d, 0, 0x03, 0x0e, 0x38, 0x0f, 0x49, 0x11, 0, 0],
      [5, 0x0d, 0, 0x03, 0x1f, 0x38, 0x0f, 0x49, 0x12, 0, 0],
      [6, 0x0d, 0, 0x03, 0x1a, 0x38, 0x0f, 0x49, 0x13, 0, 0],
      [7, 0x0d, 0, 0x03, 0x25, 0x38, 0x0f, 0x49, 0x15, 0, 0],
      [8, 0x0d, 0, 0x03, 0x28, 0x38, 0x0f, 0x49, 0x10, 0, 0],
      [9, 0x0d, 0, 0x03, 0x16, 0x38, 0x0b, 0x49, 0x16, 0, 0],
      0,
    );
    const base = 12 + root.length;
    const info = unit(
      bytes(
        [...root],
        [2, ...Buffer.from("word\0"), 7],
        [3, ...Buffer.from("all\0"), 48],
        [...bytes(4, u32(1), 0, base)],
        [...bytes(5, u32(1), 8, u16(base))],
        [...bytes(6, 1, 16, u32(base))],
        [...bytes(7, 0, 24, base)],
        [...bytes(8, u32(1), 32, u32(base))],
        [9, 0x08, ...Buffer.from("indirect\0"), 40, 0x11, base],
        0,
        0,
      ),
    );
    const dwarf = open({
      ".debug_info": info,
      ".debug_abbrev": abbreviations,
      ".debug_str": bytes("", "pointer", "first", "second"),
      ".debug_line_str": bytes("", "line"),
      ".debug_str_offsets": bytes(u32(12), u16(5), u16(0), u32(9), u32(15)),
    });
    const type = dwarf.findType("all");
    assert.equal(type?.kind, "struct");
    assert.deepEqual(
      type.fields.map(({ name, offset, type: { name: typeName, size } }) => [name, offset, typeName, size]),
      [
        ["pointer", 0, "word", 8],
        ["line", 8, "word", 8],
        ["second", 16, "word", 8],
        ["first", 24, "word", 8],
        ["second", 32, "word", 8],
        ["indirect", 40, "word", 8],
      ],
    );
  });

  /** Entries: struct with one member, typedef, subprogram with an origin and code; references are ref4. */
  const cyclic = (entries: Buffer): Dwarf =>
    open({
      ".debug_info": unit(bytes([...root], [...entries], 0)),
      ".debug_abbrev": bytes(
        [...rootAbbreviation],
        [2, 0x13, 1, 0x03, 0x08, 0x0b, 0x0f, 0, 0],
        [3, 0x0d, 0, 0x03, 0x08, 0x38, 0x0f, 0x49, 0x13, 0, 0],
        [4, 0x16, 0, 0x03, 0x08, 0x49, 0x13, 0, 0],
        [5, 0x2e, 0, 0x03, 0x08, 0x31, 0x13, 0x11, 0x01, 0x12, 0x0f, 0, 0],
        0,
      ),
    });
  const first = 12 + root.length;

  test("a struct that contains itself", () => {
    const dwarf = cyclic(bytes(2, "loop", 8, 3, "self", 0, u32(first), 0));
    assert.throws(() => dwarf.findType("loop"), damage(/type contains itself/));
  });

  test("a typedef of itself", () => {
    const dwarf = cyclic(bytes(4, "loop", u32(first)));
    assert.throws(() => dwarf.findType("loop"), damage(/type contains itself/));
  });

  test("a function that is its own origin", () => {
    const dwarf = cyclic(bytes(5, "main.loop", u32(first), u32(0x1000), u32(0), 16));
    assert.throws(() => dwarf.findFunction("main.loop"), damage(/origins never end/));
  });

  test("references out of the unit, and to no type", () => {
    assert.throws(() => cyclic(bytes(4, "far", u32(0xffff))).findType("far"), damage(/reference leads to no unit/));
    assert.throws(() => cyclic(bytes(4, "root", u32(12))).findType("root"), damage(/is not a type/));
    assert.throws(() => cyclic(bytes(9, "bad")).findType("bad"), damage(/abbreviation 9 is not defined/));
  });

  test("units whose header lies", () => {
    const header = (...parts: readonly Part[]) => open({ ".debug_info": bytes(...parts), ".debug_abbrev": bytes(0) });
    assert.throws(() => header(u32(0xfff), u16(5)), damage(/runs past the section/));
    assert.throws(() => header(u32(0xfffffff4), u16(5)), damage(/reserved unit length/));
    assert.throws(() => header(u32(8), u16(9), 1, 8, u32(0)), damage(/version 9 is not known/));
    assert.throws(() => header(u32(8), u16(5), 1, 3, u32(0)), damage(/addresses of 3 bytes/));
  });

  test("no debug sections at all", () => {
    assert.equal(openDwarf({ findSection: () => undefined, sectionData: () => Buffer.alloc(0) }), undefined);
  });

  test("files made to be read forever are refused", () => {
    const repeat = (count: number, part: (index: number) => Buffer): Buffer =>
      Buffer.concat(Array.from({ length: count }, (_, index) => part(index)));
    /** A unit that names its own place in the one table of abbreviations, or its own in the list of ranges. */
    const unitWith = (abbreviations: number, entries: Buffer): Buffer =>
      bytes(u32(8 + entries.length), u16(5), 1, 8, u32(abbreviations), [...entries]);

    // Every unit has a table of its own, and each holds all that follow.
    const shape = bytes(...[1, 0x11, 0, 0x13, 0x0b, 0, 0]);
    assert.throws(
      () =>
        open({
          ".debug_abbrev": Buffer.concat([repeat(4000, () => shape), Buffer.from([0])]),
          ".debug_info": repeat(4000, (index) => unitWith(index * shape.length, bytes(1, 0x16))),
        }),
      damage(/read over and over/),
    );

    // Every unit has the same long list of ranges.
    const ranged = open({
      ".debug_abbrev": bytes(...[1, 0x11, 0, 0x13, 0x0b, 0x55, 0x17, 0, 0, 0]),
      ".debug_info": repeat(4000, () => unitWith(0, bytes(1, 0x16, u32(0)))),
      ".debug_rnglists": Buffer.concat([repeat(4000, () => bytes(4, 1, 2)), Buffer.from([0])]),
    });
    assert.throws(() => ranged.findFunctionAt(virtualAddress(1)), damage(/read over and over/));

    // Every struct holds all that follow, and every variable is of another one.
    const count = 4000;
    const root = bytes(1, 0x16);
    const struct = bytes(2, "s", 0);
    const variables = repeat(count, (index) =>
      bytes(3, "v", 9, 3, u32(1), u32(0), u32(12 + root.length + index * struct.length)),
    );
    const nested = open({
      ".debug_abbrev": bytes(
        ...[1, 0x11, 1, 0x13, 0x0b, 0, 0],
        ...[2, 0x13, 1, 0x03, 0x08, 0x0b, 0x0f, 0, 0],
        ...[3, 0x34, 0, 0x03, 0x08, 0x02, 0x18, 0x49, 0x13, 0, 0, 0],
      ),
      ".debug_info": unitWith(
        0,
        Buffer.concat([root, repeat(count, () => struct), Buffer.alloc(count), variables, Buffer.alloc(1)]),
      ),
    });
    assert.throws(() => [...nested.variables()], damage(/read over and over/));
  });
});

test("type arguments are cut from symbol names", () => {
  assert.equal(withoutTypeArguments("main.(*Pair[go.shape.int,[]go.shape.string]).Set"), "main.(*Pair).Set");
  assert.equal(withoutTypeArguments("main.Sum[...]"), "main.Sum");
  assert.equal(withoutTypeArguments("net/http.(*conn).serve"), "net/http.(*conn).serve");
});
