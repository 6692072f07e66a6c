/**
 * BPF objects, links, maps and what this kernel offers of them: descriptors with owners instead of bare numbers.
 * Knows nothing of Go, probes or plans.
 */
export {
  BpfObject,
  CodePage,
  type CodePageSite,
  codePageSite,
  LONG_NOP_SITE,
  type ObjectSettings,
} from "../kernel/index.js";
export { attachType, canDoReturns, hasUprobeMulti, loadEmpty } from "./features.js";
export { type Attach, type AttachMode, Link, type SiteAttachment } from "./links.js";
export {
  countCpus,
  deleteElement,
  findElement,
  forEachElement,
  type MapShape,
  possibleCpus,
  requireShape,
  setArrayElement,
  setArrayElements,
} from "./maps.js";
export { readObject } from "./objects.js";
export { RingBuffer } from "./ring-buffer.js";
export { type ProgramRuns, RunStatistics } from "./statistics.js";
