/**
 * C functions whose return address must not be replaced. A uretprobe overwrites it on the stack while a call is open, and
 * some code reads it: to jump there later, to unwind past it, or because there never was one.
 *
 * By name, and by whether their file throws exceptions, for nothing else tells.
 * LIMIT: what neither shows remains: C++ that throws through another file's C function it was called back by, and stacks that
 * a thread switches. The kernel takes a call that is open on one stack for over when a probed function is entered on a higher
 * one, and the program dies as that call returns. Who may switch is no sign of who does: OpenSSL imports `makecontext`.
 */
import type { ElfFile } from "../binary/index.js";
import type { NativeFunction } from "../symbols/index.js";

interface Hazard {
  readonly names: RegExp;
  readonly reason: string;
}

const HAZARDS: readonly Hazard[] = [
  {
    // Mangled names of C++, of Rust's older scheme and of its newer one.
    names: /^_?_Z|^_R[A-Z]/,
    reason:
      "exceptions and panics may pass through it: unwinding ends the program at a return address that was replaced",
  },
  {
    names:
      /^(?:_Unwind_(?:RaiseException|Resume|Resume_or_Rethrow|ForcedUnwind)|__cxa_(?:re)?throw|pthread_exit|__pthread_unwind(?:_next)?)$/,
    reason: "it unwinds the stack from its own caller on, and ends the program at a return address that was replaced",
  },
  {
    names: /^(?:_*(?:sig)?setjmp|getcontext|_*swapcontext)$/,
    reason:
      "it keeps its return address to jump there again, long after the kernel has taken back the one it put there",
  },
  {
    names: /^_*(?:dlm?open|dlv?sym)$/,
    reason: "it tells by its return address which library calls it",
  },
  {
    names: /^_*(?:mcount|fentry__)$/,
    reason: "it tells by its return address which function has begun",
  },
  {
    names: /\.cold(?:\.\d+)?$/,
    reason:
      "it is a part of another function, jumped to and not called: there is no return address where a call has it",
  },
  {
    names: /^(?:_start|_dl_start_user|_dl_runtime_(?:resolve|profile)\w*|__restore_rt|__morestack)$/,
    reason: "it is not called as C functions are: there is no return address where a call has it",
  },
];

/** Why no uretprobe may be put on a function; undefined where nothing speaks against it. */
export const findReturnHazard = ({ name }: NativeFunction): string | undefined =>
  HAZARDS.find(({ names }) => names.test(name))?.reason;

/** Who throws. Where a file's symbols are stripped, those that it takes from a library are still there. */
const THROWS = "\0__cxa_throw\0";

const throwing = new WeakMap<ElfFile, boolean>();

/** Why no uretprobe may be put on any function of a file; undefined where its code throws nothing. */
export function findThrowing(elf: ElfFile): string | undefined {
  const known = throwing.get(elf);
  const throws =
    known ??
    [".dynstr", ".strtab"].some((name) => {
      const strings = elf.findSection(name);
      return strings !== undefined && elf.sectionData(strings).includes(THROWS);
    });
  throwing.set(elf, throws);
  return throws
    ? "its file throws C++ exceptions, and one that passes through it ends the program at a return address that was replaced"
    : undefined;
}
