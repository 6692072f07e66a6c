/** `node unpack.js PROGRAM OUTPUT`: the program's symbol file, unpacked. Run as a program, since bases are built in one go. */
import { writeFileSync } from "node:fs";
import { openGoBinary } from "../../src/binary/index.js";
import { writeSymbolFile } from "../../src/symbols/index.js";
import { unpackSymbolFile } from "./unpacked.js";

const [program = "", output = ""] = process.argv.slice(2);
using binary = await openGoBinary(program);
writeFileSync(output, unpackSymbolFile(await writeSymbolFile(binary)));
