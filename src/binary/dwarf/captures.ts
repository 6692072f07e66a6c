/**
 * Closures: which variables a function literal captured and where they are in its context, and where a method value keeps
 * its receiver. FACT(go1.17..go1.27): a context begins with the code's address; what was captured follows.
 */
import type { CapturedVariable, Captures, GoType } from "../gotype.js";
import { parseReceiver } from "./receiver.js";

/** What is asked of a function. */
export interface ClosureFunction {
  readonly name: string;
  readonly variables: () => readonly {
    readonly name: string;
    readonly type: GoType;
    readonly contextOffset: number | undefined;
  }[];
  /** Whether its compiler writes down where captured variables are. */
  readonly listsCaptures: boolean;
  readonly findType: (name: string) => GoType | undefined;
  /** The name of a method's receiver; undefined when it has none, or nothing says it. */
  readonly findReceiverName: (method: string) => string | undefined;
}

const METHOD_VALUE = "-fm";
/** A function literal, the body of a loop over a function, and what the compiler makes of `go` and `defer`. */
const LITERAL = /(?:\.func|-range)\d+(?:\.\d+|-range\d+)*$/;
const STATEMENT = /\.(?:gowrap|deferwrap)\d+$/;

const CODE_ADDRESS = 8;

/** Undefined for a function that has no context. */
export function capturesOf(fn: ClosureFunction): (() => Captures) | undefined {
  if (fn.name.endsWith(METHOD_VALUE)) return () => methodValue(fn);
  if (STATEMENT.test(fn.name)) {
    return () => ({ variables: [], gap: "its debug data do not say what its go or defer statement carries" });
  }
  if (!LITERAL.test(fn.name)) return undefined;
  return () => {
    const gap = fn.listsCaptures
      ? "its debug data leave out captured variables that never have a place of their own"
      : "debug data of Go before 1.23 do not say where captured variables are";
    return { variables: fn.variables().flatMap(captured), gap };
  };
}

function captured(variable: ReturnType<ClosureFunction["variables"]>[number]): readonly CapturedVariable[] {
  const { name, type, contextOffset: offset } = variable;
  if (offset === undefined) return [];
  if (!name.startsWith("&")) return [{ name, type, offset, held: "value" }];
  // The variable of the compiler's own that holds the captured one's address.
  if (type.kind !== "pointer") return [];
  const target = type.target();
  return [{ name: name.slice(1), type: target, offset, held: isCapturedByAddress(target) ? "address" : "unknown" }];
}

/** FACT(go1.17..go1.27): nothing larger is captured by value. */
const MAX_BY_VALUE = 128;
/** FACT(go1.17..go1.27): values of at most four words, in structs of at most four fields, are kept in registers. */
const MAX_IN_REGISTERS = 32;
const MAX_FIELDS = 4;
/** LIMIT: structs and arrays in each other; damaged debug data may have them without end. */
const MAX_NESTING = 8;

/**
 * Whether a captured variable that the code reaches by its address is one whose address was captured. One that was copied
 * into the context, but that the compiler cannot keep in registers, is reached so too.
 */
function isCapturedByAddress(type: GoType): boolean {
  return type.size > MAX_BY_VALUE || fitsRegisters(type);
}

/** Whether the compiler keeps values of a type in registers, apart by parts, where it can. */
export function fitsRegisters(type: GoType, nesting = MAX_NESTING): boolean {
  if (nesting === 0 || type.size > MAX_IN_REGISTERS) return false;
  if (type.kind === "array") return type.length <= 1 && fitsRegisters(type.element(), nesting - 1);
  if (type.kind !== "struct") return true;
  return type.fields.length <= MAX_FIELDS && type.fields.every((field) => fitsRegisters(field.type, nesting - 1));
}

/** FACT(go1.17..go1.27): the context of `x.Method` holds the code's address and x. */
function methodValue(fn: ClosureFunction): Captures {
  const method = fn.name.slice(0, -METHOD_VALUE.length);
  const receiver = parseReceiver(method);
  const type = receiver && fn.findType(receiver.typeName);
  if (type === undefined) return { variables: [], gap: "its debug data do not say what its receiver is" };
  const name = fn.findReceiverName(method) ?? "receiver";
  return { variables: [{ name, type, offset: CODE_ADDRESS, held: "value" }], gap: undefined };
}
