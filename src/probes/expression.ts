/**
 * The syntax of `--by` expressions: text to tree. What a name means and whether it can be read is for recipes.ts.
 *
 *     comparison = operand [ ( "==" | "!=" ) "nil" ]
 *     operand    = "*" operand | primary { "." NAME | "[" INTEGER "]" }
 *     primary    = NAME | "$" NAME | "(" comparison ")" | CALL "(" comparison ")"
 *                | "lin" "(" comparison "," INTEGER "," INTEGER "," INTEGER ")"
 */
import { UsageError } from "../base/index.js";

export type Expression =
  /** A parameter, result, package or pseudo-name: `tenant`, `ret0`. */
  | { readonly kind: "name"; readonly name: string }
  /** `$goid`, without its dollar sign. */
  | { readonly kind: "special"; readonly name: string }
  | { readonly kind: "field"; readonly of: Expression; readonly name: string }
  | { readonly kind: "index"; readonly of: Expression; readonly index: number }
  | { readonly kind: "dereference"; readonly of: Expression }
  | { readonly kind: "call"; readonly function: CallName; readonly of: Expression }
  | {
      readonly kind: "linear";
      readonly of: Expression;
      readonly low: number;
      readonly width: number;
      readonly buckets: number;
    }
  | { readonly kind: "nil-test"; readonly of: Expression; readonly operator: "==" | "!=" };

export type CallName = "len" | "cap" | "log2" | "type" | "str";

const CALLS: readonly string[] = ["len", "cap", "log2", "type", "str"] satisfies readonly CallName[];

interface Token {
  readonly kind: "name" | "integer" | "symbol" | "end";
  readonly text: string;
  readonly at: number;
}

const TOKEN = /\s*(?:([\p{L}_][\p{L}\p{Nd}_]*)|(-?(?:0[xX][0-9a-fA-F]+|\d+))|(==|!=|[.*()[\],$]))/uy;

function tokenize(text: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  let end = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    end = TOKEN.lastIndex;
    const [, name, integer, symbol] = match;
    const token = name ?? integer ?? symbol ?? "";
    const kind = name !== undefined ? "name" : integer !== undefined ? "integer" : "symbol";
    tokens.push({ kind, text: token, at: end - token.length });
  }
  const rest = text.slice(end);
  if (rest.trim() !== "") fail(text, end + rest.length - rest.trimStart().length, "this is no part of an expression");
  tokens.push({ kind: "end", text: "", at: text.length });
  return tokens;
}

function fail(text: string, at: number, detail: string): never {
  throw new UsageError(`expression "${text}": ${detail}`, { hint: `${text}\n${" ".repeat(at)}^` });
}

// LIMIT: how deep an expression may nest, and how many fields and elements it may name; keeps the stack bounded of
// whatever walks its tree.
const MAX_DEPTH = 64;

/** @throws UsageError whose hint points at the place. */
export function parseExpression(text: string): Expression {
  const parser = new Parser(text);
  const expression = parser.comparison();
  parser.expectEnd();
  return expression;
}

class Parser {
  private readonly text: string;
  private readonly tokens: readonly Token[];
  private position = 0;
  private depth = 0;
  private selections = 0;

  constructor(text: string) {
    this.text = text;
    this.tokens = tokenize(text);
  }

  comparison(): Expression {
    const of = this.operand();
    const operator = this.token.text;
    if (operator !== "==" && operator !== "!=") return of;
    this.position++;
    const right = this.token;
    if (right.text !== "nil") this.fail("--by compares with nil only", right);
    this.position++;
    return { kind: "nil-test", of, operator };
  }

  expectEnd(): void {
    if (this.token.kind !== "end") this.fail(`"${this.token.text}" is not expected here`);
  }

  private get token(): Token {
    return this.tokens[this.position] ?? { kind: "end", text: "", at: this.text.length };
  }

  private fail(detail: string, token = this.token): never {
    return fail(this.text, token.at, detail);
  }

  private operand(): Expression {
    if (++this.depth > MAX_DEPTH) this.fail("it nests too deeply");
    // As in Go, a star binds less tightly than what follows its operand: *p.next is *(p.next).
    let expression: Expression = this.accept("*") ? { kind: "dereference", of: this.operand() } : this.primary();
    for (;;) {
      if (this.accept(".")) {
        expression = { kind: "field", of: expression, name: this.name("a field's name") };
      } else if (this.accept("[")) {
        const index = this.integer();
        if (index < 0) this.fail("an index is not negative");
        this.expect("]");
        expression = { kind: "index", of: expression, index };
      } else {
        this.depth--;
        return expression;
      }
      if (++this.selections > MAX_DEPTH) this.fail("it goes too deep");
    }
  }

  private primary(): Expression {
    const token = this.token;
    if (this.accept("$")) return { kind: "special", name: this.name("a name") };
    if (this.accept("(")) {
      const inner = this.comparison();
      this.expect(")");
      return inner;
    }
    if (token.kind !== "name") {
      this.fail(token.kind === "end" ? "something is missing here" : `"${token.text}" is not expected here`);
    }
    this.position++;
    if (!this.accept("(")) return { kind: "name", name: token.text };
    return this.call(token);
  }

  private call(token: Token): Expression {
    if (token.text !== "lin" && !CALLS.includes(token.text)) {
      this.fail(`there is no function ${token.text}; there are len, cap, log2 and lin`, token);
    }
    const of = this.comparison();
    if (token.text !== "lin") {
      this.expect(")");
      return { kind: "call", function: token.text as CallName, of };
    }
    const operand = (): number => {
      this.expect(",");
      return this.integer();
    };
    const [low, high, width] = [operand(), operand(), operand()];
    this.expect(")");
    if (width <= 0) this.fail("lin(e, low, high, width): width must be positive", token);
    if (high <= low) this.fail("lin(e, low, high, width): high must be greater than low", token);
    return { kind: "linear", of, low, width, buckets: Math.ceil((high - low) / width) };
  }

  private accept(symbol: string): boolean {
    if (this.token.kind !== "symbol" || this.token.text !== symbol) return false;
    this.position++;
    return true;
  }

  private expect(symbol: string): void {
    if (!this.accept(symbol)) this.fail(`"${symbol}" is expected here`);
  }

  private name(what: string): string {
    const token = this.token;
    if (token.kind !== "name") this.fail(`${what} is expected here`);
    this.position++;
    return token.text;
  }

  private integer(): number {
    const token = this.token;
    if (token.kind !== "integer") this.fail("an integer is expected here");
    const negative = token.text.startsWith("-");
    const value = Number(negative ? token.text.slice(1) : token.text);
    if (!Number.isSafeInteger(value)) this.fail("the integer is too large");
    this.position++;
    return negative ? -value : value;
  }
}

/** The expression as Go would have it written. */
export function formatExpression(expression: Expression): string {
  switch (expression.kind) {
    case "name":
      return expression.name;
    case "special":
      return `$${expression.name}`;
    case "field":
      return `${formatOperand(expression.of)}.${expression.name}`;
    case "index":
      return `${formatOperand(expression.of)}[${expression.index}]`;
    case "dereference":
      return `*${formatExpression(expression.of)}`;
    case "call":
      return `${expression.function}(${formatExpression(expression.of)})`;
    case "linear": {
      const { low, width, buckets } = expression;
      return `lin(${formatExpression(expression.of)}, ${low}, ${low + buckets * width}, ${width})`;
    }
    case "nil-test":
      return `${formatExpression(expression.of)} ${expression.operator} nil`;
  }
}

const formatOperand = (expression: Expression): string =>
  expression.kind === "dereference" || expression.kind === "nil-test"
    ? `(${formatExpression(expression)})`
    : formatExpression(expression);
