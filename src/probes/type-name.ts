/** The name of a type from its descriptor, as `%T` prints it: read by the program that is probed, so any type has one. */
import type { VirtualAddress } from "../base/index.js";
import { type CodeBuilder, type Emit, Label } from "./code-builder.js";

/** FACT(go1.17..go1.27): internal/abi.Type; the name's bytes follow a byte of flags and their number, 7 bits a byte. */
const TYPE = { flags: 20, name: 40, extraStar: 2 } as const;

/** Leaves the name's address and length in A and B; of no type (0) the empty string. `type` leaves the descriptor in A. */
export function emitTypeName(to: CodeBuilder, type: Emit, typeData: VirtualAddress): void {
  to.withVariables(4, (descriptor = 0, star = 0, at = 0, length = 0) => {
    const none = new Label();
    const known = new Label();
    const short = new Label();
    to.set(0);
    to.put(at);
    to.put(length);
    type(to);
    to.put(descriptor);
    to.jumpUnless(none);
    to.emit({ op: "load", offset: TYPE.name, size: 4, signed: true });
    to.put(at);
    to.set(0);
    to.emit({ op: "compare", relation: "<", variable: at, signed: true });
    to.jumpIf(known);
    // A type that reflection made has its name elsewhere.
    to.emit({ op: "fail", as: "other-type" });
    to.place(known);
    to.get(descriptor);
    to.emit({ op: "load", offset: TYPE.flags, size: 1, signed: false }, { op: "and", mask: TYPE.extraStar });
    to.emit({ op: "shift-right", by: 1, signed: false });
    to.put(star);
    to.emit({ op: "image", address: typeData }, { op: "add-variable", variable: at });
    to.put(at);
    to.emit({ op: "load", offset: 1, size: 1, signed: false });
    to.put(length);
    to.emit({ op: "and", mask: 0x80 });
    to.jumpUnless(short);
    to.get(at);
    to.emit({ op: "load", offset: 2, size: 1, signed: false }, { op: "multiply", by: 0x80 });
    to.emit({ op: "add-variable", variable: length }, { op: "add", value: -0x80 });
    to.put(length);
    to.get(at);
    to.emit({ op: "add", value: 1 });
    to.put(at);
    to.place(short);
    // The name of a type that has no pointer's descriptor of its own is part of that of its pointer.
    to.get(star);
    to.emit({ op: "add-variable", variable: at }, { op: "add", value: 2 });
    to.put(at);
    to.get(star);
    to.emit({ op: "multiply", by: -1 }, { op: "add-variable", variable: length });
    to.put(length);
    to.place(none);
    to.emit({ op: "get-b", variable: length });
    to.get(at);
  });
}
