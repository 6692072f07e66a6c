/** What addresses that a run comes upon are called in its program: stacks, functions, types in interfaces. */
import { basename } from "node:path";
import { FormatError, hex, type VirtualAddress, virtualAddress } from "../base/index.js";
import { FILE_WINDOW, type ProbePlan } from "../probes/index.js";
import { RememberedNames, type RunNames } from "../recording/index.js";
import type { CodeFile, Frame } from "../symbols/index.js";
import type { Subject } from "./subject.js";

/** Every answer is kept, so one of these serves a whole run. The addresses come from a running program, and may be any. */
export function runNames(subject: Pick<Subject, "go" | "files">, plan: ProbePlan): RunNames {
  const { binary, symbols } = subject.go ?? {};
  const files = subject.files(plan);
  const symbolize = (address: number): readonly Frame[] => {
    const file = files[Math.floor(address / FILE_WINDOW)];
    if (file === undefined) return [];
    const inFile = virtualAddress(address % FILE_WINDOW);
    const known = file.go?.symbols.symbolize(inFile) ?? [];
    return known.length > 0 ? known : nativeFrames(file, inFile);
  };
  const inImage = (address: number): boolean => Number.isSafeInteger(address) && address > 0;
  let itabs: ReadonlyMap<number, number> | undefined;
  const concreteOf = (itab: number): number | undefined => {
    itabs ??= new Map(
      binary
        ?.runtimeTypes()
        ?.itabs()
        .map(({ address, concrete }) => [address, concrete]) ?? [],
    );
    return itabs.get(itab);
  };
  return new RememberedNames({
    symbolize: (address) => (inImage(address) ? symbolize(address) : []),
    functionName: (address) => (inImage(address) ? symbols?.findByAddress(virtualAddress(address))?.name : undefined),
    typeName: (address, isTable) =>
      orUnnamed(() => {
        const descriptor = isTable ? concreteOf(address) : address;
        if (descriptor === undefined || !inImage(descriptor)) return undefined;
        return binary?.runtimeTypes()?.typeAt(virtualAddress(descriptor))?.name;
      }),
  });
}

/** By the file's symbol tables; code that they don't name by its file, as `libc.so.6+0x2a1ca`. */
function nativeFrames({ elf, functions }: CodeFile, address: VirtualAddress): readonly Frame[] {
  const isCode = elf.segments.some(
    ({ type, executable, virtualAddress: start, memorySize }) =>
      type === "load" && executable && address >= start && address < start + memorySize,
  );
  if (!isCode) return [];
  const name = functions.findByAddress(address)?.name ?? `${basename(elf.path)}+${hex(address)}`;
  return [{ function: name, file: undefined, line: undefined, startLine: undefined, inlined: false, wrapper: false }];
}

/** A type whose data are damaged has no name; the run goes on. */
function orUnnamed(ask: () => string | undefined): string | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
