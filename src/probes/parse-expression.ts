/**
 * The syntax of expressions and conditions: text to tree, after Go's precedence. One grammar serves all options: a
 * condition is an expression that is true or false.
 *
 *     condition   = conjunction { "||" conjunction }
 *     conjunction = comparison { "&&" comparison }
 *     comparison  = side [ RELATION side ]                 one of the two sides may be a literal
 *     side        = LITERAL | "!" side | operand
 *     operand     = "*" operand | primary { "." NAME | "[" KEY "]" }
 *     primary     = NAME | "$" NAME | "(" condition ")" | CALL "(" condition ")"
 *                 | "lin" "(" condition "," INTEGER "," INTEGER "," INTEGER ")"
 *                 | "hasPrefix" "(" condition "," STRING ")" | "value" "(" condition "," TYPE ")"
 *                 | "str" "(" condition "," condition ")"
 */
import type { Relation } from "./code.js";
import { type CallName, type Expression, isTruth, type KeyLiteral, type Literal } from "./expression.js";
import { failAt, type Token, tokenize } from "./tokens.js";

const CALLS: readonly string[] = [
  "len",
  "cap",
  "log2",
  "type",
  "str",
  "word",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
] satisfies readonly CallName[];

// LIMIT: how deep an expression may nest, and how many fields and elements it may name; keeps the stack bounded of
// whatever walks its tree.
const MAX_DEPTH = 64;

/** Relations, and what each is when its sides change places. */
const RELATIONS: ReadonlyMap<string, Relation> = new Map<Relation, Relation>([
  ["==", "=="],
  ["!=", "!="],
  ["<", ">"],
  ["<=", ">="],
  [">", "<"],
  [">=", "<="],
]);

/** @throws UsageError whose hint points at the place. */
export function parseExpression(text: string): Expression {
  const parser = new Parser(text);
  const expression = parser.condition();
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

  condition(): Expression {
    return this.chain("any", "||", () => this.chain("all", "&&", () => this.comparison()));
  }

  expectEnd(): void {
    if (this.token.kind !== "end") this.fail(`"${this.token.text}" is not expected here`);
  }

  private get token(): Token {
    return this.tokens[this.position] ?? { kind: "end", text: "", at: this.text.length };
  }

  private fail(detail: string, token = this.token): never {
    return failAt(this.text, token.at, detail);
  }

  /** Parts joined by an operator; brackets around a part that is such a chain itself make no difference. */
  private chain(kind: "all" | "any", operator: string, part: () => Expression): Expression {
    const first = part();
    if (!this.isSymbol(operator)) return first;
    const parts = [first];
    while (this.accept(operator)) parts.push(part());
    if (parts.length > MAX_DEPTH) this.fail("it has too many parts");
    return { kind, of: parts.flatMap((each) => (each.kind === kind ? each.of : [each])) };
  }

  private comparison(): Expression {
    const begin = this.token;
    const left = this.side();
    const operator = this.token;
    const turned = operator.kind === "symbol" ? RELATIONS.get(operator.text) : undefined;
    if (turned === undefined) {
      if (left.kind === "literal") this.fail("this is compared with nothing", begin);
      return left;
    }
    this.position++;
    if (begin.kind === "symbol" && begin.text === "!") {
      this.fail(`"!" goes before the comparison: put that in brackets`, begin);
    }
    const right = this.side();
    const relation = operator.text as Relation;
    if (left.kind !== "literal") {
      return right.kind === "literal"
        ? { kind: "compare", of: left, relation, with: right.literal }
        : { kind: "relate", of: left, relation, to: right };
    }
    if (right.kind === "literal") this.fail("this compares nothing of the program", begin);
    return { kind: "compare", of: right, relation: turned, with: left.literal };
  }

  private side(): Expression | { readonly kind: "literal"; readonly literal: Literal } {
    const token = this.token;
    if (token.kind === "literal") {
      this.position++;
      return { kind: "literal", literal: token.literal };
    }
    if (!this.accept("!")) return this.operand();
    this.enter();
    const inner = this.side();
    this.depth--;
    if (inner.kind === "literal") this.fail("there is nothing to negate", token);
    return inner.kind === "not" ? inner.of : { kind: "not", of: inner };
  }

  private operand(): Expression {
    this.enter();
    // As in Go, a star binds less tightly than what follows its operand: *p.next is *(p.next).
    const starred = this.accept("*");
    let expression: Expression = starred ? { kind: "dereference", of: this.operand() } : this.primary();
    for (;;) {
      const at = this.token;
      if (this.accept(".")) {
        expression = { kind: "field", of: expression, name: this.name("a field's name") };
      } else if (this.accept("[")) {
        expression = { kind: "index", of: expression, at: this.key() };
        this.expect("]");
      } else {
        this.depth--;
        return expression;
      }
      if (isTruth(expression.of)) this.fail("what is true or false has no parts", at);
      if (++this.selections > MAX_DEPTH) this.fail("it goes too deep");
    }
  }

  private primary(): Expression {
    const token = this.token;
    if (this.accept("$")) return { kind: "special", name: this.name("a name") };
    if (this.accept("(")) {
      const inner = this.condition();
      this.expect(")");
      return inner;
    }
    if (token.kind !== "name") {
      this.fail(token.kind === "end" ? "something is missing here" : `"${token.text}" is not expected here`);
    }
    this.position++;
    if (!this.accept("(")) return { kind: "name", name: token.text };
    const call = this.call(token);
    this.expect(")");
    return call;
  }

  /** What a function is applied to, up to the closing bracket. */
  private call(token: Token): Expression {
    const name = token.text;
    if (!CALLS.includes(name) && name !== "lin" && name !== "hasPrefix" && name !== "value") {
      this.fail(
        `there is no function ${name}; there are len, cap, type, log2, lin, hasPrefix, value, word, str and int8 to uint64`,
        token,
      );
    }
    const of = this.condition();
    if (name === "lin") return this.linear(of, token);
    if (name === "hasPrefix") {
      this.expect(",");
      const { token: prefix } = this;
      if (prefix.kind !== "literal" || prefix.literal.kind !== "string") this.fail("a string is expected here");
      this.position++;
      return { kind: "prefix", of, prefix: prefix.literal.value };
    }
    if (name === "value") {
      this.expect(",");
      return { kind: "context-value", of, type: this.typeName() };
    }
    if (name === "str" && this.accept(",")) return { kind: "counted-string", of, length: this.condition() };
    return { kind: "call", function: name as CallName, of };
  }

  private linear(of: Expression, token: Token): Expression {
    const operand = (): number => {
      this.expect(",");
      return this.integer();
    };
    const [low, high, width] = [operand(), operand(), operand()];
    if (width <= 0) this.fail("lin(e, low, high, width): width must be positive", token);
    if (high <= low) this.fail("lin(e, low, high, width): high must be greater than low", token);
    return { kind: "linear", of, low, width, buckets: Math.ceil((high - low) / width) };
  }

  /** `main.key`, `*main.key`, `github.com/a/b.Key`, `string`. */
  private typeName(): string {
    const star = this.accept("*") ? "*" : "";
    const first = this.name("a type's name");
    return `${star}${first}${this.accept(".") ? `.${this.name("a type's name")}` : ""}`;
  }

  private key(): KeyLiteral {
    const { token } = this;
    if (token.kind !== "literal") this.fail("an integer or a string is expected here");
    const { literal } = token;
    if (literal.kind !== "integer" && literal.kind !== "character" && literal.kind !== "string") {
      this.fail("an integer or a string is expected here");
    }
    this.position++;
    return literal;
  }

  private enter(): void {
    if (++this.depth > MAX_DEPTH) this.fail("it nests too deeply");
  }

  private isSymbol(symbol: string): boolean {
    return this.token.kind === "symbol" && this.token.text === symbol;
  }

  private accept(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
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
    if (token.kind !== "literal" || token.literal.kind !== "integer") this.fail("an integer is expected here");
    const value = Number(token.literal.value);
    if (!Number.isSafeInteger(value)) this.fail("the integer is too large");
    this.position++;
    return value;
  }
}
