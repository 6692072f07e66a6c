/**
 * `make bench`: the table on stdout, progress on stderr. GOSPECT_BENCH=short takes one quick round of everything;
 * GOSPECT_BENCH=write puts the table into RESULTS.md as well.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { formatWork } from "./instructions.js";
import { describeMachine, measureAll, measureBriefly } from "./suite.js";
import { formatTable } from "./table.js";

const resultsPath = fileURLToPath(new URL("../../../test/bench/RESULTS.md", import.meta.url));

const tell = (what: string): void => {
  process.stderr.write(`bench: ${what}\n`);
};

if (process.geteuid?.() !== 0) {
  process.stderr.write("bench: probes need root: sudo make bench\n");
  process.exitCode = 4;
} else {
  const mode = process.env["GOSPECT_BENCH"];
  const { rows, work, notes } = await (mode === "short" ? measureBriefly(tell) : measureAll(tell));
  const text = `${describeMachine()}\n\n${formatTable(rows)}\n${formatWork(work)}\n${notes.join("\n")}\n`;
  process.stdout.write(text);
  if (mode === "write") {
    const page = readFileSync(resultsPath, "utf8");
    writeFileSync(
      resultsPath,
      page.replace(/```\n[\s\S]*?```\n/, () => `\`\`\`\n${text}\`\`\`\n`),
    );
  }
}
