import { expect, test } from "vitest";
import type { LabEvent } from "../../lib/base/events.ts";
import { flushDisks } from "../../lib/bootstrap/flush.ts";
import type { CommandResult, RunOptions } from "../../lib/connection/connection.ts";

const paths = { prefix: "/apps/redis", bin: "/b", etc: "/e", data: "/apps/redis/data", logs: "/apps/redis/logs", run: "/r" };
const result: CommandResult = {
  host: "redis-18",
  title: "sync",
  exitCode: 0,
  signal: undefined,
  stdout: "",
  stderr: "",
  timedOut: false,
  durationMs: 600_000,
};

async function flushed(answer: Partial<CommandResult>, signal = new AbortController().signal) {
  const events: LabEvent[] = [];
  const asked: (RunOptions & { readonly script: string })[] = [];
  const run = async (script: string, options: RunOptions) => {
    asked.push({ ...options, script });
    options.signal?.throwIfAborted();
    return { ...result, ...answer };
  };
  await flushDisks({ name: "redis-18", paths }, { run }, { emit: (event) => events.push(event), signal });
  return { events, asked };
}

test("our file systems alone where sync can choose, all of them where it can't", async () => {
  const { events, asked } = await flushed({});
  expect(events).toEqual([]);
  expect(asked.map(({ script }) => script)).toEqual([
    "sync -f / /etc /usr /var '/apps/redis' '/apps/redis/data' '/apps/redis/logs' 2>/dev/null || sync",
  ]);
});

test.each([
  [{ exitCode: null, timedOut: true }, "ran out of time after 600 s"],
  [{ exitCode: 1 }, "ended with exit code 1"],
])("a disk that does not come to its end is a warning and no failure: %j", async (answer, why) => {
  const { events } = await flushed(answer);
  expect(events).toEqual([{ type: "notice", level: "warning", text: expect.stringContaining(why) }]);
});

test("it ends at an interruption", async () => {
  await expect(flushed({}, AbortSignal.abort())).rejects.toThrow("aborted");
});
