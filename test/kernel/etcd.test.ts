/**
 * etcd as Debian ships it: stripped, Go 1.19, gRPC with a crowd of goroutines. What is measured of it from outside must
 * be what it counts of itself, and what was sent to it.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { withoutKernel } from "./measuring.js";
import {
  allReturned,
  counts,
  flatOf,
  freePort,
  hist,
  type Metrics,
  output,
  pprof,
  profile,
  Server,
  tracesOf,
} from "./programs.js";

const options = { skip: withoutKernel };

const SERVER = "go.etcd.io/etcd/etcdserver.(*EtcdServer)";
const WRITES = "go.etcd.io/etcd/mvcc.(*metricsTxnWrite)";
const PUT = "go.etcd.io/etcd/mvcc.(*storeTxnWrite).put";
const INDEX = "go.etcd.io/etcd/mvcc.(*treeIndex).Put";
const SYNC = "go.etcd.io/etcd/wal.(*WAL).sync";
const DATASYNC = "go.etcd.io/etcd/pkg/fileutil.Fdatasync";

let etcd: Server;
let endpoint = "";

before(async () => {
  if (withoutKernel !== false) return;
  const [port, peerPort] = [await freePort(), await freePort()];
  endpoint = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  etcd = await Server.start("/usr/bin/etcd", port, (folder) => [
    ...["--name", "gospect", "--data-dir", join(folder, "data")],
    ...["--listen-client-urls", endpoint, "--advertise-client-urls", endpoint],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `gospect=${peer}`],
  ]);
  // The member publishes itself and the cluster's version before it serves clients; both are proposals like any other.
  await etcdctl("endpoint", "health");
});

after(async () => {
  if (withoutKernel !== false) return;
  await etcd.stop();
  await etcd[Symbol.asyncDispose]();
});

const etcdctl = (...args: string[]): Promise<string> => output("etcdctl", "--endpoints", endpoint, ...args);

/** Keys of 7 and 4 bytes with values of 1 to 40 bytes, from two clients at a time. */
const PUTS: readonly (readonly [key: string, value: string])[] = [1, 2, 3, 4, 5, 6].flatMap((n) => [
  [`alpha/${n % 3}`, "x".repeat(n)] as const,
  ["beta", "y".repeat(40)] as const,
]);

async function put(): Promise<void> {
  for (let at = 0; at < PUTS.length; at += 2) {
    await Promise.all(PUTS.slice(at, at + 2).map(([key, value]) => etcdctl("put", key, value)));
  }
}

async function putGetDelete(): Promise<void> {
  await put();
  await Promise.all([etcdctl("get", "alpha/1"), etcdctl("get", "--prefix", "alpha/"), etcdctl("get", "no such key")]);
  await Promise.all([etcdctl("del", "beta"), etcdctl("del", "no such key")]);
}

/** How much a counter of etcd's own rose. */
type Rise = (name: string, labels?: Readonly<Record<string, string>>) => number;

async function during(work: () => Promise<unknown>): Promise<Rise> {
  const earlier: Metrics = await etcd.metrics();
  await work();
  const later: Metrics = await etcd.metrics();
  return (name, labels) => later.get(name, labels) - earlier.get(name, labels);
}

test("hist counts the calls that etcd's own metrics count", options, async () => {
  const probes = [`${SERVER}.Put`, `${SERVER}.Range`, `${SERVER}.DeleteRange`, `${WRITES}.DeleteRange`, PUT];
  let measured = {};
  let balance = {};
  const rise = await during(async () => {
    const result = await hist(etcd.pid, probes, putGetDelete);
    measured = counts(result.series);
    balance = result.balance;
  });
  const handled = (method: string): number => rise("grpc_server_handled_total", { grpc_method: method });
  assert.deepEqual(measured, {
    [`${SERVER}.DeleteRange`]: handled("DeleteRange"),
    [`${SERVER}.Put`]: handled("Put"),
    [`${SERVER}.Range`]: handled("Range"),
    [`${WRITES}.DeleteRange`]: rise("etcd_mvcc_delete_total"),
    [PUT]: rise("etcd_mvcc_put_total"),
  });
  assert.deepEqual(Object.values(measured), [2, PUTS.length, 3, 2, PUTS.length]);
  assert.deepEqual(balance, allReturned(7 + 2 * PUTS.length));
});

test("hist by key and value length, from a signature, agrees with what was put", options, async () => {
  // A []byte is a pointer, a length and a capacity; a string is the first two, and can be told apart by its text.
  const signature = `${PUT}=func(key struct{text string; cap int}, value []byte, lease int64)`;
  const by = ["--by", "key.text", "--by", "len(value)", "--by", "lease"];
  let bytes = 0;
  const rise = await during(async () => {
    const { series, balance } = await hist(etcd.pid, [PUT, "--sig", signature, ...by], put);
    assert.deepEqual(balance, allReturned(PUTS.length));
    assert.deepEqual(
      counts(series, "key.text", "len(value)", "lease"),
      Object.fromEntries([
        ["alpha/0 3 0", 1],
        ["alpha/0 6 0", 1],
        ["alpha/1 1 0", 1],
        ["alpha/1 4 0", 1],
        ["alpha/2 2 0", 1],
        ["alpha/2 5 0", 1],
        ["beta 40 0", 6],
      ]),
    );
    for (const one of series) {
      bytes += one.count * (String(one.by["key.text"]).length + Number(one.by["len(value)"]));
    }
  });
  assert.equal(rise("etcd_debugging_mvcc_total_put_size_in_bytes"), bytes);
});

test("hist by a field of a struct argument: each revision once", options, async () => {
  const before = await etcd.metrics();
  const first = before.get("etcd_debugging_mvcc_current_revision") + 1;
  const signature = `${INDEX}=func(key []byte, rev struct{main, sub int64})`;
  const by = ["--by", "rev.main", "--by", "rev.sub", "--by", "len(key)"];
  const { series } = await hist(etcd.pid, [INDEX, "--sig", signature, ...by], async () => {
    for (const [key, value] of PUTS) await etcdctl("put", key, value);
  });
  assert.deepEqual(
    counts(series, "rev.main", "rev.sub", "len(key)"),
    Object.fromEntries(PUTS.map(([key], n): [string, number] => [`${first + n} 0 ${key.length}`, 1]).sort()),
  );
});

test("hist's sums lie around what etcd itself measured", options, async () => {
  let result = { series: [] } as Pick<Awaited<ReturnType<typeof hist>>, "series">;
  const rise = await during(async () => {
    result = await hist(etcd.pid, [SYNC, DATASYNC], put);
  });
  // etcd takes the time inside of sync and around Fdatasync.
  const fsyncs = rise("etcd_disk_wal_fsync_duration_seconds_count");
  assert.ok(fsyncs > 0);
  assert.deepEqual(counts(result.series), { [DATASYNC]: fsyncs, [SYNC]: fsyncs });
  const [inner, outer] = [DATASYNC, SYNC].map((name) => result.series.find((one) => one.function === name)?.sum ?? 0);
  const own = rise("etcd_disk_wal_fsync_duration_seconds_sum") * 1e9;
  assert.ok(inner !== undefined && outer !== undefined);
  assert.ok(inner <= own && own <= outer, `Fdatasync ${inner} ns, etcd says ${own} ns, sync ${outer} ns`);
});

test("profile shows who puts: the gRPC handler and the applied proposal", options, async () => {
  const file = join(etcd.folder, "put.pb.gz");
  const handler = "go.etcd.io/etcd/etcdserver/api/v3rpc.(*quotaKVServer).Put";
  const rise = await during(() => profile(etcd.pid, file, [handler, PUT], put));
  const calls = rise("grpc_server_handled_total", { grpc_method: "Put" });
  assert.equal(calls, PUTS.length);
  // As a traceback of Go has them: without wrappers, such as quotaApplierV3.Apply, which only hands on.
  const handlerStack = `${handler}
go.etcd.io/etcd/etcdserver/etcdserverpb._KV_Put_Handler.func1
github.com/grpc-ecosystem/go-grpc-prometheus.(*ServerMetrics).UnaryServerInterceptor.func1
github.com/grpc-ecosystem/go-grpc-middleware.ChainUnaryServer.func1.1.1
go.etcd.io/etcd/etcdserver/api/v3rpc.newUnaryInterceptor.func1
github.com/grpc-ecosystem/go-grpc-middleware.ChainUnaryServer.func1.1.1
go.etcd.io/etcd/etcdserver/api/v3rpc.newLogUnaryInterceptor.func1
github.com/grpc-ecosystem/go-grpc-middleware.ChainUnaryServer.func1.1.1
github.com/grpc-ecosystem/go-grpc-middleware.ChainUnaryServer.func1
go.etcd.io/etcd/etcdserver/etcdserverpb._KV_Put_Handler
google.golang.org/grpc.(*Server).processUnaryRPC
google.golang.org/grpc.(*Server).handleStream
google.golang.org/grpc.(*Server).serveStreams.func1.2
runtime.goexit`.split("\n");
  const applyStack = `${PUT}
go.etcd.io/etcd/mvcc.(*storeTxnWrite).Put
go.etcd.io/etcd/mvcc.(*metricsTxnWrite).Put
go.etcd.io/etcd/etcdserver.(*applierV3backend).Put
go.etcd.io/etcd/etcdserver.(*quotaApplierV3).Put
go.etcd.io/etcd/etcdserver.(*authApplierV3).Put
go.etcd.io/etcd/etcdserver.(*applierV3backend).Apply
go.etcd.io/etcd/etcdserver.(*authApplierV3).Apply
go.etcd.io/etcd/etcdserver.(*EtcdServer).applyEntryNormal
go.etcd.io/etcd/etcdserver.(*EtcdServer).apply
go.etcd.io/etcd/etcdserver.(*EtcdServer).applyEntries
go.etcd.io/etcd/etcdserver.(*EtcdServer).applyAll
go.etcd.io/etcd/etcdserver.(*EtcdServer).run.func8
go.etcd.io/etcd/pkg/schedule.(*fifo).run
runtime.goexit`.split("\n");
  for (const version of ["1.19", "1.27"] as const) {
    const traces = tracesOf(pprof(version, file, "-traces", "-sample_index=calls"));
    assert.deepEqual(
      new Set(traces),
      new Set([
        { calls, stack: handlerStack },
        { calls, stack: applyStack },
      ]),
    );
    assert.deepEqual(
      new Set(flatOf(pprof(version, file, "-top", "-sample_index=calls", "-nodefraction=0"))),
      new Set([`12 50.00% ${handler}`, `12 50.00% ${PUT}`]),
    );
  }
});
