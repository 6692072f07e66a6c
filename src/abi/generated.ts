/**
 * bpf/abi.h as constants: sizes, offsets and strides in bytes, little-endian; fields in camel case.
 * Generated from the BTF of bpf/abi.bpf.c by `make generate`; do not edit.
 */

/** enum gs_limits */
export const gsLimits = {
  GS_MAX_DIMENSIONS: 4,
  GS_MAX_STEPS: 12,
  GS_STRING_BYTES: 64,
  GS_KEY_BYTES: 288,
  GS_STACK_FRAMES: 127,
  GS_INLINE_FRAMES: 8,
  GS_MAX_EXECUTED: 32768,
  GS_CONSTANT_BYTES: 128,
  GS_MAX_SLOTS: 256,
  GS_TAIL_BYTES: 4096,
  GS_CHUNK_BYTES: 512,
  GS_WORKSPACES: 4,
  GS_WORKSPACE_BYTES: 16384,
  GS_VARIABLES: 16,
  GS_MAX_DECIDED: 8,
} as const;

/** enum gs_histogram */
export const gsHistogram = {
  GS_ROW_BUCKETS: 8,
  GS_ROWS: 62,
  GS_NEGATIVE_ROWS: 64,
} as const;

/** enum gs_cookie */
export const gsCookie = {
  GS_COOKIE_PROBE_BITS: 20,
  GS_COOKIE_KIND_BITS: 8,
} as const;

/** enum gs_parent */
export const gsParent = {
  GS_NO_PARENT: 4294967295,
} as const;

/** enum gs_site_kind */
export const gsSiteKind = {
  GS_SITE_ENTRY: 0,
  GS_SITE_ENTRY_CHECKED: 1,
  GS_SITE_RETURN: 2,
  GS_SITE_TAIL_JUMP: 3,
  GS_SITE_RECOVERY: 4,
  GS_SITE_GOEXIT: 5,
  GS_SITE_COUNT: 6,
  GS_SITE_COUNT_CHECKED: 7,
  GS_SITE_FUNCTION: 8,
  GS_SITE_FUNCTION_RETURN: 9,
  GS_SITE_SPAN_BEGIN: 10,
  GS_SITE_SPAN_END: 11,
  GS_SITE_KIND: 63,
  GS_SITE_G_IN_TLS: 64,
  GS_SITE_G_BEHIND_C: 128,
  GS_SITE_NO_G: 192,
} as const;

/** enum gs_opcode */
export const gsOpcode = {
  GS_END: 0,
  GS_REGISTER: 1,
  GS_REGISTER_B: 2,
  GS_STACK: 3,
  GS_IMAGE: 4,
  GS_LOAD: 5,
  GS_LOAD_PAIR: 6,
  GS_ADD: 7,
  GS_TAKE_B: 8,
  GS_LOG2: 9,
  GS_LINEAR: 10,
  GS_TRUNCATE: 11,
  GS_NOT_ZERO: 12,
  GS_GIVE_B: 13,
  GS_ADD_REGISTER: 14,
  GS_SET: 32,
  GS_SET_HIGH: 33,
  GS_GET: 34,
  GS_PUT: 35,
  GS_GET_B: 36,
  GS_PUT_B: 37,
  GS_ADD_VARIABLE: 38,
  GS_MULTIPLY: 39,
  GS_AND: 40,
  GS_SHIFT_RIGHT: 41,
  GS_COMPARE: 42,
  GS_ORDER_FLOAT: 43,
  GS_COMPARE_BYTES: 44,
  GS_JUMP: 45,
  GS_JUMP_IF: 46,
  GS_JUMP_UNLESS: 47,
  GS_SPECIAL: 48,
  GS_DECIDED: 49,
  GS_TRY: 50,
  GS_FAIL: 51,
  GS_KEEP: 52,
  GS_KEEP_BYTES: 53,
  GS_C_LENGTH: 54,
  GS_WORD: 55,
} as const;

/** enum gs_relation */
export const gsRelation = {
  GS_EQUAL: 0,
  GS_NOT_EQUAL: 1,
  GS_LESS: 2,
  GS_LESS_OR_EQUAL: 3,
  GS_GREATER: 4,
  GS_GREATER_OR_EQUAL: 5,
} as const;

/** enum gs_special */
export const gsSpecial = {
  GS_DURATION: 0,
  GS_GOID: 1,
  GS_TID: 2,
} as const;

/** enum gs_register */
export const gsRegister = {
  GS_AX: 0,
  GS_BX: 1,
  GS_CX: 2,
  GS_DI: 3,
  GS_SI: 4,
  GS_R8: 5,
  GS_R9: 6,
  GS_R10: 7,
  GS_R11: 8,
  GS_DX: 9,
  GS_R14: 10,
  GS_R15: 11,
  GS_BP: 12,
  GS_R12: 13,
  GS_R13: 14,
  GS_REGISTERS: 15,
} as const;

/** enum gs_value_type */
export const gsValueType = {
  GS_NONE: 0,
  GS_NUMBER: 1,
  GS_STRING: 2,
  GS_C_STRING: 3,
} as const;

/** enum gs_frame_place */
export const gsFramePlace = {
  GS_NO_RETURN_ADDRESS: 4294967295,
} as const;

/** enum gs_identity */
export const gsIdentity = {
  GS_BY_GOROUTINE: 0,
  GS_BY_THREAD: 1,
  GS_BY_VALUE: 2,
} as const;

/** enum gs_read_status */
export const gsReadStatus = {
  GS_READ: 0,
  GS_FAULT: 1,
  GS_NIL: 2,
  GS_CUT: 3,
  GS_TOO_LARGE: 4,
  GS_NOT_FOUND: 5,
  GS_OTHER_TYPE: 6,
  GS_NO_ROOM: 7,
} as const;

/** enum gs_frame_flag */
export const gsFrameFlag = {
  GS_FRAME_OTHER: 1,
  GS_FRAME_UNREADABLE: 2,
  GS_FRAME_FILTERED: 4,
  GS_FRAME_CAPTURED: 8,
} as const;

/** enum gs_frame_decisions */
export const gsFrameDecisions = {
  GS_FRAME_TRUE: 8,
  GS_FRAME_UNKNOWN: 16,
} as const;

/** enum gs_outcome */
export const gsOutcome = {
  GS_RETURNED: 0,
  GS_PANICKED: 1,
  GS_EXITED: 2,
  GS_PASSED: 3,
  GS_JUMPED: 4,
} as const;

/** enum gs_event_flag */
export const gsEventFlag = {
  GS_EVENT_NO_ENTRY: 1,
} as const;

/** enum gs_tail_place */
export const gsTailPlace = {
  GS_TAIL_OFFSET_BITS: 32,
} as const;

/** enum gs_measuring */
export const gsMeasuring = {
  GS_OFF: 0,
  GS_ON: 1,
  GS_ENDING: 2,
  GS_MOVING: 3,
  GS_RETURNING: 4,
} as const;

/** enum gs_gap_calls */
export const gsGapCalls = {
  GS_FIRST_CALLS: 2,
} as const;

/** enum gs_scope */
export const gsScope = {
  GS_SCOPE_ACCOUNT: 4294967295,
} as const;

/** enum gs_measure */
export const gsMeasure = {
  GS_MEASURE_DURATION: 0,
  GS_MEASURE_VALUE: 1,
  GS_MEASURE_NOTHING: 2,
} as const;

/** struct gs_price */
export const gsPrice = {
  size: 16,
  entry: { offset: 0, size: 4 },
  exit: { offset: 4, size: 4 },
  jump: { offset: 8, size: 4 },
  own: { offset: 12, size: 4 },
} as const;

/** struct gs_gap */
export const gsGap = {
  size: 40,
  calls: { offset: 0, size: 8 },
  begun: { offset: 8, size: 8 },
  over: { offset: 16, size: 8 },
  inside: { offset: 24, size: 8 },
  between: { offset: 32, size: 8 },
} as const;

/** struct gs_step */
export const gsStep = {
  size: 8,
  opcode: { offset: 0, size: 1 },
  a: { offset: 1, size: 1 },
  b: { offset: 2, size: 1 },
  reserved: { offset: 3, size: 1 },
  imm: { offset: 4, size: 4 },
} as const;

/** struct gs_recipe */
export const gsRecipe = {
  size: 128,
  type: { offset: 0, size: 1 },
  atReturn: { offset: 1, size: 1 },
  reserved: { offset: 2, size: 2 },
  code: { offset: 4, size: 4 },
  linear: { offset: 8, size: 24, count: 3, stride: 8 },
  steps: { offset: 32, size: 96, count: 12, stride: 8 },
} as const;

/** struct gs_codes */
export const gsCodes = {
  size: 56,
  decide: { offset: 0, size: 32, count: 8, stride: 4 },
  whereEntry: { offset: 32, size: 4 },
  whereReturn: { offset: 36, size: 4 },
  captureEntry: { offset: 40, size: 4 },
  captureReturn: { offset: 44, size: 4 },
  entrySlots: { offset: 48, size: 4 },
  returnSlots: { offset: 52, size: 4 },
} as const;

/** struct gs_probe */
export const gsProbe = {
  size: 848,
  recipes: { offset: 0, size: 512, count: 4, stride: 128 },
  value: { offset: 512, size: 128 },
  match: { offset: 640, size: 128 },
  codes: { offset: 768, size: 56 },
  identity: { offset: 824, size: 4 },
  nest: { offset: 828, size: 4 },
  file: { offset: 832, size: 4 },
  reserved: { offset: 836, size: 4 },
  returnAddress: { offset: 840, size: 4 },
  savedFramePointer: { offset: 844, size: 4 },
} as const;

/** struct gs_constant */
export const gsConstant = {
  size: 136,
  length: { offset: 0, size: 8 },
  bytes: { offset: 8, size: 128, count: 128, stride: 1 },
} as const;

/** struct gs_key */
export const gsKey = {
  size: 304,
  probe: { offset: 0, size: 4 },
  status: { offset: 4, size: 4 },
  parent: { offset: 8, size: 4 },
  phase: { offset: 12, size: 4 },
  bytes: { offset: 16, size: 288, count: 288, stride: 1 },
} as const;

/** struct gs_stats */
export const gsStats = {
  size: 48,
  count: { offset: 0, size: 8 },
  sum: { offset: 8, size: 8 },
  min: { offset: 16, size: 8 },
  max: { offset: 24, size: 8 },
  panics: { offset: 32, size: 8 },
  goexits: { offset: 40, size: 8 },
} as const;

/** struct gs_row_key */
export const gsRowKey = {
  size: 8,
  series: { offset: 0, size: 4 },
  row: { offset: 4, size: 4 },
} as const;

/** struct gs_row */
export const gsRow = {
  size: 64,
  buckets: { offset: 0, size: 64, count: 8, stride: 8 },
} as const;

/** struct gs_sample_key */
export const gsSampleKey = {
  size: 16,
  series: { offset: 0, size: 4 },
  reserved: { offset: 4, size: 4 },
  stack: { offset: 8, size: 8 },
} as const;

/** struct gs_sample */
export const gsSample = {
  size: 16,
  count: { offset: 0, size: 8 },
  sum: { offset: 8, size: 8 },
} as const;

/** struct gs_stack */
export const gsStack = {
  size: 1024,
  depth: { offset: 0, size: 4 },
  truncated: { offset: 4, size: 2 },
  file: { offset: 6, size: 2 },
  frames: { offset: 8, size: 1016, count: 127, stride: 8 },
} as const;

/** struct gs_balance */
export const gsBalance = {
  size: 184,
  entries: { offset: 0, size: 8 },
  returns: { offset: 8, size: 8 },
  panics: { offset: 16, size: 8 },
  goexits: { offset: 24, size: 8 },
  unmatchedReturns: { offset: 32, size: 8 },
  lost: { offset: 40, size: 8 },
  otherHits: { offset: 48, size: 8 },
  noGoroutine: { offset: 56, size: 8 },
  lostHomeless: { offset: 64, size: 8 },
  lostAbandoned: { offset: 72, size: 8 },
  lostLeft: { offset: 80, size: 8 },
  other: { offset: 88, size: 8 },
  bucketsDropped: { offset: 96, size: 8 },
  stacksDropped: { offset: 104, size: 8 },
  samplesDropped: { offset: 112, size: 8 },
  counted: { offset: 120, size: 8 },
  unreadable: { offset: 128, size: 8 },
  filtered: { offset: 136, size: 8 },
  undecided: { offset: 144, size: 8 },
  events: { offset: 152, size: 8 },
  eventsDropped: { offset: 160, size: 8 },
  capturesDropped: { offset: 168, size: 8 },
  belowZero: { offset: 176, size: 8 },
} as const;

/** struct gs_goroutine_key */
export const gsGoroutineKey = {
  size: 16,
  g: { offset: 0, size: 8 },
  tgid: { offset: 8, size: 4 },
  scope: { offset: 12, size: 4 },
} as const;

/** struct gs_frame */
export const gsFrame = {
  size: 32,
  start: { offset: 0, size: 8 },
  value: { offset: 8, size: 8 },
  depth: { offset: 16, size: 4 },
  probe: { offset: 20, size: 4 },
  series: { offset: 24, size: 4 },
  flags: { offset: 28, size: 4 },
} as const;

/** struct gs_goroutine */
export const gsGoroutine = {
  size: 312,
  goid: { offset: 0, size: 8 },
  open: { offset: 8, size: 4 },
  filtered: { offset: 12, size: 4 },
  image: { offset: 16, size: 8 },
  stackTop: { offset: 24, size: 8 },
  owner: { offset: 32, size: 8 },
  busy: { offset: 40, size: 4 },
  skipped: { offset: 44, size: 4 },
  spent: { offset: 48, size: 8 },
  frames: { offset: 56, size: 256, count: 8, stride: 32 },
} as const;

/** struct gs_frame_key */
export const gsFrameKey = {
  size: 24,
  g: { offset: 0, size: 8 },
  tgid: { offset: 8, size: 4 },
  scope: { offset: 12, size: 4 },
  index: { offset: 16, size: 4 },
  reserved: { offset: 20, size: 4 },
} as const;

/** struct gs_event */
export const gsEvent = {
  size: 88,
  start: { offset: 0, size: 8 },
  end: { offset: 8, size: 8 },
  goid: { offset: 16, size: 8 },
  stack: { offset: 24, size: 8 },
  image: { offset: 32, size: 8 },
  parentGoid: { offset: 40, size: 8 },
  createdAt: { offset: 48, size: 8 },
  probe: { offset: 56, size: 4 },
  tgid: { offset: 60, size: 4 },
  tid: { offset: 64, size: 4 },
  site: { offset: 68, size: 4 },
  outcome: { offset: 72, size: 2 },
  flags: { offset: 74, size: 2 },
  level: { offset: 76, size: 4 },
  entrySlots: { offset: 80, size: 2 },
  returnSlots: { offset: 82, size: 2 },
  entryTail: { offset: 84, size: 2 },
  returnTail: { offset: 86, size: 2 },
} as const;

/** struct gs_capture */
export const gsCapture = {
  size: 16,
  image: { offset: 0, size: 8 },
  slots: { offset: 8, size: 2 },
  tail: { offset: 10, size: 2 },
  reserved: { offset: 12, size: 4 },
} as const;

/** struct gs_config */
export const gsConfig = {
  size: 1032,
  pidNsDevice: { offset: 0, size: 8 },
  pidNsInode: { offset: 8, size: 8 },
  tgid: { offset: 16, size: 4 },
  goidOffset: { offset: 20, size: 4 },
  mOffset: { offset: 24, size: 4 },
  curgOffset: { offset: 28, size: 4 },
  schedSpOffset: { offset: 32, size: 4 },
  tlsOffset: { offset: 36, size: 4 },
  probes: { offset: 40, size: 4 },
  seriesCapacity: { offset: 44, size: 4 },
  dimensions: { offset: 48, size: 4 },
  keyBytes: { offset: 52, size: 4 },
  entryDimensions: { offset: 56, size: 4 },
  returnDimensions: { offset: 60, size: 4 },
  stacks: { offset: 64, size: 4 },
  histogram: { offset: 68, size: 4 },
  hasLoop: { offset: 72, size: 4 },
  oneRecipe: { offset: 76, size: 4 },
  measure: { offset: 80, size: 4 },
  signedValue: { offset: 84, size: 4 },
  working: { offset: 88, size: 4 },
  codes: { offset: 92, size: 4 },
  conditions: { offset: 96, size: 4 },
  events: { offset: 100, size: 4 },
  origins: { offset: 104, size: 4 },
  captureBytes: { offset: 108, size: 4 },
  parentGoidOffset: { offset: 112, size: 4 },
  gopcOffset: { offset: 116, size: 4 },
  schedBpOffset: { offset: 120, size: 4 },
  nests: { offset: 124, size: 4 },
  values: { offset: 128, size: 4 },
  net: { offset: 132, size: 4 },
  exeInode: { offset: 136, size: 8 },
  exeDevice: { offset: 144, size: 8 },
  returnImage: { offset: 152, size: 8 },
  doesReturns: { offset: 160, size: 4 },
  slots: { offset: 164, size: 16, count: 4, stride: 4 },
  only: { offset: 184, size: 848 },
} as const;
