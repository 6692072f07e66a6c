/**
 * From what the user asked for to the exact sites, recipes, conditions and captures of a run: selectors, expressions, planner.
 * Turns a GoBinary and its SymbolTable into a ProbePlan; knows nothing of kernels or processes.
 */

export type * from "./code.js";
export { type ProbeSites, SiteFinder, type SiteSummary } from "./code-sites.js";
export {
  type DescribedVariable,
  type DescriptionRequest,
  describeFunctions,
  type FunctionDescription,
  type PlacedFunction,
  placeFunctions,
} from "./description.js";
export { type Expression, formatExpression } from "./expression.js";
export {
  type DescribedPlace,
  type DescribedSite,
  describeNative,
  type NativeDescription,
  type NativeFunctionDescription,
  type NativeSelection,
  type PlacedNative,
  placeNative,
  type UsdtDescription,
} from "./native-description.js";
export {
  type FunctionMatch,
  findNativeFunctions,
  findUsdtProbes,
  type NativeSelector,
  parseNativeSelector,
  reachesLibraries,
  type UsdtMatch,
} from "./native-selector.js";
export { findFunctionSites, findUsdtSite } from "./native-sites.js";
export { parseExpression } from "./parse-expression.js";
export { partOf } from "./part-of.js";
export * from "./plan.js";
export { type PlanRequest, planProbes } from "./planner.js";
export { refusedByReason, tellRefused } from "./refusals.js";
export { resolveSelector } from "./selector.js";
export { parseGivenSignature } from "./sig.js";
