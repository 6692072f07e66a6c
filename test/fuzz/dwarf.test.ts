/** Damaged debug data: every question is answered, or refused with a FormatError, in bounded time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FormatError, virtualAddress } from "../../src/base/index.js";
import { type Dwarf, openDwarf, type SectionReader } from "../../src/binary/dwarf/index.js";
import { type ElfSection, type GoType, openElf, openFileSource } from "../../src/binary/index.js";
import { buildDwarfProgram } from "../differential/dwarf-programs.js";

const RUNS = 1500;
/**
 * LIMIT: CPU time of this process, which a busy machine does not change; far above what an answer takes (milliseconds),
 * far below what a runaway loop would.
 */
const MAX_RUN_MS = 5000;

/** Deterministic pseudo-random integers below `bound` (mulberry32). */
const randomFrom = (seed: number): ((bound: number) => number) => {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
};

const visit = (type: GoType, depth: number): void => {
  if (depth === 0) return;
  if (type.kind === "pointer") visit(type.target(), depth - 1);
  else if (type.kind === "slice" || type.kind === "array" || type.kind === "chan") visit(type.element(), depth - 1);
  else if (type.kind === "struct") for (const field of type.fields) visit(field.type, depth - 1);
  else if (type.kind === "map") {
    visit(type.key(), depth - 1);
    visit(type.element(), depth - 1);
  }
};

const ask = (dwarf: Dwarf | undefined): void => {
  for (const name of ["main.many", "main.(*store).Lookup", "main.reversed", "main.deferred"]) {
    const found = dwarf?.findFunction(name);
    if (found === undefined) continue;
    for (const { type } of found.signature?.parameters ?? []) visit(type, 3);
    for (const variable of found.variables()) variable.locationAt(found.lowPc);
    dwarf?.lineAt(virtualAddress(found.highPc - 1));
  }
  const type = dwarf?.findType("main.store");
  if (type !== undefined) visit(type, 4);
  dwarf?.findVariable("main.stores");
  dwarf?.inlinedCopies("main.small");
};

/** The debug sections of a file in memory, each mutable. */
const loadSections = async (path: string): Promise<ReadonlyMap<string, Buffer>> => {
  using source = openFileSource(path);
  const elf = await openElf(source);
  const debug = elf.sections.filter(({ name }) => name.startsWith(".debug_"));
  return new Map(debug.map((section) => [section.name, Buffer.from(elf.sectionData(section))]));
};

const readerOf = (sections: ReadonlyMap<string, Buffer>): SectionReader => ({
  findSection: (name) => (sections.has(name) ? ({ name } as ElfSection) : undefined),
  sectionData: ({ name }) => sections.get(name) ?? Buffer.alloc(0),
});

const answersOrRefuses = (sections: ReadonlyMap<string, Buffer>, label: string): "answered" | "refused" => {
  const start = process.cpuUsage();
  try {
    ask(openDwarf(readerOf(sections)));
    return "answered";
  } catch (error) {
    assert.ok(error instanceof FormatError, `${label}: ${error instanceof Error ? error.stack : error}`);
    return "refused";
  } finally {
    const { user, system } = process.cpuUsage(start);
    const usedMs = (user + system) / 1000;
    assert.ok(usedMs < MAX_RUN_MS, `${label} took ${usedMs} ms of CPU time`);
  }
};

for (const version of ["1.19", "1.27"] as const) {
  describe(`damaged DWARF of Go ${version}`, () => {
    /** Where damage matters: what describes package main, its types, and the tables all units share. */
    const targets = (
      sections: ReadonlyMap<string, Buffer>,
    ): { section: Buffer; name: string; from: number; length: number }[] => {
      const info = sections.get(".debug_info") ?? Buffer.alloc(0);
      const places = [{ section: info, name: ".debug_info", from: 0, length: 64 }];
      for (const text of [
        "main.(*store).Lookup\0",
        "main.reversed\0",
        "main.store\0",
        "main.stores\0",
        "main.deferred\0",
      ]) {
        for (let at = info.indexOf(text); at >= 0; at = info.indexOf(text, at + 1)) {
          const from = Math.max(0, at - 16);
          places.push({ section: info, name: ".debug_info", from, length: Math.min(400, info.length - from) });
        }
      }
      for (const [name, section] of sections) {
        if (name === ".debug_info" || section.length === 0) continue;
        places.push({ section, name, from: 0, length: Math.min(section.length, 4096) });
        places.push({ section, name, from: 0, length: section.length });
      }
      return places;
    };

    test("changed bytes", async () => {
      const sections = await loadSections(buildDwarfProgram(version).plain);
      assert.equal(answersOrRefuses(sections, "undamaged"), "answered");
      const places = targets(sections);
      const random = randomFrom(20 + Number(version.slice(2)));
      const outcomes = { answered: 0, refused: 0 };
      for (let index = 0; index < RUNS; index++) {
        const place = places[random(places.length)];
        assert.ok(place);
        const changes: { at: number; old: number }[] = [];
        for (let left = 1 + random(4); left > 0; left--) {
          const at = place.from + random(place.length);
          changes.push({ at, old: place.section[at] ?? 0 });
          place.section[at] = [0, 0xff, 0x7f, 0x80, random(256)][random(5)] ?? 0;
        }
        const label = `run ${index}: ${place.name} at ${changes.map(({ at }) => at)}`;
        outcomes[answersOrRefuses(sections, label)]++;
        for (const { at, old } of changes.reverse()) place.section[at] = old;
      }
      assert.ok(outcomes.answered > 0 && outcomes.refused > 0, JSON.stringify(outcomes));
      assert.equal(answersOrRefuses(sections, "restored"), "answered");
    });

    test("sections cut short, or missing", async () => {
      const sections = await loadSections(buildDwarfProgram(version).plain);
      const random = randomFrom(7);
      for (const [name, whole] of sections) {
        for (let index = 0; index < 20; index++) {
          const length = index === 0 ? 0 : random(whole.length);
          answersOrRefuses(new Map([...sections, [name, whole.subarray(0, length)]]), `${name} cut to ${length}`);
        }
      }
    });
  });
}
