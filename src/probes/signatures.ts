/** What a function's signature means for its calling convention, and which signature holds when several are known. */
import type { GoBinary, Signature } from "../binary/index.js";
import type { GoFunction, SymbolTable } from "../symbols/index.js";
import {
  AMD64_REGISTER_ABI,
  ARM64_REGISTER_ABI,
  type CallingConvention,
  type DictionaryPlace,
  STACK_ABI,
} from "./abi.js";
import { usesRegisterAbi } from "./runtime-facts.js";
import { resolveSelector } from "./selector.js";
import { parseGivenSignature } from "./sig.js";

/** What `--sig` arguments say, by the names of the functions they name. @throws UsageError, UnmeasurableError `no-match` */
export function givenSignatures(texts: readonly string[], symbols: SymbolTable): ReadonlyMap<string, Signature> {
  const given = new Map<string, Signature>();
  for (const text of texts) {
    const { function: name, signature } = parseGivenSignature(text);
    for (const fn of resolveSelector(name, symbols)) given.set(fn.name, signature);
  }
  return given;
}

/** FACT(go1.18..go1.19): DWARF leaves the receiver out of the wrappers of generic methods. */
export const lacksReceiver = (fn: GoFunction, signature: Signature): boolean =>
  !signature.hasReceiver && /\(\*[^()]*\)\.[^.]+$/.test(fn.name) && !fn.name.endsWith("-fm");

/** FACT(go1.18..go1.27): assembly of the runtime, which alone may be written so, that gets its arguments in registers. */
export const REGISTER_ASSEMBLY: ReadonlySet<string> = new Set([
  "internal/bytealg.Compare",
  "runtime.cmpstring",
  "runtime.memclrNoHeapPointers",
  "runtime.memequal",
  "runtime.memequal_varlen",
  "runtime.memhash",
  "runtime.memhash32",
  "runtime.memhash64",
  "runtime.memmove",
  "runtime.strhash",
]);

/** FACT(go1.18..go1.27): the packages whose assembly may get its arguments in registers, of those that a program has. */
const MAY_USE_REGISTERS =
  /^(?:runtime|reflect|syscall|time|internal\/(?:bytealg|chacha8rand|runtime\/.*)|runtime\/internal\/.*)\.[^./]+$/;

/**
 * Whether it is known how a function gets its arguments. Of the runtime's assembly it is where the name is known, or where
 * the compiler made a wrapper that passes them on the stack.
 */
export function isConventionKnown(binary: GoBinary, fn: GoFunction): boolean {
  if (!fn.assembly || REGISTER_ASSEMBLY.has(fn.name) || !MAY_USE_REGISTERS.test(fn.name)) return true;
  return binary.pclntab.findIndexesByName(binary.pclntab.nameOf(fn.index)).length > 1;
}

/**
 * What cgo makes for each C function. FACT(go1.17..go1.27): it hands C its arguments as they lie in memory, so that the
 * compiler passes them on the stack; calls from Go pass through a wrapper that gets them as all Go code does.
 */
const CGO_STUB = /\._C2?func_[^.]*$/;

/** How a function of this binary gets its arguments. */
export function conventionOf(binary: GoBinary, fn: GoFunction): CallingConvention {
  const byAssembly = fn.assembly ? !REGISTER_ASSEMBLY.has(fn.name) : isForAssembly(binary, fn);
  const onStack = CGO_STUB.test(fn.name) ? !fn.wrapper : byAssembly;
  if (onStack || !usesRegisterAbi(binary)) return STACK_ABI;
  return binary.arch === "amd64" ? AMD64_REGISTER_ABI : ARM64_REGISTER_ABI;
}

/**
 * Whether it is the wrapper by which assembly calls a Go function: it bears the name of the function, and gets its
 * arguments as assembly passes them. A wrapper for one instance of a generic function may bear the name of others; assembly
 * calls none of them.
 */
function isForAssembly(binary: GoBinary, fn: GoFunction): boolean {
  if (!fn.wrapper || fn.name.includes("[")) return false;
  const { pclntab } = binary;
  const bodies = pclntab.namesakesOf(fn.index);
  return bodies.some((index) => index !== fn.index && !pclntab.isAssembly(index));
}

/** A function literal, a loop's body, what the compiler makes of `go` and `defer`: it has a closure's context instead. */
const CLOSURE = /(?:\.(?:func|gowrap|deferwrap)|-range)\d[^\]]*$|-fm$/;

/** What the compiler makes to compare or hash the values of a type: its name has the type's, generic or not. */
const OF_TYPE = /^type(?:\.|:)\./;

/**
 * FACT(go1.18..go1.27): the body that instances of one shape share takes a dictionary; its symbol says `go.shape`, which
 * pclntab shortens to `[...]`. A wrapper for one instance passes it and takes none.
 * FACT(go1.18..go1.19): it comes before the receiver; later releases pass it behind.
 */
export function dictionaryOf(binary: GoBinary, fn: GoFunction): DictionaryPlace {
  const shaped = fn.name.includes("[...]") || fn.name.includes("[go.shape.");
  if (!shaped || fn.wrapper || CLOSURE.test(fn.name) || OF_TYPE.test(fn.name)) return "none";
  return binary.version.major === 1 && binary.version.minor < 20 ? "first" : "after-receiver";
}
