/** Writes a run as it happens: its description first, its events as they come, its counts and names at the end. */
import type { EventLoss, EventRecord, RecordBatch } from "../aggregate/index.js";
import { runEnd } from "./batch.js";
import { type RunDescription, runDescription } from "./description.js";
import { EventBuffer } from "./events.js";
import { type NameTable, nameTable } from "./names.js";
import { fileHeader, packSection, type SectionName } from "./sections.js";

export class RunWriter {
  private readonly append: (bytes: Buffer) => void;
  private readonly events = new EventBuffer();

  /** `append` adds bytes to the file, and throws when it can't. */
  constructor(append: (bytes: Buffer) => void, description: RunDescription) {
    this.append = append;
    append(fileHeader());
    this.json("head", runDescription.write(description));
  }

  add(events: readonly EventRecord[]): void {
    for (const event of events) {
      if (this.events.add(event)) continue;
      this.flush();
      this.events.add(event);
    }
  }

  /** Nothing is added after this. */
  finish(batch: RecordBatch, eventLoss: EventLoss, names: NameTable): void {
    this.flush();
    this.json("tail", runEnd.write({ batch, eventLoss }));
    this.json("syms", nameTable.write(names));
  }

  private flush(): void {
    if (!this.events.isEmpty) this.append(packSection("evts", this.events.take()));
  }

  private json(name: SectionName, json: unknown): void {
    this.append(packSection(name, Buffer.from(JSON.stringify(json))));
  }
}
