/** Types that a Go type is made of, so that a test can walk the whole graph of them. */
import type { GoType } from "../../src/binary/index.js";

/** In the order in which the type names them; none of a type that is made of no other. */
export function partsOf(type: GoType): readonly GoType[] {
  switch (type.kind) {
    case "struct":
      return type.fields.map((field) => field.type);
    case "pointer":
      return [type.target()];
    case "slice":
    case "array":
    case "chan":
      return [type.element()];
    case "map":
      return [type.key(), type.element()];
    default:
      return [];
  }
}
