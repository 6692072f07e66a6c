/** Everything a symbol file can say, asked for. */
import { memorySource } from "../../src/binary/index.js";
import { SymbolFile } from "../../src/symbols/symbol-file/index.js";
import { Examiner, examineType, type Findings, sampled } from "./exercise.js";

/** Rejects with what is neither a value nor a ProfilerError. */
export function examineSymbolFile(bytes: Buffer): Findings {
  const examiner = new Examiner();
  examiner.begin("open");
  const file = examiner.ask(() => new SymbolFile(memorySource("damaged.gosym", bytes)));
  if (file !== undefined) examineTables(examiner, file);
  examiner.weigh();
  return examiner.findings();
}

function examineTables(examiner: Examiner, file: SymbolFile): void {
  examiner.begin("functions");
  examiner.ask(() => file.names().length);
  examiner.ask(() => file.inlinedCopyCounts());
  for (const name of ["main.main", "main.(*store).lookup", "no.such", ""]) {
    examiner.ask(() => file.findIndexesByName(name));
    examiner.ask(() => file.inlinedCopyCountsOf([name]));
  }
  const functions = [...sampled(file.functionCount)];
  for (const index of functions) {
    examiner.ask(() => [file.nameOf(index), file.linkNamesOf(index)]);
    examiner.ask(() => [file.entryOf(index), file.endOf(index), file.isAssembly(index), file.isWrapper(index)]);
    examiner.ask(() => file.placeOf(index));
  }
  examiner.begin("lines");
  for (const index of functions) {
    const entry = examiner.ask(() => file.entryOf(index));
    if (entry === undefined) continue;
    for (const offset of [0, 1, 0x33, -1]) {
      const address = (entry + offset) as typeof entry;
      examiner.ask(() => file.findIndexByAddress(address));
      examiner.ask(() => file.inlineTreeAt(address));
    }
  }
  examiner.begin("types");
  const seen = new Set<string>();
  for (const name of ["runtime.g", "runtime.m", "main.store", "*main.store", "nothing"])
    examineType(
      examiner,
      examiner.ask(() => file.findType(name)),
      seen,
    );
  for (const name of examiner.ask(() => [...file.variableNames()]) ?? [])
    examineType(examiner, examiner.ask(() => file.findVariable(name))?.type, seen);
  examiner.begin("arguments");
  for (const index of functions) {
    const signature = examiner.ask(() => file.signatureOf(index));
    const captures = examiner.ask(() => signature?.captures?.().variables);
    for (const { type } of [...(signature?.parameters ?? []), ...(signature?.results ?? []), ...(captures ?? [])])
      examineType(examiner, type, seen);
  }
}
