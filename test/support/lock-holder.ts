import { writeFile } from "node:fs/promises";
import { tryLock } from "../../lib/base/file-lock.ts";

// Tries a lock and keeps it for as long as standard input is open: lock-holder.ts FILE [SEEN]. Prints `held`, or who has it; SEEN is made when it is held.

const [file = "", seen] = process.argv.slice(2);
const attempt = await tryLock(file, { verb: "up of the test", since: "2026-01-01T00:00:00Z" });
process.stdout.write(attempt.taken ? "held\n" : `${JSON.stringify(attempt.holder ?? null)}\n`);
if (attempt.taken) {
  if (seen !== undefined) await writeFile(seen, "");
  process.stdin.resume();
  process.stdin.once("end", () => void attempt.lock.release());
}
