/** The pid namespaces that give a pid its meaning. */
import { parseStatDevice } from "./device.js";
import { readProcIdentity } from "./proc-file.js";

export interface PidNamespace {
  /** As the kernel holds it internally (major shifted by 20 bits), which is what `bpf_get_ns_current_pid_tgid` compares. */
  readonly device: bigint;
  readonly inode: bigint;
  /** The machine's first one, whose pids are what BPF programs see without that helper. */
  readonly initial: boolean;
}

/** PROC_PID_INIT_INO of the kernel, part of its ABI. */
const INITIAL_INODE = 0xefff_fffcn;

/** The pid namespace a process is in; without a pid, our own. Throws as readProcFile does. */
export function readPidNamespace(pid: number = process.pid): PidNamespace {
  const { device, inode } = readProcIdentity(pid, "ns/pid");
  const { major, minor } = parseStatDevice(device);
  return { device: (major << 20n) | minor, inode, initial: inode === INITIAL_INODE };
}
