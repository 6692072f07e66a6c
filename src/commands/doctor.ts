/** `doctor`: what this machine, user and target allow, and what a run will therefore use. */
import { arch, release } from "node:os";
import { ProfilerError } from "../base/index.js";
import { type DoctorCheck, formatCount, formatDoctorJson, formatDoctorText } from "../export/index.js";
import { examineMachine, type MachineFindings } from "../session/index.js";
import type { DoctorRequest, TargetRequest } from "./request.js";
import { openResults } from "./results.js";
import type { Streams } from "./streams.js";

const ok = (name: string, detail: string): DoctorCheck => ({ name, status: "ok", detail, hint: undefined });
const degraded = (name: string, detail: string, hint: string): DoctorCheck => ({
  name,
  status: "degraded",
  detail,
  hint,
});
const missing = (name: string, { message, hint }: { message: string; hint?: string | undefined }): DoctorCheck => ({
  name,
  status: "missing",
  detail: message,
  hint,
});

/** One obstacle hides what would come after it. */
function programChecks({
  obstacle,
  attachMode,
  returns,
  hasLoop,
  codesObstacle,
  threadStorageObstacle,
}: MachineFindings): DoctorCheck[] {
  if (obstacle?.code === "libbpf-missing") return [missing("libbpf", obstacle)];
  const libbpf = ok("libbpf", "found");
  if (obstacle?.code === "not-permitted") return [libbpf, missing("privilege", obstacle)];
  const privilege = ok("privilege", `user ${process.geteuid?.() ?? "unknown"} may load BPF programs`);
  if (obstacle !== undefined) return [libbpf, privilege, missing("programs", obstacle)];
  const attach =
    attachMode === "uprobe-multi"
      ? ok("attach", "uprobe_multi: all probes of a run in one call")
      : degraded("attach", "perf events: one call per probe, slow for many", "a kernel from 6.10 on has uprobe_multi");
  const programs = hasLoop
    ? ok("programs", "accepted by the kernel's verifier")
    : degraded("programs", "accepted by the kernel's verifier, without bpf_loop", "a kernel from 5.17 on has bpf_loop");
  const conditions =
    codesObstacle === undefined
      ? ok("conditions", "--where, trace and flow")
      : degraded(
          "conditions",
          `no --where, trace and flow: ${codesObstacle.message}`,
          codesObstacle.hint ?? "a kernel from 5.17 on has what they take",
        );
  const assembly =
    threadStorageObstacle === undefined
      ? ok("assembly", "functions in assembly can be measured")
      : degraded(
          "assembly",
          `functions in assembly can't be measured: ${threadStorageObstacle.message}`,
          "it takes a kernel with its type data (BTF): /sys/kernel/btf/vmlinux",
        );
  const ends = ok(
    "returns",
    returns === "programs"
      ? "done by the programs in runs on one process (-p) and Go functions alone: one trap; else by the kernel, as with a shadow stack or probes of others"
      : "stepped through by the kernel: two traps; newer kernels need one",
  );
  return [libbpf, privilege, programs, conditions, attach, ends, assembly];
}

function architectureCheck(): DoctorCheck {
  if (arch() === "x64") return ok("architecture", "amd64");
  return missing("architecture", { message: `${arch()}: only amd64 can be measured` });
}

async function targetCheck(request: TargetRequest): Promise<DoctorCheck> {
  // Doctor must speak even where nothing else does: readers are loaded when there is something to read.
  const { Subject } = await import("./subject.js");
  try {
    using subject = await Subject.open(request);
    const { go, target } = subject;
    if (go === undefined) return ok("target", `${target.displayPath}: no Go program: USDT probes and C functions only`);
    const functions = `${formatCount(go.symbols.functionCount)} functions`;
    return ok("target", `${target.displayPath}: ${go.binary.version.text}, ${functions}`);
  } catch (error) {
    if (error instanceof ProfilerError) return missing("target", error);
    throw error;
  }
}

export async function doctor(request: DoctorRequest, streams: Streams): Promise<number> {
  using results = openResults(request.output, streams);
  const checks = [
    ok("kernel", release()),
    architectureCheck(),
    ok("node", process.version),
    ...programChecks(examineMachine()),
    ...(request.target === undefined ? [] : [await targetCheck(request.target)]),
  ];
  results.finish(request.json ? formatDoctorJson(checks) : formatDoctorText(checks, results.style));
  return checks.some(({ status }) => status === "missing") ? 4 : 0;
}
