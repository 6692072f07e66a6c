/**
 * Turns results, plans, lists and errors into what leaves the program: text for people, JSON for scripts, pprof for
 * profile viewers. Values in, strings or bytes out. Knows nothing of files, terminals, processes or how things were measured.
 */
export { type CallLoss, formatBalanceText } from "./balance-text.js";
export { callFrames } from "./call-frames.js";
export { formatFlowJson, formatTraceJson } from "./call-json.js";
export type { CallStyle } from "./call-text.js";
export { type DoctorCheck, formatDoctorJson, formatDoctorText } from "./doctor.js";
export { formatErrorJson } from "./error-json.js";
export { formatErrorText } from "./error-text.js";
export { FlowText } from "./flow-text.js";
export { formatHistJson } from "./hist-json.js";
export { formatHistText, HIST_TEXT_DEFAULTS, type HistTextOptions } from "./hist-text.js";
export { formatListJson, formatNamesJson } from "./list-json.js";
export type * from "./list-shape.js";
export { formatListText, formatNamesText, type ListLayout } from "./list-text.js";
export { formatPlanJson } from "./plan-json.js";
export type * from "./plan-shape.js";
export { formatPlanText } from "./plan-text.js";
export { encodeProfile, type ProfileMapping, type ProfileRequest } from "./pprof.js";
export type { Symbolizer } from "./pprof-locations.js";
export { formatRecipesJson, formatRecipesText, type RecipeSummary } from "./recipes.js";
export { buildIdOf, type Noun, nounOf, type Run, type RunProbe, type RunTarget } from "./run.js";
export { displayWidth, fit, fitSymbol, paint, type TextStyle, type Tone } from "./style.js";
export { type CallTextOptions, formatTraceText } from "./trace-text.js";
export { formatBytes, formatCount, formatNanoseconds, formatQuantity, formatShare } from "./units.js";
