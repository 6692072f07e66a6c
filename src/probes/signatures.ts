/** What a function's signature means for its calling convention, and which signature holds when several are known. */
import type { GoBinary, Signature } from "../binary/index.js";
import type { GoFunction, SymbolTable } from "../symbols/index.js";
import { AMD64_REGISTER_ABI, ARM64_REGISTER_ABI, type CallingConvention, STACK_ABI } from "./abi.js";
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

/** How a function of this binary gets its arguments. */
export function conventionOf(binary: GoBinary, fn: GoFunction): CallingConvention {
  if (fn.assembly || !usesRegisterAbi(binary)) return STACK_ABI;
  return binary.arch === "amd64" ? AMD64_REGISTER_ABI : ARM64_REGISTER_ABI;
}

/**
 * FACT(go1.18..go1.27): the body that instances of one shape share takes a dictionary; its symbol says `go.shape`, which
 * pclntab shortens to `[...]`. A wrapper for one instance passes it and takes none.
 */
export const takesDictionary = (fn: GoFunction): boolean =>
  !fn.wrapper && (fn.name.includes("[...]") || fn.name.includes("[go.shape."));
