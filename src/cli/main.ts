#!/usr/bin/env node
/** The executable: argv → exit status. Everything heavy is imported by the command that needs it. */
import { run } from "./run.js";

// Not process.exit: what is still on its way to a pipe would be lost.
process.exitCode = await run(process.argv.slice(2));
