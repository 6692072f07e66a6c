/** koffi and the C libraries, loaded when first used: a command that never touches the kernel does not pay for them. */
import { createRequire } from "node:module";
import type * as Koffi from "koffi";
import { messageOf, UnsupportedError } from "../base/index.js";

const require = createRequire(import.meta.url);

let loadedKoffi: typeof Koffi | undefined;
export function koffi(): typeof Koffi {
  loadedKoffi ??= require("koffi") as typeof Koffi;
  return loadedKoffi;
}

let processLibrary: Koffi.LibraryHandle | undefined;
/** The C library this process already runs on, glibc or musl. */
export function libc(): Koffi.LibraryHandle {
  processLibrary ??= koffi().load(null);
  return processLibrary;
}

/** Where libbpf may be; the second is for machines that only have the development link, which may lead to a 0.x. */
const LIBBPF_NAMES = ["libbpf.so.1", "libbpf.so"];

/** @throws Error unless it is a libbpf 1.x: older ones report errors as pointers, which would be taken for objects. */
function requireMajorVersion(library: Koffi.LibraryHandle): void {
  const major = (library.func("libbpf_major_version", "uint32", []) as unknown as () => number)();
  if (major !== 1) throw new Error(`its version is ${major}.x, not 1.x`);
}

let libbpfLibrary: Koffi.LibraryHandle | undefined;
/** @throws UnsupportedError when the machine has no libbpf 1.x. */
export function libbpf(): Koffi.LibraryHandle {
  if (libbpfLibrary !== undefined) return libbpfLibrary;
  const reasons: string[] = [];
  for (const name of process.env["GOSPECT_LIBBPF"]?.split(":") ?? LIBBPF_NAMES) {
    try {
      const library = koffi().load(name);
      requireMajorVersion(library);
      libbpfLibrary = library;
      return library;
    } catch (error) {
      reasons.push(`${name}: ${messageOf(error).replace("Failed to load shared library: ", "")}`);
    }
  }
  throw new UnsupportedError("libbpf-missing", `libbpf could not be loaded: ${reasons.join("; ")}`, {
    hint: "install it: apt-get install libbpf1 (Debian, Ubuntu), dnf install libbpf (Fedora), apk add libbpf (Alpine)",
  });
}
