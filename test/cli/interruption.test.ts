import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { tryRun } from "../support/command.ts";

const MODULE = fileURLToPath(new URL("../../dist/lib/cli/interruption.js", import.meta.url));
/** Answers signals, and comes to its end after the first one as a step would: once `end` calls it. */
const step = (end: string) => `
import { answerSignals, outliveReaders } from ${JSON.stringify(MODULE)};
outliveReaders(() => process.exit(7));
const { signal } = answerSignals(() => console.error("said"));
const running = setInterval(() => console.log("working"), 10);
const finish = () => { clearInterval(running); console.error("came to its end"); process.exitCode = 130; };
signal.addEventListener("abort", () => ${end});
`;
const STEP = step("setTimeout(finish, 300)");
/** However late a second signal comes: it goes on until standard input ends. */
const LONG_STEP = step('process.stdin.resume().once("end", finish)');

async function send(...signals: readonly NodeJS.Signals[]) {
  const child = spawn(process.execPath, ["--input-type=module", "-e", LONG_STEP], { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, "close");
  await once(child.stdout, "data");
  child.stdout.resume();
  for (const [index, signal] of signals.entries()) {
    child.kill(signal);
    if (index === 0) await expect.poll(() => said, { timeout: 60_000 }).toContain("said");
    // What is written before it has heard may be read after.
    else for (let more = 0; more < 3; more += 1) await Promise.race([once(child.stdout, "data"), ended]);
  }
  if (signals.slice(1).every((signal) => signal === "SIGHUP")) child.stdin.end();
  const [code] = await ended;
  return `${code} ${said.replaceAll("\n", ", ")}`;
}

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s lets the step come to its end", async (signal) => {
  expect(await send(signal)).toBe("130 said, came to its end, ");
});

test("a second one leaves at once, but for the SIGHUPs of a terminal that is closed", async () => {
  expect(await send("SIGHUP", "SIGHUP", "SIGHUP")).toBe("130 said, came to its end, ");
  expect(await send("SIGINT", "SIGHUP")).toBe("130 said, came to its end, ");
  expect(await send("SIGHUP", "SIGINT")).toBe("130 said, ");
  expect(await send("SIGINT", "SIGTERM")).toBe("130 said, ");
});

test("a terminal that is gone is not a fault of the step, which comes to its end", async () => {
  const folder = await mkdtemp(join(tmpdir(), "redis-lab-terminal-"));
  const seen = join(folder, "seen");
  const program = `${STEP}
    import { writeFileSync } from "node:fs";
    process.on("exit", (code) => writeFileSync(process.env.SEEN, String(code)));`;
  const terminal = spawn("script", ["-qec", 'exec "$NODE" --input-type=module -e "$PROGRAM"', "/dev/null"], {
    env: { ...process.env, NODE: process.execPath, PROGRAM: program, SEEN: seen },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(terminal.stdout, "data");
  // Its end is the end of the terminal: the kernel says SIGHUP, and every write fails with EIO.
  terminal.kill("SIGKILL");
  await expect.poll(() => readFile(seen, "utf8").catch(() => ""), { timeout: 60_000 }).toBe("130");
  await rm(folder, { recursive: true });
});

test("a reader that closes the pipe is not one that is gone", async () => {
  const closed = await tryRun("bash", [
    "-c",
    '"$1" --input-type=module -e "$2" | head -1; exit "${PIPESTATUS[0]}"',
    "bash",
    process.execPath,
    STEP,
  ]);
  expect(closed).toMatchObject({ stdout: "working\n", code: 7 });
});
