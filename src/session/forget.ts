/** Removes from the maps what nobody will come back to: records, deep frames and captured values. */
import { deleteElement, forEachElement, type MapShape } from "../bpf/index.js";

/** Deletes when all have been seen: nothing changes while the map is read. */
export function deleteWhere(map: MapShape, condition: (key: Buffer, value: Buffer) => boolean): void {
  const keys: Buffer[] = [];
  forEachElement(map, (key, value) => {
    if (condition(key, value(0))) keys.push(Buffer.from(key));
  });
  for (const key of keys) deleteElement(map, key);
}
