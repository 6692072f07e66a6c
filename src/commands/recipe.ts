/** `recipe`: a ready-made question, asked of the program as the first of its choices that can be measured there. */
import { UnmeasurableError } from "../base/index.js";
import { formatRecipesJson, formatRecipesText } from "../export/index.js";
import { resolveSelector } from "../probes/index.js";
import type { SymbolTable } from "../symbols/index.js";
import { hist } from "./hist.js";
import { profile } from "./profile.js";
import { type Recipe, type RecipeChoice, requireRecipe, shippedRecipes } from "./recipe-file.js";
import type { CommonRequest, MeasureRequest, RecipeRequest } from "./request.js";
import { openResults } from "./results.js";
import type { Streams } from "./streams.js";
import { Subject } from "./subject.js";
import { trace } from "./trace.js";

/** All recipes that come with the program. */
export function listRecipes(request: CommonRequest, streams: Streams): number {
  using results = openResults(request.output, streams);
  const recipes = shippedRecipes();
  results.finish(request.json ? formatRecipesJson(recipes) : formatRecipesText(recipes, results.style));
  return 0;
}

export async function recipe(request: RecipeRequest, streams: Streams): Promise<number> {
  const wanted = requireRecipe(request.recipe);
  const measured = await choose(wanted, request);
  if (!request.quiet) streams.err.write(`${wanted.name}: ${wanted.title}\n`);
  switch (wanted.command) {
    case "hist":
      return await hist({ ...measured, linear: false }, streams);
    case "profile":
      return await profile(measured, streams);
    case "trace":
      return await trace({ ...measured, stacks: false }, streams);
  }
}

/** What is run: the first choice that can be measured. @throws UnmeasurableError why the first one can't, when none can */
async function choose(wanted: Recipe, request: RecipeRequest): Promise<MeasureRequest> {
  using subject = await Subject.open(request.target, request.symbols);
  let refusal: UnmeasurableError | undefined;
  for (const choice of wanted.choices) {
    const measured = requestOf(choice, request, subject.requireGo().symbols);
    try {
      await subject.plan(measured, "measure", wanted.command === "trace" ? "values" : "none");
      return measured;
    } catch (error) {
      if (!(error instanceof UnmeasurableError)) throw error;
      refusal ??= error;
    }
  }
  throw new UnmeasurableError(refusal?.code ?? "no-match", `recipe ${wanted.name}: ${refusal?.message}`, {
    hint: refusal?.hint,
    cause: refusal,
  });
}

function requestOf(choice: RecipeChoice, request: RecipeRequest, table: SymbolTable): MeasureRequest {
  const present = choice.probes.filter((probe) => isIn(table, probe));
  const replaced = request.by.length > 0;
  return {
    ...request,
    probes: present.length > 0 ? present : choice.probes,
    by: replaced ? request.by : choice.by.map(({ expression }) => expression),
    of: choice.of?.expression,
    where: both(choice.where, request.where),
    show: choice.show.map(({ expression }) => expression),
    signatures: [...signaturesOf(choice, table), ...request.signatures],
    naming: {
      by: replaced ? request.by : choice.by.map(({ name }) => name),
      measure: choice.of?.name,
      unit: choice.unit,
      show: choice.show.map(({ name }) => name),
    },
  };
}

const both = (one: string | undefined, other: string | undefined): string | undefined =>
  one === undefined || other === undefined ? (one ?? other) : `(${one}) && (${other})`;

/** What a program says of itself is true of its own release; where it says nothing, the recipe knows what it needs. */
const signaturesOf = ({ signatures }: RecipeChoice, table: SymbolTable): readonly string[] =>
  table.typeSource === undefined ? signatures.filter((text) => isIn(table, text.slice(0, text.indexOf("=")))) : [];

function isIn(table: SymbolTable, probe: string): boolean {
  try {
    return resolveSelector(probe, table).length > 0;
  } catch (error) {
    if (error instanceof UnmeasurableError) return false;
    throw error;
  }
}
