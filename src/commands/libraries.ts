/** The shared libraries of a target: those that its process has mapped, or those that its file is linked to. */
import type { Target } from "../session/index.js";
import type { CodeFile } from "../symbols/index.js";

/** Every file with code besides the target's own. */
export async function openLibraries(_target: Target, _main: CodeFile): Promise<readonly CodeFile[]> {
  return [];
}
