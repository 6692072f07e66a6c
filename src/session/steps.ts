/** Steps as the programs read them: those that recipes and codes share, `enum gs_opcode` of bpf/abi.h. */
import { gsLimits, gsOpcode, gsRegister, gsStep } from "../abi/index.js";
import type { FetchStep } from "../probes/index.js";

const REGISTERS: Readonly<Record<(FetchStep & { op: "register" })["register"], number>> = {
  ax: gsRegister.GS_AX,
  bx: gsRegister.GS_BX,
  cx: gsRegister.GS_CX,
  di: gsRegister.GS_DI,
  si: gsRegister.GS_SI,
  r8: gsRegister.GS_R8,
  r9: gsRegister.GS_R9,
  r10: gsRegister.GS_R10,
  r11: gsRegister.GS_R11,
  dx: gsRegister.GS_DX,
  r14: gsRegister.GS_R14,
  r15: gsRegister.GS_R15,
  bp: gsRegister.GS_BP,
  r12: gsRegister.GS_R12,
  r13: gsRegister.GS_R13,
};

/** `struct gs_step`, by its fields. */
export interface WireStep {
  readonly opcode: number;
  readonly a?: number;
  readonly b?: number;
  readonly imm?: number;
}

/** A step that both recipes and codes have. */
export function wireStep(step: FetchStep, imageBase: number): WireStep {
  switch (step.op) {
    case "register":
      return { opcode: gsOpcode.GS_REGISTER, a: REGISTERS[step.register] };
    case "register-b":
      return { opcode: gsOpcode.GS_REGISTER_B, a: REGISTERS[step.register] };
    case "stack":
      return { opcode: gsOpcode.GS_STACK, imm: step.offset };
    case "image":
      // Unsigned 32 bits on the other side: an image of up to 4 GiB.
      return { opcode: gsOpcode.GS_IMAGE, imm: (step.address - imageBase) | 0 };
    case "load":
      return { opcode: gsOpcode.GS_LOAD, a: step.size, b: step.signed ? 1 : 0, imm: step.offset };
    case "load-pair":
      return { opcode: gsOpcode.GS_LOAD_PAIR, imm: step.offset };
    case "add":
      return { opcode: gsOpcode.GS_ADD, imm: step.value };
    case "take-b":
      return { opcode: gsOpcode.GS_TAKE_B };
    case "give-b":
      return { opcode: gsOpcode.GS_GIVE_B };
    case "log2":
      return { opcode: gsOpcode.GS_LOG2, b: step.signed ? 1 : 0 };
    case "linear":
      return { opcode: gsOpcode.GS_LINEAR, b: step.signed ? 1 : 0 };
    case "truncate":
      return { opcode: gsOpcode.GS_TRUNCATE, a: step.size, b: step.signed ? 1 : 0 };
    case "not-zero":
      return { opcode: gsOpcode.GS_NOT_ZERO };
    case "add-register":
      return { opcode: gsOpcode.GS_ADD_REGISTER, a: REGISTERS[step.register], b: step.shift };
    case "c-string":
      return { opcode: gsOpcode.GS_C_LENGTH, imm: gsLimits.GS_CHUNK_BYTES };
  }
}

/** `struct gs_step`. */
export function writeStep(to: Buffer, step: WireStep): void {
  to.writeUInt8(step.opcode, gsStep.opcode.offset);
  to.writeUInt8(step.a ?? 0, gsStep.a.offset);
  to.writeUInt8(step.b ?? 0, gsStep.b.offset);
  to.writeInt32LE(step.imm ?? 0, gsStep.imm.offset);
}
