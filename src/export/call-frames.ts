/** The lines of a call's stack: who called it, as far as that is source somebody wrote. */
import type { StackRecord, TracedCall } from "../aggregate/index.js";
import { hex, virtualAddress } from "../base/index.js";
import type { Frame } from "../symbols/index.js";
import type { Symbolizer } from "./pprof-locations.js";

export type CallFrame = Pick<Frame, "function" | "file" | "line">;

/** Where the calls that return to these addresses stand; where functions were inlined, innermost first. */
export const callFrames = (returnAddresses: readonly number[], symbolize: Symbolizer): readonly CallFrame[] =>
  returnAddresses.flatMap((returnAddress): readonly CallFrame[] => {
    const address = virtualAddress(returnAddress - 1);
    const frames = symbolize(address);
    if (frames.length === 0) return [{ function: hex(address), file: undefined, line: undefined }];
    return frames.filter(({ wrapper }) => !wrapper);
  });

/** The callers, innermost first; the probed function itself, whose site is the first frame, is not among them. */
export const framesOf = (stack: StackRecord, symbolize: Symbolizer): readonly CallFrame[] =>
  callFrames(stack.frames.slice(1), symbolize);

/** Where a goroutine was made; undefined when nothing tells it. */
export const creatorOf = ({ createdAt }: TracedCall, symbolize: Symbolizer): CallFrame | undefined =>
  createdAt === undefined ? undefined : callFrames([createdAt], symbolize).at(-1);
