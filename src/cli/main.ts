#!/usr/bin/env node
/** The executable: argv → exit status. Everything heavy is imported by the command that needs it. */
import { run } from "./run.js";

// Not awaited: the program as it ships is no ES module. Not process.exit: what is still on its way to a pipe would be lost.
void run(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
