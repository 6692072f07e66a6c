/**
 * Where arguments are when a function begins: as counted off by the rules of Go's ABI, against the compiler's own record in
 * the debug data, which llvm-dwarfdump reads. Registers and stack slots, of every parameter of which that record says
 * something at the first instruction.
 */
import assert from "node:assert/strict";
import { openGoBinary } from "../../src/binary/index.js";
import { describeFunctions } from "../../src/probes/index.js";
import { openSymbolTable } from "../../src/symbols/index.js";
import { run } from "./dwarf-programs.js";

/** A register or a stack slot, and how many bytes of a value it holds; undefined is what the record leaves out. */
interface Piece {
  readonly place: string | undefined;
  readonly size: number;
}

type Pieces = readonly Piece[];

/** By the address of the first instruction and the parameter's name. */
type Record = ReadonlyMap<number, ReadonlyMap<string, Pieces>>;

type Arch = "amd64" | "arm64";

const AMD64_NAMES: Readonly<{ [name: string]: string }> = {
  RAX: "ax",
  RBX: "bx",
  RCX: "cx",
  RDX: "dx",
  RDI: "di",
  RSI: "si",
};

/** As Go names them: arm64's 32-bit integer and 8-bit float views are what the disassembler calls these registers. */
function registerName(arch: Arch, name: string): string {
  if (arch === "arm64") return name.replace(/^[WX](?=\d)/, "r").replace(/^[BVDQ](?=\d)/, "f");
  return AMD64_NAMES[name] ?? name.replace(/^XMM/, "x").toLowerCase();
}

/** Bytes from SP to the canonical frame address at the entry: amd64 has pushed the return address. */
const FRAME_ADDRESS: Readonly<{ [arch in Arch]: number }> = { amd64: 8, arm64: 0 };

function piecesOf(arch: Arch, operations: string): Pieces {
  const pieces: Piece[] = [];
  let place: string | undefined;
  let pending = false;
  for (const operation of operations.split(", ")) {
    const register = /^DW_OP_reg(?:x|\d+) (\w+)$/.exec(operation)?.[1];
    const frame = /^DW_OP_fbreg ([+-]?\d+)$/.exec(operation)?.[1];
    const size = /^DW_OP_piece 0x([0-9a-f]+)$/.exec(operation)?.[1];
    if (register !== undefined) [place, pending] = [registerName(arch, register), true];
    else if (frame !== undefined) [place, pending] = [`sp+${Number(frame) + FRAME_ADDRESS[arch]}`, true];
    else if (operation === "DW_OP_call_frame_cfa") [place, pending] = [`sp+${FRAME_ADDRESS[arch]}`, true];
    else if (size !== undefined) {
      pieces.push({ place, size: Number.parseInt(size, 16) });
      [place, pending] = [undefined, false];
    } else assert.fail(`${operation} in ${operations}`);
  }
  if (pending) pieces.push({ place, size: 0 });
  return pieces;
}

/** Whether the recorded pieces are those counted off, as `list` shows them: all that there are, in their order. */
function agrees(pieces: Pieces, location: string): boolean {
  let bytes = 0;
  let next = 0;
  const counted = location.split(",");
  return pieces.every(({ place, size }) => {
    // On the stack a value is one place, and each piece as far behind it as the pieces before are long.
    const slot = /^sp\+(\d+)$/.exec(place ?? "")?.[1];
    const one = slot === undefined ? place : `sp+${Number(slot) - bytes}`;
    bytes += size;
    if (one === undefined) return true;
    const found = slot === undefined ? counted.indexOf(one, next) : counted.indexOf(one);
    next = found + 1;
    return found >= 0;
  });
}

function recordedPlaces(arch: Arch, path: string): Record {
  const functions = new Map<number, Map<string, Pieces>>();
  let entry: number | undefined;
  let name: string | undefined;
  let tag = "";
  for (const line of run("llvm-dwarfdump-19", ["--debug-info", path]).split("\n")) {
    const begun = /^0x[0-9a-f]+: +(DW_TAG_\w+|NULL)/.exec(line)?.[1];
    if (begun !== undefined) {
      [tag, name] = [begun, undefined];
      // What follows is no longer in the function itself, but in something inlined or in a block.
      if (!/^DW_TAG_(?:formal_parameter|variable)$/.test(begun)) entry = undefined;
      continue;
    }
    const lowPc = /DW_AT_low_pc\t\(0x([0-9a-f]+)\)/.exec(line)?.[1];
    if (tag === "DW_TAG_subprogram" && lowPc !== undefined) {
      entry = Number.parseInt(lowPc, 16);
      functions.set(entry, new Map());
    }
    if (tag !== "DW_TAG_formal_parameter" || entry === undefined) continue;
    name ??=
      /DW_AT_name\t\("(.*)"\)/.exec(line)?.[1] ?? /DW_AT_abstract_origin\t\(0x[0-9a-f]+ "(.*)"\)/.exec(line)?.[1];
    const always = /DW_AT_location\t\((DW_OP_.*)\)$/.exec(line)?.[1];
    const listed = /^ +\[0x([0-9a-f]+), 0x[0-9a-f]+\): (DW_OP_.*?)\)?$/.exec(line);
    const operations = always ?? (Number.parseInt(listed?.[1] ?? "", 16) === entry ? listed?.[2] : undefined);
    // Of a parameter that lives on the heap the record has the pointer, before there is one.
    const tells = operations !== undefined && !operations.includes("DW_OP_deref");
    if (name !== undefined && tells) functions.get(entry)?.set(name, piecesOf(arch, operations));
  }
  return functions;
}

/** Parameters that their function assigns to before all else: of these the record has the new value from the start. */
const ASSIGNED_FIRST = new Set([
  "context.(*cancelCtx).cancel cause",
  "internal/strconv.fmtEFG prec",
  "math/big.(*Int).Or y",
  "math/big.euclidUpdate Ub",
  "math/big.nat.expNNMontgomery x",
  "net.newTCPConn keepAliveCfg",
  "runtime.(*pallocData).findScavengeCandidate max",
  "unicode/utf8.Valid p",
  "vendor/golang.org/x/crypto/chacha20.(*Cipher).XORKeyStream dst",
]);

export interface PlaceComparison {
  /** How many parameters were compared. */
  readonly compared: number;
  /** A line for each that differs. */
  readonly different: readonly string[];
}

/** Compares all functions. */
export async function compareArgumentPlaces(path: string): Promise<PlaceComparison> {
  using binary = await openGoBinary(path);
  const isDoubled = binary.version.minor < 22;
  const recorded = recordedPlaces(binary.arch, path);
  const different: string[] = [];
  let compared = 0;
  for (const { fn, parameters } of describeFunctions(binary, openSymbolTable(binary), {
    patterns: [],
    signatures: [],
  })) {
    for (const { name, location } of parameters ?? []) {
      const all = recorded.get(fn.entry)?.get(name);
      if (all === undefined || location === undefined) continue;
      // Up to Go 1.21 some pieces are written twice and more.
      const isFirst = ({ place }: Piece, index: number): boolean =>
        place === undefined || !all.slice(0, index).some((other) => other.place === place);
      const pieces = isDoubled ? all.filter(isFirst) : all;
      compared++;
      if (agrees(pieces, location) || ASSIGNED_FIRST.has(`${fn.name} ${name}`)) continue;
      const places = pieces.map(({ place }) => place ?? "-").join(",");
      different.push(`${fn.name} ${name}: counted ${location}, recorded ${places}`);
    }
  }
  return { compared, different };
}
