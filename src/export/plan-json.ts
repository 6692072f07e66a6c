/** `plan --json`: the whole plan as one object, addresses and offsets as numbers, instruction bytes in hexadecimal. */
import { capturesJson, codeJson } from "./plan-code.js";
import type {
  KernelMemory,
  PrintableCondition,
  PrintableFile,
  PrintablePlace,
  PrintablePlan,
  PrintableRecipe,
  PrintableSignature,
  PrintableSite,
  PrintableVariable,
} from "./plan-shape.js";
import { refusalJson } from "./refusal.js";

/** One line, newline included. */
export function formatPlanJson(plan: PrintablePlan, memory: readonly KernelMemory[]): string {
  const { target, runtime } = plan;
  return `${JSON.stringify({
    schema: "gospect.plan/1",
    target: { arch: target.arch, goVersion: target.goVersion ?? null, ...fileJson(target) },
    libraries: plan.libraries.map(fileJson),
    runtime:
      runtime === undefined
        ? null
        : {
            goidOffset: runtime.goidOffset,
            mOffset: runtime.mOffset,
            curgOffset: runtime.curgOffset,
            schedSpOffset: runtime.schedSpOffset,
            schedBpOffset: runtime.schedBpOffset ?? null,
            parentGoidOffset: runtime.parentGoidOffset ?? null,
            gopcOffset: runtime.gopcOffset ?? null,
            tlsOffset: runtime.tlsOffset ?? null,
            goroutineInRegister: runtime.goroutineInRegister,
            source: runtime.source,
          },
    dimensions: plan.dimensions,
    measure: plan.measure,
    where: plan.where ?? null,
    kernelMemory: memory.map(({ command, cpus, bytes }) => ({ command, cpus, bytes: bytes ?? null })),
    probes: plan.probes.map((probe) => ({
      name: probe.name,
      function: probe.function.name,
      address: probe.function.address,
      size: probe.function.size,
      file: probe.function.file ?? null,
      line: probe.function.line ?? null,
      signature: probe.signature === undefined ? null : signatureJson(probe.signature),
      kind: probe.kind,
      ...(probe.file === 0 ? {} : { library: plan.libraries[probe.file - 1]?.path ?? null }),
      ...(probe.place === undefined ? {} : { place: placeJson(probe.place) }),
      identity: probe.identity,
      ...(probe.nest === undefined ? {} : { nest: probe.nest }),
      ...(probe.match === undefined ? {} : { match: recipeJson(probe.match) }),
      entry: siteJson(probe.entry),
      exits: probe.exits.map(siteJson),
      goroutine: probe.goroutine,
      inlinedCopies: probe.inlinedCopies,
      recipes: probe.recipes.map(recipeJson),
      value: probe.value === undefined ? null : recipeJson(probe.value),
      condition: probe.condition === undefined ? null : conditionJson(probe.condition),
      captures: probe.captures === undefined ? null : capturesJson(probe.captures),
      notes: probe.notes,
    })),
    refused: plan.refused.map(({ name, refusal }) => ({ function: name, ...refusalJson(refusal) })),
    runtimeSites: plan.runtimeSites.map(siteJson),
    warnings: plan.warnings,
  })}\n`;
}

const fileJson = ({ path, goBuildId, gnuBuildId, positionIndependent, imageBase }: PrintableFile) => ({
  path,
  goBuildId: goBuildId ?? null,
  gnuBuildId: gnuBuildId ?? null,
  positionIndependent,
  imageBase,
});

const placeJson = ({ kind, file, line, frame }: PrintablePlace) => ({
  kind,
  file: file ?? null,
  line: line ?? null,
  frame: frame ?? null,
});

const recipeJson = ({ phase, type, steps, code }: PrintableRecipe) => ({
  phase,
  type: type.name,
  steps,
  ...(code === undefined ? {} : { code: codeJson(code) }),
});

const conditionJson = ({ decisions, entry, return: end }: PrintableCondition) => ({
  decisions: decisions.map(codeJson),
  entry: entry === undefined ? null : codeJson(entry),
  return: end === undefined ? null : codeJson(end),
});

const variableJson = (variable: PrintableVariable) => ({ name: variable.name, type: variable.type.name });

const signatureJson = (signature: PrintableSignature) => ({
  params: signature.parameters.map(variableJson),
  results: signature.results.map(variableJson),
  hasReceiver: signature.hasReceiver,
  source: signature.source,
});

const siteJson = (site: PrintableSite) => ({
  kind: site.kind,
  address: site.address,
  offset: site.offset,
  bytes: site.bytes.toString("hex"),
  instruction: site.instruction,
  ...(site.placement === undefined ? {} : { placement: site.placement }),
  ...(site.semaphore === undefined ? {} : { semaphore: site.semaphore }),
});
