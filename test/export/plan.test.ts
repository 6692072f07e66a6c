import assert from "node:assert/strict";
import { test } from "node:test";
import { fileOffset, refused, virtualAddress } from "../../src/base/index.js";
import type { GoType } from "../../src/binary/gotype.js";
import { formatPlanJson, formatPlanText } from "../../src/export/index.js";
import type { ProbePlan, Site } from "../../src/probes/plan.js";
import { assertGolden } from "../golden/golden.js";

const PLAIN = { colour: false, width: 120 };
const STRING: GoType = { name: "string", size: 16, kind: "string" };
const INT: GoType = { name: "int", size: 8, kind: "int", signed: true };
const STORE: GoType = { name: "*main.Store", size: 8, kind: "pointer", target: () => STORE };

const site = (kind: Site["kind"], address: number, bytes: string, instruction: string): Site => ({
  kind,
  address: virtualAddress(address),
  offset: fileOffset(address - 0x400000),
  bytes: Buffer.from(bytes, "hex"),
  instruction,
});

const PLAN: ProbePlan = {
  target: {
    access: "",
    path: "/usr/bin/store",
    arch: "amd64",
    goVersion: "go1.27.4",
    goBuildId: "abc/def",
    gnuBuildId: undefined,
    positionIndependent: false,
    imageBase: virtualAddress(0x400000),
  },
  libraries: [
    {
      access: "/proc/4711/map_files/7f0000000000-7f0000200000",
      path: "/usr/lib/libqueue.so.1",
      goBuildId: undefined,
      gnuBuildId: "0a1b2c",
      positionIndependent: true,
      imageBase: virtualAddress(0),
    },
  ],
  runtime: {
    goidOffset: 152,
    mOffset: 48,
    curgOffset: 192,
    schedSpOffset: 56,
    tlsOffset: -8,
    goroutineInRegister: true,
    source: "dwarf",
  },
  measure: { kind: "duration" },
  where: 'tenant == "acme" && (n > 3 || $duration > 10ms)',
  dimensions: [
    { name: "tenant", encoding: { kind: "string" } },
    { name: "lin(n, 0, 100, 10)", encoding: { kind: "linear", low: 0, width: 10, buckets: 10 } },
  ],
  probes: [
    {
      name: "main.(*Store).Lookup",
      function: {
        name: "main.(*Store).Lookup",
        address: virtualAddress(0x4a1c40),
        size: 1512,
        file: "/src/store.go",
        line: 41,
        wrapper: false,
      },
      signature: {
        parameters: [
          { name: "s", type: STORE },
          { name: "tenant", type: STRING },
          { name: "n", type: INT },
        ],
        results: [{ name: "~r0", type: INT }],
        hasReceiver: true,
        source: "dwarf",
      },
      kind: "call",
      file: 0,
      identity: "goroutine",
      value: undefined,
      entry: { ...site("entry", 0x4a1c44, "0f86b6020000", "jbe 0x4a1f00"), placement: "stack-check" },
      exits: [site("return", 0x4a1cf0, "c3", "ret"), site("tail-jump", 0x4a1d02, "e9f9fdffff", "jmp 0x4a1b00")],
      goroutine: "register",
      inlinedCopies: 2,
      recipes: [
        {
          phase: "entry",
          type: STRING,
          steps: [
            { op: "register", register: "bx" },
            { op: "register-b", register: "cx" },
          ],
        },
        {
          phase: "entry",
          type: INT,
          steps: [
            { op: "image", address: virtualAddress(0x5000) },
            { op: "load", offset: 16, size: 8, signed: true },
            { op: "linear", signed: true, low: 0, width: 10, buckets: 10 },
          ],
        },
      ],
      condition: {
        entry: [
          { op: "register", register: "bx" },
          { op: "register-b", register: "cx" },
          { op: "compare-bytes", constant: Buffer.from("acme\u001b"), prefix: "whole" },
          { op: "put", variable: 0 },
          { op: "set", value: 0n },
          { op: "compare", relation: "==", variable: 0, signed: true },
        ],
        decisions: [[{ op: "register", register: "di" }, { op: "not-zero" }]],
        return: [
          { op: "decided", decision: 0 },
          { op: "jump-if", by: 4 },
          { op: "special", value: "duration" },
          { op: "put", variable: 0 },
          { op: "set", value: 1n << 60n },
          { op: "compare", relation: "<", variable: 0, signed: true },
        ],
      },
      captures: {
        entry: {
          code: [
            { op: "register", register: "bx" },
            { op: "register-b", register: "cx" },
            { op: "keep-bytes", slot: 0, most: 256 },
            { op: "register", register: "di" },
            { op: "keep", slot: 2 },
          ],
          slots: 3,
          tailBytes: 256,
        },
        return: undefined,
        shown: [
          { name: "tenant", role: "argument", phase: "entry", shape: { kind: "string", slot: 0 } },
          {
            name: "n",
            role: "show",
            phase: "entry",
            shape: { kind: "integer", slot: 2, signed: true, size: 8 },
          },
          {
            name: "ratio",
            role: "result",
            phase: "return",
            shape: { kind: "unreadable", reason: "a float in a register" },
          },
        ],
      },
      notes: ["1 of 2 exits is a tail jump: time until the jump"],
    },
    {
      name: "main.plain",
      function: {
        name: "main.plain",
        address: virtualAddress(0x4a3000),
        size: 32,
        file: undefined,
        line: undefined,
        wrapper: false,
      },
      signature: undefined,
      kind: "call",
      file: 0,
      identity: "goroutine",
      value: undefined,
      entry: { ...site("entry", 0x4a3000, "90", "nop"), placement: "first" },
      exits: [site("return", 0x4a3001, "c3", "ret")],
      goroutine: "tls",
      inlinedCopies: 0,
      recipes: [],
      notes: [],
    },
    ...(["span-begin", "span-end"] as const).map((kind): ProbePlan["probes"][number] => ({
      name: "usdt:queue:put..usdt:queue:take",
      function: {
        name: "usdt:queue:put..usdt:queue:take",
        address: virtualAddress(0x1110),
        size: 0,
        file: undefined,
        line: undefined,
        wrapper: false,
      },
      signature: undefined,
      kind,
      file: 1,
      identity: "value",
      nest: 2,
      match: { phase: "entry", type: INT, steps: [{ op: "register", register: "di" }] },
      value: undefined,
      entry: {
        ...site(kind, 0x1110, "90", "nop"),
        offset: fileOffset(0x1110),
        ...(kind === "span-begin" ? { semaphore: fileOffset(0x4020) } : {}),
      },
      exits: [],
      goroutine: "none",
      inlinedCopies: 0,
      recipes: [],
      notes: [],
    })),
    {
      name: "c:getaddrinfo",
      function: {
        name: "getaddrinfo",
        address: virtualAddress(0x2000),
        size: 0,
        file: undefined,
        line: undefined,
        wrapper: false,
      },
      signature: undefined,
      kind: "call",
      file: 1,
      identity: "thread",
      nest: 4,
      value: undefined,
      entry: { ...site("function", 0x2004, "55", "push %rbp"), offset: fileOffset(0x2004) },
      exits: [{ ...site("function-return", 0x2004, "55", "push %rbp"), offset: fileOffset(0x2004) }],
      goroutine: "none",
      inlinedCopies: 0,
      recipes: [],
      notes: [],
    },
  ],
  refused: [{ name: "main.loop", refusal: refused("no-return", "it never returns", "probe what it calls").refusal }],
  runtimeSites: [site("goexit", 0x43a000, "e8fb000000", "call 0x43a100")],
  warnings: ["runtime.recovery not found: recovered panics stay open"],
};

const MEMORY = [
  { command: "hist", cpus: 2, bytes: 300 << 20 },
  { command: "hist", cpus: 128, bytes: undefined },
  { command: "profile", cpus: 2, bytes: 1.5 * 1024 ** 3 },
];

test("plan: all of it, for people", () => {
  assertGolden("plan.txt", formatPlanText(PLAN, MEMORY, PLAIN));
});

/** What is the same of all that is not Go's. */
const NATIVE = {
  file: null,
  line: null,
  signature: null,
  library: "/usr/lib/libqueue.so.1",
  goroutine: "none",
  inlinedCopies: 0,
  recipes: [],
  value: null,
  condition: null,
  captures: null,
  notes: [],
};

test("plan --json: all of it, whole", () => {
  const { probes, ...rest } = JSON.parse(formatPlanJson(PLAN, MEMORY));
  assert.deepEqual(rest, {
    schema: "gospect.plan/1",
    target: {
      path: "/usr/bin/store",
      arch: "amd64",
      goVersion: "go1.27.4",
      goBuildId: "abc/def",
      gnuBuildId: null,
      positionIndependent: false,
      imageBase: 0x400000,
    },
    libraries: [
      {
        path: "/usr/lib/libqueue.so.1",
        goBuildId: null,
        gnuBuildId: "0a1b2c",
        positionIndependent: true,
        imageBase: 0,
      },
    ],
    runtime: {
      goidOffset: 152,
      mOffset: 48,
      curgOffset: 192,
      schedSpOffset: 56,
      schedBpOffset: null,
      parentGoidOffset: null,
      gopcOffset: null,
      tlsOffset: -8,
      goroutineInRegister: true,
      source: "dwarf",
    },
    measure: { kind: "duration" },
    where: 'tenant == "acme" && (n > 3 || $duration > 10ms)',
    dimensions: [
      { name: "tenant", encoding: { kind: "string" } },
      { name: "lin(n, 0, 100, 10)", encoding: { kind: "linear", low: 0, width: 10, buckets: 10 } },
    ],
    kernelMemory: [
      { command: "hist", cpus: 2, bytes: 314_572_800 },
      { command: "hist", cpus: 128, bytes: null },
      { command: "profile", cpus: 2, bytes: 1_610_612_736 },
    ],
    refused: [{ function: "main.loop", code: "no-return", reason: "it never returns", hint: "probe what it calls" }],
    runtimeSites: [
      { kind: "goexit", address: 0x43a000, offset: 0x3a000, bytes: "e8fb000000", instruction: "call 0x43a100" },
    ],
    warnings: ["runtime.recovery not found: recovered panics stay open"],
  });
  assert.deepEqual(probes, [
    {
      name: "main.(*Store).Lookup",
      function: "main.(*Store).Lookup",
      address: 0x4a1c40,
      size: 1512,
      file: "/src/store.go",
      line: 41,
      signature: {
        params: [
          { name: "s", type: "*main.Store" },
          { name: "tenant", type: "string" },
          { name: "n", type: "int" },
        ],
        results: [{ name: "~r0", type: "int" }],
        hasReceiver: true,
        source: "dwarf",
      },
      kind: "call",
      identity: "goroutine",
      value: null,
      entry: {
        kind: "entry",
        address: 0x4a1c44,
        offset: 0xa1c44,
        bytes: "0f86b6020000",
        instruction: "jbe 0x4a1f00",
        placement: "stack-check",
      },
      exits: [
        { kind: "return", address: 0x4a1cf0, offset: 0xa1cf0, bytes: "c3", instruction: "ret" },
        { kind: "tail-jump", address: 0x4a1d02, offset: 0xa1d02, bytes: "e9f9fdffff", instruction: "jmp 0x4a1b00" },
      ],
      goroutine: "register",
      inlinedCopies: 2,
      recipes: [
        {
          phase: "entry",
          type: "string",
          steps: [
            { op: "register", register: "bx" },
            { op: "register-b", register: "cx" },
          ],
        },
        {
          phase: "entry",
          type: "int",
          steps: [
            { op: "image", address: 0x5000 },
            { op: "load", offset: 16, size: 8, signed: true },
            { op: "linear", signed: true, low: 0, width: 10, buckets: 10 },
          ],
        },
      ],
      condition: {
        entry: [
          { op: "register", register: "bx" },
          { op: "register-b", register: "cx" },
          { op: "compare-bytes", constant: "61636d651b", prefix: "whole" },
          { op: "put", variable: 0 },
          { op: "set", value: 0 },
          { op: "compare", relation: "==", variable: 0, signed: true },
        ],
        decisions: [[{ op: "register", register: "di" }, { op: "not-zero" }]],
        return: [
          { op: "decided", decision: 0 },
          { op: "jump-if", by: 4 },
          { op: "special", value: "duration" },
          { op: "put", variable: 0 },
          { op: "set", value: "1152921504606846976" },
          { op: "compare", relation: "<", variable: 0, signed: true },
        ],
      },
      captures: {
        entry: {
          code: [
            { op: "register", register: "bx" },
            { op: "register-b", register: "cx" },
            { op: "keep-bytes", slot: 0, most: 256 },
            { op: "register", register: "di" },
            { op: "keep", slot: 2 },
          ],
          slots: 3,
          tailBytes: 256,
        },
        return: null,
        shown: [
          { name: "tenant", role: "argument", phase: "entry", shape: { kind: "string", slot: 0 } },
          { name: "n", role: "show", phase: "entry", shape: { kind: "integer", slot: 2, signed: true, size: 8 } },
          {
            name: "ratio",
            role: "result",
            phase: "return",
            shape: { kind: "unreadable", reason: "a float in a register" },
          },
        ],
      },
      notes: ["1 of 2 exits is a tail jump: time until the jump"],
    },
    {
      name: "main.plain",
      function: "main.plain",
      address: 0x4a3000,
      size: 32,
      file: null,
      line: null,
      signature: null,
      kind: "call",
      identity: "goroutine",
      value: null,
      entry: {
        kind: "entry",
        address: 0x4a3000,
        offset: 0xa3000,
        bytes: "90",
        instruction: "nop",
        placement: "first",
      },
      exits: [{ kind: "return", address: 0x4a3001, offset: 0xa3001, bytes: "c3", instruction: "ret" }],
      goroutine: "tls",
      inlinedCopies: 0,
      recipes: [],
      condition: null,
      captures: null,
      notes: [],
    },
    ...["span-begin", "span-end"].map((kind) => ({
      ...NATIVE,
      name: "usdt:queue:put..usdt:queue:take",
      function: "usdt:queue:put..usdt:queue:take",
      address: 0x1110,
      size: 0,
      kind,
      identity: "value",
      nest: 2,
      match: { phase: "entry", type: "int", steps: [{ op: "register", register: "di" }] },
      entry: {
        kind,
        address: 0x1110,
        offset: 0x1110,
        bytes: "90",
        instruction: "nop",
        ...(kind === "span-begin" ? { semaphore: 0x4020 } : {}),
      },
      exits: [],
    })),
    {
      ...NATIVE,
      name: "c:getaddrinfo",
      function: "getaddrinfo",
      address: 0x2000,
      size: 0,
      kind: "call",
      identity: "thread",
      nest: 4,
      entry: { kind: "function", address: 0x2004, offset: 0x2004, bytes: "55", instruction: "push %rbp" },
      exits: [{ kind: "function-return", address: 0x2004, offset: 0x2004, bytes: "55", instruction: "push %rbp" }],
    },
  ]);
});
