/** What addresses that a run comes upon are called in its program: stacks, functions, types in interfaces. */
import { FormatError, virtualAddress } from "../base/index.js";
import { RememberedNames, type RunNames } from "../recording/index.js";
import type { Subject } from "./subject.js";

/** Every answer is kept, so one of these serves a whole run. The addresses come from a running program, and may be any. */
export function runNames({ go }: Pick<Subject, "go">): RunNames {
  const { binary, symbols } = go ?? {};
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
    symbolize: (address) => (inImage(address) ? (symbols?.symbolize(address) ?? []) : []),
    functionName: (address) => (inImage(address) ? symbols?.findByAddress(virtualAddress(address))?.name : undefined),
    typeName: (address, isTable) =>
      orUnnamed(() => {
        const descriptor = isTable ? concreteOf(address) : address;
        if (descriptor === undefined || !inImage(descriptor)) return undefined;
        return binary?.runtimeTypes()?.typeAt(virtualAddress(descriptor))?.name;
      }),
  });
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
