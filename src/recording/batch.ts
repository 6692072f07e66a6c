/** The counts of a run: a RecordBatch as JSON, 64-bit numbers as texts. */
import type {
  ActivityRecord,
  BalanceRecord,
  CallsRecord,
  CostRecord,
  DetailLoss,
  EndingsRecord,
  EventLoss,
  NetRecord,
  RawValue,
  ReadStatus,
  RecordBatch,
  RestRecord,
  SampleRecord,
  SeriesRecord,
  SliceRecord,
  SliceSumRecord,
  StackRecord,
} from "../aggregate/index.js";
import {
  address,
  bytes,
  type Codec,
  finite,
  integer,
  list,
  map,
  natural,
  object,
  optional,
  truth,
  unsigned,
  wide,
  word,
} from "./codec.js";
import { READ_STATUSES } from "./read-statuses.js";

/** The end of a run. */
export interface RunEndRecord {
  readonly batch: RecordBatch;
  readonly eventLoss: EventLoss;
}

const readStatus = word<ReadStatus>(...READ_STATUSES);

interface FlatValue {
  readonly status: RawValue["status"];
  readonly bits: bigint | undefined;
  readonly bytes: Buffer | undefined;
}

const flatValue = object<FlatValue>({ status: readStatus, bits: optional(unsigned), bytes: optional(bytes) });

/** What it holds is compared with what its dimension promises when the whole run is there. */
const rawValue: Codec<RawValue> = {
  write: (value) =>
    flatValue.write({
      status: value.status,
      bits: "bits" in value ? value.bits : undefined,
      bytes: "bytes" in value ? value.bytes : undefined,
    }),
  read: (json, place) => flatValue.read(json, place) as RawValue,
};

const series = object<SeriesRecord>({
  id: natural,
  probe: natural,
  values: optional(list(rawValue)),
  count: unsigned,
  sum: wide,
  min: wide,
  max: wide,
  probeTime: optional(unsigned),
  buckets: map(integer, unsigned),
});

const balance = object<BalanceRecord>({
  entries: unsigned,
  returns: unsigned,
  panics: unsigned,
  goexits: unsigned,
  open: unsigned,
  unmatchedReturns: unsigned,
  lost: unsigned,
  counted: unsigned,
  filtered: unsigned,
  undecided: unsigned,
});

const loss = object<DetailLoss>({
  otherSeries: unsigned,
  buckets: unsigned,
  stacks: unsigned,
  samples: unsigned,
  noGoroutine: unsigned,
  unreadable: unsigned,
  homeless: unsigned,
  abandoned: unsigned,
  left: unsigned,
  cut: unsigned,
});

const activity = object<ActivityRecord>({ ns: unsigned, calls: unsigned, hits: unsigned });

const slice = object<SliceRecord>({
  beginNs: unsigned,
  endNs: unsigned,
  calls: unsigned,
  first: activity,
  last: activity,
});

const calls = object<CallsRecord>({ sum: finite, last: optional(finite), steps: finite });

const earlierSlices = object<SliceSumRecord>({
  slices: natural,
  onNs: unsigned,
  calls: unsigned,
  rest: object<RestRecord>({ least: calls, most: optional(calls), variance: finite }),
});

const batch = object<RecordBatch>({
  startTimeMs: finite,
  durationNs: unsigned,
  balance,
  loss,
  cost: object<CostRecord>({
    hits: unsigned,
    nsPerHit: optional(finite),
    targetCpuNs: optional(unsigned),
    net: optional(object<NetRecord>({ belowZero: unsigned, uncertainty: optional(finite) })),
  }),
  slices: list(slice),
  earlierSlices: optional(earlierSlices),
  series: list(series),
  endings: list(object<EndingsRecord>({ probe: natural, panics: unsigned, goexits: unsigned })),
  samples: list(object<SampleRecord>({ series: natural, stack: optional(unsigned), count: unsigned, sum: wide })),
  stacks: list(object<StackRecord>({ id: unsigned, frames: list(address), truncated: truth })),
});

export const runEnd: Codec<RunEndRecord> = object<RunEndRecord>({
  batch,
  eventLoss: object<EventLoss>({ dropped: unsigned, captures: unsigned }),
});
