/** Go types in messages: what a value is, and what of it can be read when the value itself can't. */
import type { GoType } from "../binary/index.js";

/** `an integer (uint8)`, `a struct (main.Order)`. */
export function article(type: GoType): string {
  switch (type.kind) {
    case "int":
      return `an integer (${type.name})`;
    case "bool":
    case "float":
    case "string":
    case "slice":
    case "map":
    case "pointer":
      return `a ${type.kind} (${type.name})`;
    case "complex":
      return `a complex number (${type.name})`;
    case "struct":
      return `a struct (${type.name})`;
    case "array":
    case "interface":
      return `an ${type.kind} (${type.name})`;
    case "opaque-pointer":
      return `a pointer to something unknown (${type.name})`;
    case "chan":
      return `a channel (${type.name})`;
    case "func":
      return `a function (${type.name})`;
  }
}

/** As what a field or an element can be taken from: `*p.next` would be `*(p.next)`, and p.next goes through p anyway. */
function selectable(text: string): string {
  if (!text.startsWith("*")) return text;
  const pointer = text.slice(1);
  return pointer.startsWith("*") ? `(${pointer})` : pointer;
}

/** What of a value can be read where one number or string is wanted. */
export function hintFor({ type, text }: { readonly type: GoType; readonly text: string }): string | undefined {
  switch (type.kind) {
    case "interface":
      return `type(${text}) and ${text} != nil can be read`;
    case "slice":
      return `len(${text}) and an element can be read: ${selectable(text)}[0]`;
    case "map":
    case "chan":
      return `len(${text}) and ${text} != nil can be read`;
    case "func":
      return `${text} != nil can be read`;
    case "array":
      return `an element can be read: ${selectable(text)}[0]`;
    case "struct": {
      const first = type.fields.find(({ name }) => name !== "_");
      return first && `a field can be read: ${selectable(text)}.${first.name}`;
    }
    case "float":
    case "complex":
      return "integers, bools and strings can be read";
    default:
      return undefined;
  }
}
