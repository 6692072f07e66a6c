/** The commands and options of cli.md, in commander's terms. */
import { Argument, Command, type CommanderError, Option } from "commander";
import { UsageError } from "../base/index.js";
import {
  type CommonRequest,
  doctor,
  flow,
  type HistRequest,
  hist,
  list,
  listRecipes,
  type MeasureRequest,
  type PlanRequest,
  plan,
  profile,
  recipe,
  replay,
  type Streams,
  symbols,
  type TargetRequest,
  type TraceRequest,
  trace,
  usdtStamp,
} from "../commands/index.js";
import { type CommandLine, formatCommandLine } from "./command-line.js";
import { EVERY_PROCESS, EXAMPLES, EXPRESSIONS, GO_PROBE, outputText, PROBE, PROBE_OR_SPAN, TARGET } from "./help.js";
import { type Given, nonEmpty, option, parseProbe } from "./options.js";

function targetOf(given: Given, command: readonly string[] | undefined): TargetRequest | undefined {
  const choices: TargetRequest[] = [];
  if (given.pid !== undefined) choices.push({ kind: "pid", pid: given.pid });
  if (given.exe !== undefined) choices.push({ kind: "exe", path: given.exe });
  if (command !== undefined) {
    if (command.length === 0) throw new UsageError("nothing after --", { hint: "the program to start follows it" });
    choices.push({ kind: "command", argv: command });
  }
  if (choices.length > 1)
    throw new UsageError("more than one target", { hint: "give one of --pid, --exe and -- COMMAND" });
  return choices[0];
}

function oneTarget(given: Given, command: readonly string[] | undefined): TargetRequest {
  const target = targetOf(given, command);
  if (target === undefined) {
    throw new UsageError("no target", { hint: "give one of --pid PID, --exe FILE and -- COMMAND ARG…" });
  }
  return target;
}

/**
 * What a run may cost unless told. At 3 % a service keeps its latency; on usual hardware, where a hit takes a microsecond, it
 * leaves room for 30,000 hits a second before anything is sampled.
 */
const DEFAULT_MAX_OVERHEAD = 0.03;

const common = (given: Given): CommonRequest => ({
  json: given.json === true,
  quiet: given.quiet === true,
  verbose: given.verbose === true,
  output: given.output,
});

/**
 * The program, to parse that line's own words. The chosen command's exit status goes to `finish`. Parsing throws
 * UsageErrors of ours and CommanderErrors.
 */
export function createProgram(
  version: string,
  streams: Streams,
  line: CommandLine,
  finish: (status: number) => void,
): Command {
  const { command } = line;
  const planRequest = (probes: string[], given: Given): PlanRequest => ({
    ...common(given),
    target: oneTarget(given, command),
    probes,
    by: given.by ?? [],
    signatures: given.sig ?? [],
    symbols: given.symbols,
    of: given.of ?? given.value,
    where: given.where,
    show: given.show ?? [],
    match: given.match ?? [],
  });
  const measureRequest = (probes: string[], given: Given): MeasureRequest => ({
    ...planRequest(probes, given),
    durationMs: given.duration,
    maxOverhead: given.maxOverhead ?? DEFAULT_MAX_OVERHEAD,
    durations: given.net === true ? "net" : "gross",
    commandLine: formatCommandLine(line.words),
  });
  const histRequest = (probes: string[], given: Given): HistRequest => ({
    ...measureRequest(probes, given),
    linear: given.linear === true,
  });
  const traceRequest = (probes: string[], given: Given): TraceRequest => ({
    ...measureRequest(probes, given),
    stacks: given.stack === true,
  });

  const program = new Command("gospect")
    .description(
      "Measures a running Go program from outside: latency by argument, without restart or rebuild. USDT probes and C functions too.",
    )
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "explain the command")
    .helpCommand("help [command]", "explain a command")
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.out.write(text),
      writeErr: (text) => streams.err.write(text),
      outputError: () => undefined,
      getOutHelpWidth: () => streams.out.size()?.columns ?? 100,
      getErrHelpWidth: () => streams.err.size()?.columns ?? 100,
    })
    .addHelpText("after", EXAMPLES);

  program
    .command("list")
    .summary("what can be probed in a binary")
    .description(
      "Lists functions with signature, place, entry and return sites, USDT probes with their arguments, C functions, and why some can't be probed.",
    )
    .usage(`${TARGET} [PATTERN…] [options]`)
    .addArgument(new Argument("[pattern...]", `${PROBE}; else everything`).argParser(parseProbe))
    .addOption(option.pid())
    .addOption(option.exe("the file to read"))
    .addOption(new Option("--names", "address, size, name and place only: all at once, of a program of any size"))
    .addOption(new Option("--no-cache", "neither use nor keep a list of the whole file that was made before"))
    .addOption(option.sig())
    .addOption(option.symbols())
    .action(async (patterns: string[], given: Given) => {
      const target = oneTarget(given, command);
      const extent = given.names === true ? "names" : "everything";
      const cache = given.cache === false ? "leave" : "use";
      const request = { target, patterns, extent, signatures: given.sig ?? [], symbols: given.symbols, cache } as const;
      finish(await list({ ...common(given), ...request }, streams));
    });

  program
    .command("plan")
    .summary("the sites and recipes a run would use, without attaching")
    .description("Prints the exact sites, instructions and argument recipes that a run would use. Attaches nothing.")
    .usage(`${TARGET} PROBE… [options]`)
    .addArgument(new Argument("<probe...>", PROBE_OR_SPAN).argParser(parseProbe))
    .addOption(option.pid())
    .addOption(option.exe("the file to read"))
    .addOption(option.by())
    .addOption(option.of())
    .addOption(option.where())
    .addOption(option.show())
    .addOption(option.match())
    .addOption(option.sig())
    .addOption(option.symbols())
    .action(async (probes: string[], given: Given) => finish(await plan(planRequest(probes, given), streams)));

  program
    .command("hist")
    .summary("histograms of latency, per combination of --by values")
    .description("Measures calls and prints histograms of their latency, one per combination of --by values.")
    .usage(`${TARGET} PROBE… [options]`)
    .addArgument(new Argument("<probe...>", PROBE_OR_SPAN).argParser(parseProbe))
    .addOption(option.pid())
    .addOption(option.exe(EVERY_PROCESS))
    .addOption(option.duration())
    .addOption(option.maxOverhead())
    .addOption(option.net())
    .addOption(option.by())
    .addOption(option.of())
    .addOption(option.where())
    .addOption(new Option("--linear", "histograms in rows of equal width, where they otherwise grow"))
    .addOption(option.match())
    .addOption(option.sig())
    .addOption(option.symbols())
    .action(async (probes: string[], given: Given) => finish(await hist(histRequest(probes, given), streams)));

  program
    .command("profile")
    .summary("a pprof file: stacks, calls and latency, --by values as labels")
    .description("Measures calls and writes a profile for go tool pprof: who calls, how often, how long, with what.")
    .usage(`${TARGET} PROBE… [options]`)
    .addArgument(new Argument("<probe...>", PROBE_OR_SPAN).argParser(parseProbe))
    .addOption(option.pid())
    .addOption(option.exe(EVERY_PROCESS))
    .addOption(option.duration())
    .addOption(option.maxOverhead())
    .addOption(option.net())
    .addOption(option.by())
    .addOption(option.value())
    .addOption(option.where())
    .addOption(option.match())
    .addOption(option.sig())
    .addOption(option.symbols())
    .action(async (probes: string[], given: Given) => finish(await profile(measureRequest(probes, given), streams)));

  program
    .command("trace")
    .summary("one line per call, as it happens")
    .description("Prints each call as it ends: time, goroutine, duration, arguments, results.")
    .usage(`${TARGET} PROBE… [options]`)
    .addArgument(new Argument("<probe...>", PROBE_OR_SPAN).argParser(parseProbe))
    .addOption(option.pid())
    .addOption(option.exe(EVERY_PROCESS))
    .addOption(option.duration())
    .addOption(option.maxOverhead())
    .addOption(option.net())
    .addOption(option.where())
    .addOption(option.show())
    .addOption(new Option("--stack", "with the callers of each call"))
    .addOption(option.match())
    .addOption(option.sig())
    .addOption(option.symbols())
    .action(async (probes: string[], given: Given) => finish(await trace(traceRequest(probes, given), streams)));

  program
    .command("flow")
    .summary("calls as an indented tree per goroutine, with times")
    .description("Prints the calls of each goroutine as a tree: what each took, and what of that was its own.")
    .usage(`${TARGET} PROBE… [options]`)
    .addArgument(new Argument("<probe...>", GO_PROBE).argParser(parseProbe))
    .addOption(option.pid())
    .addOption(option.exe(EVERY_PROCESS))
    .addOption(option.duration())
    .addOption(option.maxOverhead())
    .addOption(option.net())
    .addOption(option.where())
    .addOption(option.show())
    .addOption(option.sig())
    .addOption(option.symbols())
    .action(async (probes: string[], given: Given) => finish(await flow(traceRequest(probes, given), streams)));

  program
    .command("replay")
    .summary("a recorded run again: its text, JSON or profile")
    .description("Gives the text, JSON or profile of a run that was recorded with -o FILE.gospect. Needs no root.")
    .usage("FILE.gospect [options]")
    .addArgument(new Argument("<file>", "of the recorded run").argParser(nonEmpty))
    .action(async (file: string, given: Given) => finish(await replay({ ...common(given), file }, streams)));

  program
    .command("recipe")
    .summary("a ready-made question; recipe list explains them")
    .description("Asks a ready-made question of a program, as hist, profile or trace would: recipe list explains them.")
    .usage(`NAME ${TARGET} [options] | list`)
    .addArgument(
      new Argument("<name>", "of a recipe, the path of one of your own (FILE.json), or list").argParser(nonEmpty),
    )
    .addOption(option.pid())
    .addOption(option.exe(EVERY_PROCESS))
    .addOption(option.duration())
    .addOption(option.maxOverhead())
    .addOption(option.net())
    .addOption(option.by())
    .addOption(option.where())
    .addOption(option.sig())
    .addOption(option.symbols())
    .action(async (name: string, given: Given) => {
      if (name === "list") return finish(await listRecipes(common(given), streams));
      finish(await recipe({ ...measureRequest([], given), recipe: name }, streams));
    });

  program
    .command("symbols")
    .summary("a symbol file, from the build that still has its debug data")
    .description(
      "Writes what debug data say of a build, in a tenth of their size, for --symbols with its stripped twin.",
    )
    .usage("(-p PID | -e FILE) -o FILE [options]")
    .addOption(option.pid())
    .addOption(option.exe("the build with its debug data"))
    .action(async (given: Given) =>
      finish(await symbols({ ...common(given), target: oneTarget(given, command) }, streams)),
    );

  program
    .command("usdt")
    .summary("usdt stamp FILE: writes probe notes into a pure-Go build")
    .description(
      "Writes where the static probes of a Go program are (package usdt) into its file, for all who read them.",
    )
    .usage("stamp FILE [options]")
    .addArgument(new Argument("<action>", "what to do with it").choices(["stamp"]))
    .addArgument(new Argument("<file>", "the program, as go build wrote it").argParser(nonEmpty))
    .action(async (_action: string, file: string, given: Given) =>
      finish(await usdtStamp({ ...common(given), file }, streams)),
    );

  program
    .command("doctor")
    .summary("what this kernel, user and target allow")
    .description("Says what this kernel, user and target allow, and what a run will therefore use.")
    .usage("[-p PID | -e FILE] [options]")
    .addOption(option.pid())
    .addOption(option.exe("a file to look at"))
    .action(async (given: Given) =>
      finish(await doctor({ ...common(given), target: targetOf(given, command) }, streams)),
    );

  for (const each of program.commands) {
    if (each.options.some(({ long }) => long === "--by" || long === "--where")) each.addHelpText("after", EXPRESSIONS);
    each.copyInheritedSettings(program);
    each.addOption(new Option("-o, --output <file>", outputText(each.name())).argParser(nonEmpty));
    each.addOption(new Option("--json", each.name() === "profile" ? "errors as JSON" : "results, and errors, as JSON"));
    each.addOption(new Option("-q, --quiet", "no notes, progress and balance on stderr"));
    each.addOption(new Option("-v, --verbose", "more detail, and names where many functions would be counted"));
  }
  return program;
}

/** A CommanderError in our own words; undefined when commander has said it all: help, version. */
export function usageErrorOf(error: CommanderError): UsageError | undefined {
  if (error.exitCode === 0 || error.code === "commander.help") return undefined;
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = rest
    .join(" ")
    .replace(/^\(|\)$/g, "")
    .trim();
  return new UsageError(first.replace(/\.$/, ""), { hint: suggestion === "" ? "gospect --help explains" : suggestion });
}
