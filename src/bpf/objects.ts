/** The compiled BPF objects that ship with the package: build/bpf, beside build/src. */
import { readFileSync } from "node:fs";
import { messageOf, RunError } from "../base/index.js";

/** Bytes of an object by name, `calls` for build/bpf/calls.bpf.o. */
export function readObject(name: string): Buffer {
  try {
    return readFileSync(new URL(`../../bpf/${name}.bpf.o`, import.meta.url));
  } catch (cause) {
    throw new RunError("object-missing", `BPF object ${name}: ${messageOf(cause)}`, {
      cause,
      hint: "in a checkout, run `make build`; an installed package is incomplete: install it again",
    });
  }
}
