/**
 * Go programs made by chance, of many small functions that the compiler inlines, each called at one place: where
 * nothing is left of one copy of several, no table of the binary tells of it.
 *
 * What makes a copy hard to count is that nothing of it need be left as it was: its instructions are merged with the
 * caller's, moved before the branch that decides about the call, shared between copies, or gone. So the functions are
 * mostly one expression, and the calls stand where code is moved most: under a condition, in a condition, in a loop and
 * in its head, in a deferred function, nested in another inlined function. Some functions load, store, branch, loop or
 * call, so that there are anchors as well. Most calls are spread over lines, to give arguments lines of their own.
 *
 * A mark stands where something is counted. The measured program has none of them; its twin, with the same lines,
 * counts there itself.
 */
import { Random } from "../fuzz/random.js";

export interface RandomProgram {
  /** The program to measure. */
  readonly plain: string;
  /** The same, counting by line number what happens there. */
  readonly counting: string;
  /** The line on which the twin counts a function's calls, by its name. */
  readonly functions: ReadonlyMap<string, number>;
  /** The lines of statements that are whole on them. */
  readonly statements: readonly number[];
}

const MARK = "#";
const OPERATORS = ["+", "-", "*", "&", "|", "^", "+", "-"];
const RELATIONS = ["<", ">", "==", "!=", "<=", ">="];
const LOADS = ["p.a", "p.b", "int(p.c)", "s[x&7]", "s[y&7]", "glob", "int(bs[x&3])", "len(s)", "*q"];

/** LIMIT: small enough to be inlined by every Go version, more often than not. */
const STATEMENTS_OF_A_FUNCTION = [1, 1, 2, 3];
const STATEMENTS_OF_A_CALLER = [1, 1, 1, 2, 3];
const ROUNDS = 10;

/** Always of the same text for the same seed. `functions` is how many there are to inline, or one or two more. */
export function randomProgram(seed: number, functions: number): RandomProgram {
  const { callees, callers } = new Writer(new Random(seed), functions).write();
  const source = `${PRELUDE}${callees.join("")}${callers.join("")}${mainOf(callers.length)}`;
  const lines = source.split("\n");
  const marked = lines.flatMap((line, index) => (line.includes(MARK) ? [{ line, number: index + 1 }] : []));
  const nameOf = (line: string): string | undefined => /^func (f\d+)\(/.exec(line)?.[1];
  return {
    plain: source.replaceAll(MARK, ""),
    counting: lines.map((line, index) => line.replace(MARK, ` hits[${index + 1}]++; `)).join("\n"),
    functions: new Map(
      marked.flatMap(({ line, number }) => {
        const name = nameOf(line);
        return name === undefined ? [] : [[name, number]];
      }),
    ),
    statements: marked.filter(({ line }) => nameOf(line) === undefined).map(({ number }) => number),
  };
}

/** What can stand at a place, with how often it does in relation to the others. */
type Choices = readonly (readonly [weight: number, make: () => string])[];
type Names = readonly string[];

class Writer {
  private readonly callees: string[] = [];
  private readonly callers: string[] = [];
  private readonly random: Random;
  private readonly wanted: number;
  private names = 0;

  constructor(random: Random, wanted: number) {
    this.random = random;
    this.wanted = wanted;
  }

  write(): { readonly callees: readonly string[]; readonly callers: readonly string[] } {
    while (this.names < this.wanted) this.callers.push(this.caller(`caller${this.callers.length}`));
    return { callees: this.callees, callers: this.callers };
  }

  private pick(from: Names): string {
    return this.random.pick(from);
  }

  private choose(choices: Choices): string {
    let left = this.random.below(choices.reduce((sum, [weight]) => sum + weight, 0));
    const chosen = choices.find(([weight]) => {
      left -= weight;
      return left < 0;
    });
    if (chosen === undefined) throw new RangeError("nothing to choose from");
    return chosen[1]();
  }

  private expression(names: Names, depth = 0): string {
    if (depth > 1) return this.pick(names);
    const operand = (): string => this.expression(names, depth + 1);
    return this.choose([
      [35, () => this.pick(names)],
      [10, () => this.pick(["0", "1", "2", "3", "7", "8", "11", "100"])],
      [5, () => `(${operand()} << ${this.pick(["1", "2", "3"])})`],
      [3, () => `(${operand()} >> 1)`],
      [47, () => `(${operand()} ${this.pick(OPERATORS)} ${operand()})`],
    ]);
  }

  private condition(names: Names): string {
    const first = `${this.expression(names, 1)} ${this.pick(RELATIONS)} ${this.expression(names, 1)}`;
    if (!this.random.chance(5)) return first;
    return `${first} ${this.pick(["&&", "||"])} ${this.pick(names)} ${this.pick(["<", ">"])} ${this.pick(["0", "1", "5"])}`;
  }

  /** A new function, called. Its arguments are evaluated on lines of their own more often than not. */
  private call(names: Names): string {
    const name = this.callee();
    const [x, y] = [this.pick(names), this.expression(names, 1)];
    return this.random.chance(3) ? `${name}(${x}, ${y}, p, s, q)` : `${name}(\n${x},\n${y}, p, s, q)`;
  }

  private callCompared(names: Names): string {
    return `${this.call(names)} ${this.pick(["<", ">", "==", "!="])} ${this.expression(names, 1)}`;
  }

  /** A function to inline; its name. */
  private callee(): string {
    const name = `f${this.names++}`;
    const names = ["x", "y"];
    const body = this.choose([
      [35, () => `${MARK}return ${this.expression(names)}`],
      [10, () => `${MARK}return ${this.expression([...names, this.pick(LOADS)])}`],
      [5, () => `if ${this.condition(names)} {\n${MARK}return x\n}\n${MARK}return ${this.pick(["y", "0", "x+1"])}`],
      [50, () => `${this.steps()}\n${MARK}return ${this.expression(names)}`],
    ]);
    this.callees.push(`func ${name}(x, y int, p *pair, s []int, q *int) int {${MARK}\n${body}\n}\n`);
    return name;
  }

  private steps(): string {
    return Array.from({ length: this.random.pick(STATEMENTS_OF_A_FUNCTION) }, () => this.step()).join("\n");
  }

  /** A statement of a function to inline. */
  private step(): string {
    const names = ["x", "y"];
    const loaded = (): Names => [...names, this.pick(LOADS)];
    const target = (): string => this.pick(["glob", "p.a", "p.b", "s[1]", "s[y&7]", "*q"]);
    const step: Choices = [
      [25, () => `${MARK}x = ${this.expression(loaded())}`],
      [15, () => `if ${this.condition(loaded())} {\n${MARK}x = ${this.expression(names)}\n}`],
      [8, () => `if ${this.condition(names)} {\n${MARK}return ${this.expression(names)}\n}`],
      [10, () => `${MARK}${target()} ${this.pick(["=", "+=", "^="])} ${this.expression(names)}`],
      [8, () => this.loop(["y&3", "len(s)&3", "2"], `${MARK}x += ${this.pick(["i", "s[i]", "i*y", "1"])}`)],
      [4, () => `switch x&3 {\ncase 0:\n${MARK}x++\ncase 1:\n${MARK}x = y\ndefault:\n${MARK}y--\n}`],
      // A pointer is stored with a write barrier: a branch of the compiler's own.
      [4, () => `${MARK}ptr = p`],
      [3, () => `${MARK}ptr, p.n = p.n, p`],
      [3, () => `${MARK}slow(${this.expression(names)})`],
      [14, () => `${MARK}y = ${this.expression(names)}`],
    ];
    return this.choose(this.names < this.wanted ? [...step, [6, () => `x = ${this.call(names)}`]] : step);
  }

  private loop(bounds: Names, body: string): string {
    return `for i := 0; i < ${this.pick(bounds)}; i++ {\n${body}\n}`;
  }

  /** A function that stays one, with calls in it. */
  private caller(name: string): string {
    const body = this.block(["t", "i", "a"], this.random.pick(STATEMENTS_OF_A_CALLER), 0);
    const deferred = this.random.chance(12) ? `defer func() {\nglob ^= ${this.call(["t", "i"])}\n}()\n` : "";
    const head = `//go:noinline\nfunc ${name}(i, a int, p *pair, s []int, q *int) int {`;
    return `${head}\nt := i\n${deferred}${body}\n${MARK}return t\n}\n`;
  }

  private block(names: Names, statements: number, depth: number): string {
    return Array.from({ length: statements }, () => this.statement(names, depth)).join("\n");
  }

  /** A statement of a caller: the shapes in which a call can stand. */
  private statement(names: Names, depth: number): string {
    const call = (): string => this.call(names);
    const condition = (): string => this.condition(names);
    const value = (): string => this.expression(names);
    const changed = (): string => this.pick(["t--", "glob++", `t = ${value()}`]);
    const held = (): string => this.pick(["s[i&7]", "p.a", "*q", "s[t&7]", "t+1"]);
    const fresh = `u${this.names}`;
    const flat: Choices = [
      [18, () => `t = ${call()}`],
      [6, () => `${fresh} := ${call()}\n${MARK}t += ${fresh}`],
      [18, () => `if ${condition()} {\nt = ${call()}\n}`],
      // What a conditional move does, if the copy is small enough.
      [8, () => `if true {\n${MARK}u := ${held()}\nif ${condition()} {\nu = ${call()}\n}\n${MARK}t ^= u\n}`],
      [3, () => `if ${condition()} {\nt = ${call()}\n} else {\nt = ${call()}\n}`],
      [3, () => `if ${condition()} {\nt = ${call()}\n} else {\n${MARK}t = ${value()}\n}`],
      [6, () => `if ${condition()} && ${this.callCompared(names)} {\n${MARK}t++\n}`],
      [5, () => `if ${this.callCompared(names)} {\n${MARK}t = ${value()}\n}`],
      [3, () => `if ${this.callCompared(names)} || ${this.callCompared(names)} {\n${MARK}${changed()}\n}`],
      [3, () => `switch t&3 {\ncase 0:\nt += ${call()}\ncase 2:\nt = ${call()}\ndefault:\n${MARK}t++\n}`],
      [2, () => `for j := 0; j < 3 && ${this.callCompared(names)}; j++ {\n${MARK}t += j\n}`],
      [2, () => `for j := 0; j < 3; j += 1 + (${call()})&1 {\n${MARK}t += j\n}`],
      [2, () => `func() {\ndefer func() {\nt += ${call()}\n}()\n${MARK}glob++\n}()`],
      [2, () => `if ${condition()} {\nreturn ${call()}\n}`],
      [3, () => `${MARK}glob ${this.pick(["=", "+="])} ${value()}`],
      [4, () => `${MARK}slow(${value()})`],
    ];
    if (depth > 1) return this.choose(flat);
    const inside = (name: string, statements: number): string => this.block([...names, name], statements, depth + 1);
    return this.choose([
      ...flat,
      [
        8,
        () =>
          `for k := 0; k < ${this.pick(["3", "i&3", "len(s)&3"])}; k++ {\n${inside("k", this.random.pick([1, 1, 2]))}\n}`,
      ],
      [4, () => `for _, e := range s {\n${inside("e", 1)}\n${MARK}t += e\n}`],
    ]);
  }
}

/** Every round begins with the same state; the numbers stay small, so that branches go both ways. */
const PRELUDE = `package main
import ("bufio";"encoding/json";"fmt";"os")
var hits map[int]int
var glob, v, qq int
var nums []int
var bs = []byte{1, 2, 3, 4}
type pair struct { a, b int; c int32; n *pair }
var pr pair
var ptr *pair
//go:noinline
func slow(n int) { glob += n & 3 }
func reset() {
	pr = pair{a: v & 7, b: -3, c: 2, n: ptr}
	nums = append(nums[:0], 3, -1, v&3, 1, -5, 9, 2, -6)
	glob &= 0xfff
	v &= 0xffff
	qq = v & 31
}
`;

/** Once told, runs all callers and says what came out, with what the twin counted by line. */
const mainOf = (callers: number): string => `
func main() {
	fmt.Println(\`{"ready":true}\`)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() && in.Text() != "quit" {
		v, glob, ptr, hits = 5, 0, nil, map[int]int{}
		reset()
		for i := 0; i < ${ROUNDS}; i++ {
${Array.from({ length: callers }, (_, n) => `v ^= caller${n}(i, v&15, &pr, nums, &qq)\nreset()`).join("\n")}
		}
		out, _ := json.Marshal(map[string]any{"v": v, "glob": glob, "hits": hits})
		fmt.Println(string(out))
	}
}
`;
