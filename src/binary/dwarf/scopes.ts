/** Which functions' code an instruction is, one inlined into the other, and the variables that can be named there. */
import { TAG } from "./constants.js";
import type { Die } from "./die.js";
import type { Dwarf } from "./dwarf.js";
import { type DwarfVariable, readVariables } from "./locals.js";
import { nameOf } from "./origins.js";
import { rangesOf } from "./ranges.js";

/** One function at an instruction. */
export interface ScopeAtAddress {
  readonly function: string;
  /** Of its blocks that hold the instruction, innermost block first, each in file order. */
  readonly variables: readonly DwarfVariable[];
}

/** The function of `die`, then what was inlined at `address`, from the outside inwards. */
export function scopesAt(dwarf: Dwarf, die: Die, address: number): readonly ScopeAtAddress[] {
  const scopes: ScopeAtAddress[] = [];
  for (let next: Die | undefined = die; next !== undefined; ) {
    const blocks: Die[] = [next];
    let inlined: Die | undefined;
    for (let block: Die | undefined = next; block !== undefined; ) {
      let inner: Die | undefined;
      for (const child of block.children()) {
        if (child.tag !== TAG.lexicalBlock && child.tag !== TAG.inlinedSubroutine) continue;
        if (!rangesOf(child).some(({ start, end }) => start <= address && address < end)) continue;
        if (child.tag === TAG.lexicalBlock) inner = child;
        else inlined = child;
      }
      if (inner !== undefined) blocks.unshift(inner);
      block = inner;
    }
    scopes.push({
      function: nameOf(dwarf, next),
      variables: blocks.flatMap((block) => readVariables(dwarf, block)),
    });
    next = inlined;
  }
  return scopes;
}
