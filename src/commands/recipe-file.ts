/**
 * Recipes: ready-made questions as files of data, `recipes/NAME.json` in the folder beside this module.
 *
 *     title        what is measured of what, in a line
 *     explanation  what is seen and what is not, in sentences
 *     command      "hist", "profile" or "trace"
 *     choices      ways to ask, the best one first: a program is asked the first one that can be measured of it
 *       probes       PROBEs; those that the program has are measured
 *       by           what calls are told apart by: name to EXPR
 *       of           what is measured instead of time: one name to EXPR
 *       unit         of `of`, where it is a time: "ns"
 *       where        COND: which calls
 *       show         what a trace shows beside arguments and results: name to EXPR
 *       signatures   PROBE to what its functions take, for a program that does not say; see --sig
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, UsageError } from "../base/index.js";

/** A value with the name that it has in results. */
export interface NamedExpression {
  readonly name: string;
  readonly expression: string;
}

export interface RecipeChoice {
  readonly probes: readonly string[];
  readonly by: readonly NamedExpression[];
  readonly of: NamedExpression | undefined;
  readonly unit: "ns" | undefined;
  readonly where: string | undefined;
  readonly show: readonly NamedExpression[];
  /** As `--sig` takes them. */
  readonly signatures: readonly string[];
}

export interface Recipe {
  readonly name: string;
  readonly title: string;
  readonly explanation: string;
  readonly command: "hist" | "profile" | "trace";
  readonly choices: readonly RecipeChoice[];
}

const SUFFIX = ".json";
/** In the package as in a checkout: of this module as it is compiled, and of the bundle, the root is three folders up. */
const FOLDER = fileURLToPath(new URL("../../../src/commands/recipes/", import.meta.url));

const names = (): readonly string[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => basename(file, SUFFIX))
    .sort();

/** All that come with the program, by name. */
export const shippedRecipes = (): readonly Recipe[] =>
  names().map((name) => parseRecipe(readFileSync(join(FOLDER, name + SUFFIX), "utf8"), name));

/** One of those by its name, or the one in a file of the user's own, by its path. @throws UsageError */
export function requireRecipe(nameOrPath: string): Recipe {
  const own = nameOrPath.endsWith(SUFFIX);
  if (!own && !names().includes(nameOrPath)) {
    throw new UsageError(`there is no recipe ${nameOrPath}`, {
      hint: `there are ${names().join(", ")}; gospect recipe list explains them`,
    });
  }
  let text: string;
  try {
    text = readFileSync(own ? nameOrPath : join(FOLDER, nameOrPath + SUFFIX), "utf8");
  } catch (cause) {
    throw new UsageError(`cannot read recipe ${nameOrPath}: ${messageOf(cause).replace(/,.*/, "")}`, { cause });
  }
  return parseRecipe(text, own ? basename(nameOrPath, SUFFIX) : nameOrPath);
}

/** @throws UsageError that says what is wrong where. */
export function parseRecipe(text: string, name: string): Recipe {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`recipe ${name} is not JSON: ${messageOf(cause)}`, { cause });
  }
  const recipe = new ObjectReader(json, `recipe ${name}`);
  const read: Recipe = {
    name,
    title: recipe.text("title"),
    explanation: recipe.text("explanation"),
    command: recipe.oneOf("command", ["hist", "profile", "trace"]),
    choices: recipe.list("choices", (item, place) => parseChoice(new ObjectReader(item, place))),
  };
  recipe.expectNoMore();
  return read;
}

function parseChoice(choice: ObjectReader): RecipeChoice {
  const [of, ...others] = choice.named("of");
  if (others.length > 0) choice.fail("of", "one value is measured, not several");
  const read: RecipeChoice = {
    probes: choice.list("probes", requireText),
    by: choice.named("by"),
    of,
    unit: choice.has("unit") ? choice.oneOf("unit", ["ns"]) : undefined,
    where: choice.has("where") ? choice.text("where") : undefined,
    show: choice.named("show"),
    signatures: choice.named("signatures").map(({ name, expression }) => `${name}=${expression}`),
  };
  if (read.unit !== undefined && of === undefined) choice.fail("unit", "it belongs to `of`, which is not there");
  choice.expectNoMore();
  return read;
}

function requireText(value: unknown, place: string): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new UsageError(`${place}: a text is expected here, not ${JSON.stringify(value)}`);
}

/** An object of which every property has to be asked for. */
class ObjectReader {
  private readonly place: string;
  private readonly properties: Map<string, unknown>;

  constructor(value: unknown, place: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new UsageError(`${place}: an object is expected here, not ${JSON.stringify(value)}`);
    }
    this.place = place;
    this.properties = new Map(Object.entries(value));
  }

  has(key: string): boolean {
    return this.properties.has(key);
  }

  text(key: string): string {
    return requireText(this.take(key), `${this.place}.${key}`);
  }

  oneOf<const T extends string>(key: string, known: readonly T[]): T {
    const text = this.text(key);
    const found = known.find((each) => each === text);
    return found ?? this.fail(key, `"${text}" is none of ${known.join(", ")}`);
  }

  list<T>(key: string, parse: (item: unknown, place: string) => T): readonly T[] {
    const value = this.take(key);
    if (!Array.isArray(value) || value.length === 0) return this.fail(key, "a list of at least one is expected here");
    return value.map((item: unknown, index) => parse(item, `${this.place}.${key}[${index}]`));
  }

  /** Texts by name; none when the property is absent. */
  named(key: string): readonly NamedExpression[] {
    if (!this.has(key)) return [];
    const place = `${this.place}.${key}`;
    const inner = new ObjectReader(this.take(key), place);
    return [...inner.properties].map(([name, text]) => ({ name, expression: requireText(text, `${place}.${name}`) }));
  }

  expectNoMore(): void {
    const [first] = this.properties.keys();
    if (first !== undefined) this.fail(first, "nothing is known by this name");
  }

  fail(key: string, detail: string): never {
    throw new UsageError(`${this.place}.${key}: ${detail}`);
  }

  private take(key: string): unknown {
    const value = this.properties.get(key);
    this.properties.delete(key);
    return value;
  }
}
