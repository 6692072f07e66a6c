/**
 * One file per command: each turns a request into results on the given streams, and returns the exit status of a run
 * that went well. Failures are thrown, as a ProfilerError. Each command's code is imported when it runs, so that
 * `--help` costs nothing.
 */
import type {
  CommonRequest,
  DoctorRequest,
  HistRequest,
  ListRequest,
  MeasureRequest,
  PlanRequest,
  RecipeRequest,
  ReplayRequest,
  StampRequest,
  SymbolsRequest,
  TraceRequest,
} from "./request.js";
import type { Streams } from "./streams.js";

export type * from "./request.js";
export type * from "./streams.js";

export const list = async (request: ListRequest, streams: Streams): Promise<number> =>
  (await import("./list.js")).list(request, streams);

export const plan = async (request: PlanRequest, streams: Streams): Promise<number> =>
  (await import("./plan.js")).plan(request, streams);

export const hist = async (request: HistRequest, streams: Streams): Promise<number> =>
  (await import("./hist.js")).hist(request, streams);

export const profile = async (request: MeasureRequest, streams: Streams): Promise<number> =>
  (await import("./profile.js")).profile(request, streams);

export const trace = async (request: TraceRequest, streams: Streams): Promise<number> =>
  (await import("./trace.js")).trace(request, streams);

export const flow = async (request: TraceRequest, streams: Streams): Promise<number> =>
  (await import("./trace.js")).flow(request, streams);

export const replay = async (request: ReplayRequest, streams: Streams): Promise<number> =>
  (await import("./replay.js")).replay(request, streams);

export const recipe = async (request: RecipeRequest, streams: Streams): Promise<number> =>
  (await import("./recipe.js")).recipe(request, streams);

export const listRecipes = async (request: CommonRequest, streams: Streams): Promise<number> =>
  (await import("./recipe.js")).listRecipes(request, streams);

export const symbols = async (request: SymbolsRequest, streams: Streams): Promise<number> =>
  (await import("./symbols.js")).symbols(request, streams);

export const usdtStamp = async (request: StampRequest, streams: Streams): Promise<number> =>
  (await import("./usdt-stamp.js")).usdtStamp(request, streams);

export const doctor = async (request: DoctorRequest, streams: Streams): Promise<number> =>
  (await import("./doctor.js")).doctor(request, streams);
