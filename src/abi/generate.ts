/**
 * Build tool: BTF of the compiled bpf/abi.bpf.c (as `bpftool btf dump -j` prints it) → src/abi/generated.ts.
 *
 * Usage: node generate.js BTF.json abi.h OUTPUT. The header is read only to prove that none of its types is missing.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface BtfMember {
  readonly name: string;
  readonly type_id: number;
  readonly bits_offset: number;
}

/** One type as bpftool prints it; only the kinds that abi.h uses. */
interface BtfType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly type_id?: number;
  readonly nr_elems?: number;
  readonly members?: readonly BtfMember[];
  readonly values?: readonly { readonly name: string; readonly val: number | string }[];
}

const PREFIX = "gs_";
/** The variable's type in bpf/abi.bpf.c that mentions all others; not part of the interface. */
const ROOT = "gs_everything";

const camelCase = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

class Btf {
  private readonly types = new Map<number, BtfType>();

  constructor(types: readonly BtfType[]) {
    for (const type of types) this.types.set(type.id, type);
  }

  named(kind: string): BtfType[] {
    return [...this.types.values()].filter((type) => type.kind === kind && type.name.startsWith(PREFIX));
  }

  /** The type behind typedefs and qualifiers. */
  bare(id: number | undefined): BtfType {
    const type = this.types.get(id ?? 0);
    if (type === undefined) throw new Error(`BTF has no type ${id}`);
    return type.kind === "TYPEDEF" || type.kind === "CONST" || type.kind === "VOLATILE"
      ? this.bare(type.type_id)
      : type;
  }

  sizeOf(type: BtfType): number {
    if (type.kind === "ARRAY") return (type.nr_elems ?? 0) * this.sizeOf(this.bare(type.type_id));
    if (type.size === undefined) throw new Error(`${type.kind} ${type.name} has no size`);
    return type.size;
  }
}

function fieldText(btf: Btf, struct: BtfType, member: BtfMember): string {
  const type = btf.bare(member.type_id);
  if (member.bits_offset % 8 !== 0) throw new Error(`${struct.name}.${member.name}: bit fields are not supported`);
  if (member.name === "size") throw new Error(`${struct.name}.size would hide the size of the struct: rename it`);
  const parts = [`offset: ${member.bits_offset / 8}`, `size: ${btf.sizeOf(type)}`];
  if (type.kind === "ARRAY") {
    parts.push(`count: ${type.nr_elems ?? 0}`, `stride: ${btf.sizeOf(btf.bare(type.type_id))}`);
  }
  return `  ${camelCase(member.name)}: { ${parts.join(", ")} },`;
}

function structText(btf: Btf, struct: BtfType): string {
  return [
    `/** struct ${struct.name} */`,
    `export const ${camelCase(struct.name)} = {`,
    `  size: ${btf.sizeOf(struct)},`,
    ...(struct.members ?? []).map((member) => fieldText(btf, struct, member)),
    "} as const;",
  ].join("\n");
}

function enumText(btf: Btf, type: BtfType): string {
  return [
    `/** enum ${type.name} */`,
    `export const ${camelCase(type.name)} = {`,
    // bpftool prints an unsigned 32-bit value extended to 64 bits.
    ...(type.values ?? []).map(({ name, val }) => `  ${name}: ${BigInt.asUintN(8 * btf.sizeOf(type), BigInt(val))},`),
    "} as const;",
  ].join("\n");
}

function generate(types: readonly BtfType[], header: string): string {
  const btf = new Btf(types);
  const structs = btf.named("STRUCT").filter(({ name }) => name !== ROOT);
  const enums = btf.named("ENUM");
  const present = new Set([...structs, ...enums].map(({ name }) => name));
  for (const [, name = ""] of header.matchAll(/^(?:struct|enum) (gs_\w+) \{/gm)) {
    if (!present.has(name)) throw new Error(`${name} is in abi.h but not in the BTF: mention it in bpf/abi.bpf.c`);
  }
  const head = [
    "/**",
    " * bpf/abi.h as constants: sizes, offsets and strides in bytes, little-endian; fields in camel case.",
    " * Generated from the BTF of bpf/abi.bpf.c by `make generate`; do not edit.",
    " */",
  ].join("\n");
  return `${[
    head,
    ...enums.map((type) => enumText(btf, type)),
    ...structs.map((struct) => structText(btf, struct)),
  ].join("\n\n")}\n`;
}

const [, , btfPath, headerPath, outputPath] = process.argv;
if (btfPath === undefined || headerPath === undefined || outputPath === undefined) {
  throw new Error("usage: generate BTF.json abi.h OUTPUT");
}
// Numbers past 2^53 become strings, which BigInt reads exactly.
const json = readFileSync(btfPath, "utf8").replace(/"val":\s*(\d{16,})/g, '"val":"$1"');
const { types } = JSON.parse(json) as { types: BtfType[] };
writeFileSync(outputPath, generate(types, readFileSync(headerPath, "utf8")));
