/**
 * The only door to the running kernel: libbpf, bpf(2), perf_event_open(2) and close(2) through koffi. Numbers and
 * buffers in, descriptors and errnos out. Knows nothing of Go, probes or plans.
 */
export { findProcessCpuTime, readClocks, readEndedChildrenCpuTime } from "./clock.js";
export { CodePage, type CodePageSite, codePageSite, LONG_NOP_SITE } from "./code-page.js";
export { ENOTSUPP, errnoName, kernelError, targetGone } from "./errno.js";
export { BpfObject, type ObjectSettings } from "./libbpf.js";
export { RingMapping } from "./ring-mapping.js";
export {
  ATTACH_UPROBE_MULTI,
  type BatchResult,
  closeDescriptor,
  closeInBackground,
  createPerfEventLink,
  createUprobeMultiLink,
  deleteMapElement,
  ERRNO,
  enableRunStatistics,
  failed,
  lookupMapBatch,
  lookupMapElement,
  mapSizes,
  openUprobeEvent,
  type ProbeMoment,
  programRunStatistics,
  type SystemCallFailure,
  type SystemCallResult,
  type UprobeMultiAttach,
  updateMapBatch,
  updateMapElement,
} from "./syscalls.js";
