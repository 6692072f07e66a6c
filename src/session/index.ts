/**
 * A plan set to work on a running target: loads programs, attaches, reads what they count, detaches.
 * Turns a ProbePlan and a Target into RecordBatches; does not interpret them.
 */

export { type Keep, kernelMemory, SERIES_CAPACITY } from "./capacities.js";
export { examineMachine, type MachineFindings } from "./machine.js";
export { Session, type SessionOptions } from "./session.js";
export { type CommandEnd, openTarget, type Target, type TargetRequest } from "./target.js";
