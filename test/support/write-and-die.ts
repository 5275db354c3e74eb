import { breakDisk, type DiskFault } from "./broken-disk.ts";
import { WRITTEN_FILES } from "./written-files.ts";

// Writes one of our files on a broken disk, in a process of its own: write-and-die.ts NAME FOLDER AT FAULT. Prints what was written.

const [name = "", folder = "", at = "0", fault = "SIGKILL"] = process.argv.slice(2);
const disk = await breakDisk(folder, { at: Number(at), fault: fault as DiskFault });
await WRITTEN_FILES[name]?.write(folder);
process.stdout.write(`${disk.calls.length}\n`);
