/**
 * `--sig 'FUNC=func(SIGNATURE)'`: the signature of a function whose binary has lost its types, in Go's own syntax.
 *
 * Types are Go's built-in ones and what can be made of them; a type with a name of its own is written as what it is
 * underneath. The receiver of a pointer method (`main.(*Store).Lookup`) is implied, as an opaque pointer; that of a value
 * method is written as the first parameter, which is how it is passed.
 */
import { UsageError } from "../base/index.js";
import type { GoField, GoType, GoVariable, Signature } from "../binary/index.js";
import { alignmentOf } from "./abi.js";

export interface GivenSignature {
  /** The function's symbol, as written. */
  readonly function: string;
  readonly signature: Signature;
}

const POINTER = 8;

const integer = (name: string, size: number, signed: boolean): GoType => ({ kind: "int", name, size, signed });

const OPAQUE: GoType = { kind: "opaque-pointer", name: "unsafe.Pointer", size: POINTER };

/** A type's interface values are compared with nil only, so their methods do not matter. */
const interfaceType = (name: string, empty: boolean): GoType => ({ kind: "interface", name, size: 16, empty });

/** Types known by name; the last ones for convenience, as they are what people most often have as arguments. */
const NAMED: ReadonlyMap<string, GoType> = new Map(
  [
    integer("int", 8, true),
    integer("int8", 1, true),
    integer("int16", 2, true),
    integer("int32", 4, true),
    integer("int64", 8, true),
    integer("rune", 4, true),
    integer("uint", 8, false),
    integer("uint8", 1, false),
    integer("uint16", 2, false),
    integer("uint32", 4, false),
    integer("uint64", 8, false),
    integer("byte", 1, false),
    integer("uintptr", 8, false),
    integer("time.Duration", 8, true),
    { kind: "bool", name: "bool", size: 1 } as const,
    { kind: "float", name: "float32", size: 4 } as const,
    { kind: "float", name: "float64", size: 8 } as const,
    { kind: "complex", name: "complex64", size: 8 } as const,
    { kind: "complex", name: "complex128", size: 16 } as const,
    { kind: "string", name: "string", size: 16 } as const,
    interfaceType("error", false),
    interfaceType("any", true),
    interfaceType("context.Context", false),
    OPAQUE,
  ].map((type) => [type.name, type]),
);

/** @throws UsageError whose hint points at the place. */
export function parseGivenSignature(text: string): GivenSignature {
  const split = /^\s*(.+?)\s*=\s*func\s*\(/s.exec(text);
  if (split === null) {
    throw new UsageError(`--sig "${text}" is not FUNC=func(SIGNATURE)`, {
      hint: "for example: --sig 'main.(*Store).Lookup=func(tenant string, n int) (string, error)'",
    });
  }
  const name = split[1] ?? "";
  const parser = new SignatureParser(text, split[0].length - 1);
  const { parameters, results } = parser.functionType();
  parser.expectEnd();
  const hasReceiver = /\.\(\*[^()]+\)\.[^.]+$/.test(name);
  const receiver: GoVariable = { name: "", type: OPAQUE };
  return {
    function: name,
    signature: {
      parameters: hasReceiver ? [receiver, ...parameters] : parameters,
      results,
      hasReceiver,
      source: "sig",
    },
  };
}

const TOKEN =
  /\s*(\.\.\.|<-|[\p{L}_][\p{L}\p{Nd}_]*(?:\.[\p{L}_][\p{L}\p{Nd}_]*)?|\d+|"(?:[^"\\]|\\.)*"|`[^`]*`|[()[\]{},;*])/uy;

// LIMIT: nesting of types, and the size of an array in bytes; both keep hostile text from costing anything.
const MAX_DEPTH = 64;
const MAX_SIZE = 2 ** 40;

const isName = (token: string): boolean => /^[\p{L}_]/u.test(token);

/** Words that begin a type and so can't be a parameter's name. */
const KEYWORDS = new Set(["func", "map", "chan", "struct", "interface"]);

class SignatureParser {
  private readonly text: string;
  private position: number;
  private depth = 0;

  constructor(text: string, position: number) {
    this.text = text;
    this.position = position;
  }

  functionType(): { readonly parameters: readonly GoVariable[]; readonly results: readonly GoVariable[] } {
    const parameters = this.list();
    if (this.peek() === "(") return { parameters, results: this.list() };
    if (this.startsType()) return { parameters, results: [{ name: "", type: this.type() }] };
    return { parameters, results: [] };
  }

  expectEnd(): void {
    if (this.text.slice(this.position).trim() !== "") this.fail("this does not belong to a signature");
  }

  /** `(a, b int, c string)`, `(int, string)`, `(prefix string, rest ...int)`. */
  private list(): readonly GoVariable[] {
    this.expect("(");
    const entries: { readonly name: string | undefined; readonly type: GoType | undefined }[] = [];
    while (!this.accept(")")) {
      entries.push(this.entry());
      if (this.peek() !== ")") this.expect(",");
    }
    return entries.some((entry) => entry.name !== undefined && entry.type !== undefined)
      ? this.named(entries)
      : entries.map((entry) => ({ name: "", type: entry.type ?? this.typeNamed(entry.name ?? "") }));
  }

  /** A lone word may be a name that shares the type after it, or a type: only the whole list tells. */
  private entry(): { readonly name: string | undefined; readonly type: GoType | undefined } {
    const first = this.peek();
    if (!isName(first) || KEYWORDS.has(first)) return { name: undefined, type: this.variadic() };
    this.next();
    const after = this.peek();
    if (after === "," || after === ")") return { name: first, type: undefined };
    return { name: first, type: this.variadic() };
  }

  private named(
    entries: readonly { readonly name: string | undefined; readonly type: GoType | undefined }[],
  ): readonly GoVariable[] {
    const variables: GoVariable[] = [];
    let type: GoType | undefined;
    for (const entry of entries.toReversed()) {
      type = entry.type ?? type;
      if (entry.name === undefined || type === undefined) this.fail("named and unnamed parameters are mixed");
      variables.push({ name: entry.name, type });
    }
    return variables.reverse();
  }

  private variadic(): GoType {
    return this.accept("...") ? sliceOf(this.type()) : this.type();
  }

  private startsType(): boolean {
    const token = this.peek();
    return token === "*" || token === "[" || token === "<-" || token === "(" || isName(token);
  }

  private type(): GoType {
    if (++this.depth > MAX_DEPTH) this.fail("the type nests too deeply");
    const type = this.typeInside();
    this.depth--;
    return type;
  }

  private typeInside(): GoType {
    const token = this.next();
    switch (token) {
      case "*": {
        const target = this.type();
        return { kind: "pointer", name: `*${target.name}`, size: POINTER, target: () => target };
      }
      case "(": {
        const type = this.type();
        this.expect(")");
        return type;
      }
      case "[":
        return this.arrayOrSlice();
      case "<-":
        this.expect("chan");
        return chanOf(this.type(), "<-chan");
      case "chan":
        return this.accept("<-") ? chanOf(this.type(), "chan<-") : chanOf(this.type(), "chan");
      case "map": {
        this.expect("[");
        const key = this.type();
        this.expect("]");
        const value = this.type();
        const name = `map[${key.name}]${value.name}`;
        return { kind: "map", name, size: POINTER, key: () => key, element: () => value };
      }
      case "func": {
        this.functionType();
        return { kind: "func", name: "func", size: POINTER };
      }
      case "struct":
        return this.structType();
      case "interface":
        this.expect("{");
        this.expect("}");
        return interfaceType("interface {}", true);
      default:
        return this.typeNamed(token);
    }
  }

  private arrayOrSlice(): GoType {
    if (this.accept("]")) return sliceOf(this.type());
    const digits = this.next();
    if (!/^\d+$/.test(digits)) this.fail("an array's length is expected here");
    this.expect("]");
    const element = this.type();
    const length = Number(digits);
    const size = length * element.size;
    if (!Number.isSafeInteger(length) || size > MAX_SIZE) this.fail("the array is too large");
    return { kind: "array", name: `[${length}]${element.name}`, size, length, element: () => element };
  }

  private structType(): GoType {
    this.expect("{");
    const members: { readonly name: string; readonly type: GoType }[] = [];
    while (!this.accept("}")) {
      const names = [this.fieldName()];
      while (this.accept(",")) names.push(this.fieldName());
      const type = this.type();
      for (const name of names) members.push({ name, type });
      if (/^["`]/.test(this.peek())) this.next();
      if (this.peek() !== "}") this.expect(";");
    }
    return layOut(members);
  }

  private fieldName(): string {
    const name = this.next();
    if (!/^[\p{L}_][\p{L}\p{Nd}_]*$/u.test(name)) this.fail("a field's name is expected here");
    return name;
  }

  private typeNamed(name: string): GoType {
    const type = NAMED.get(name);
    if (type !== undefined) return type;
    if (!isName(name)) this.fail("a type is expected here");
    return this.fail(`${name} is no built-in type: write what it is underneath, such as string, int64, *struct{}`);
  }

  /** The token here, without taking it; empty at the end. */
  private peek(): string {
    TOKEN.lastIndex = this.position;
    return TOKEN.exec(this.text)?.[1] ?? "";
  }

  private next(): string {
    TOKEN.lastIndex = this.position;
    const match = TOKEN.exec(this.text);
    if (match === null) return this.fail("the signature is not complete");
    this.position = TOKEN.lastIndex;
    return match[1] ?? "";
  }

  private accept(token: string): boolean {
    if (this.peek() !== token) return false;
    this.next();
    return true;
  }

  private expect(token: string): void {
    if (!this.accept(token)) this.fail(`"${token}" is expected here`);
  }

  private fail(detail: string): never {
    const rest = this.text.slice(this.position);
    const at = this.position + rest.length - rest.trimStart().length;
    throw new UsageError(`--sig "${this.text}": ${detail}`, { hint: `${this.text}\n${" ".repeat(at)}^` });
  }
}

const sliceOf = (element: GoType): GoType => ({
  kind: "slice",
  name: `[]${element.name}`,
  size: 24,
  element: () => element,
});

const chanOf = (element: GoType, word: string): GoType => ({
  kind: "chan",
  name: `${word} ${element.name}`,
  size: POINTER,
  element: () => element,
});

const roundUp = (value: number, alignment: number): number => Math.ceil(value / alignment) * alignment;

/** A struct as the compiler lays it out; one that ends in an empty field is a byte longer. */
function layOut(members: readonly { readonly name: string; readonly type: GoType }[]): GoType {
  let end = 0;
  const fields = members.map(({ name, type }): GoField => {
    const offset = roundUp(end, alignmentOf(type));
    end = offset + type.size;
    return { name, offset, embedded: false, type };
  });
  if (end > 0 && fields.at(-1)?.type.size === 0) end++;
  const alignment = Math.max(1, ...fields.map((field) => alignmentOf(field.type)));
  const inside = members.map(({ name, type }) => `${name} ${type.name}`).join("; ");
  const name = inside === "" ? "struct {}" : `struct { ${inside} }`;
  return { kind: "struct", name, size: roundUp(end, alignment), fields };
}
