import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { work } from "./worker.ts";

// The program of a load: start-load.ts starts it. Descriptor 3 is open for as long as its parent lives and wants the load.

const descriptor = new Socket({ fd: 3 });
const wish = new AbortController();
const end = () => wish.abort();
descriptor.on("error", end).on("end", end).on("close", end).resume();
await work((line) => {
  try {
    writeSync(1, `${JSON.stringify(line)}\n`);
    return true;
  } catch {
    return false;
  }
}, wish.signal);
descriptor.destroy();
