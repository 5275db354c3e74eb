import { appendFile, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { openHistory } from "../../../lib/drill/reading/history-folder.ts";
import { judgeHistory } from "../../../lib/drill/verdict/judge.ts";
import { HEADER, HEALTHY, write, writeHistory } from "../histories.ts";

const made: string[] = [];
const history = async (...given: Parameters<typeof writeHistory>) => {
  const folder = await writeHistory(...given);
  made.push(folder);
  return folder;
};
afterEach(() => Promise.all(made.splice(0).map((folder) => rm(folder, { recursive: true, force: true }))));

const judge = async (folder: string) => judgeHistory(await openHistory(folder));

test("a whole history is read", async () => {
  const folder = await history({
    operations: [...write(1, 100, 1), ...write(2, 200, 2, "fail")],
    final: [{ key: "load:{a}:0:1", v: 1 }],
    state: HEALTHY,
  });
  const { counts, ended, state } = await judge(folder);
  expect(counts.write).toEqual({ acknowledged: 1, failed: 1, unknown: 0 });
  expect([ended, state?.healthy]).toEqual([true, true]);
});

test("a last line that its writer did not end does not count, wherever it is torn", async () => {
  const operations = [...write(1, 100, 1), ...write(2, 200, 2)];
  const whole = operations.map((line) => `${JSON.stringify(line)}\n`).join("").length;
  for (let cut = 1; cut < 24; cut += 1) {
    const folder = await history({ operations });
    await truncate(join(folder, "operations.jsonl"), whole - cut);
    const { counts } = await judge(folder);
    // Without its line end alone it is whole, and counts.
    expect(counts.write).toEqual(cut === 1 ? { acknowledged: 2, failed: 0, unknown: 0 } : { acknowledged: 1, failed: 0, unknown: 1 });
  }
});

test.each<[string, (folder: string) => Promise<void>, string]>([
  ["no header", (folder) => rm(join(folder, "header.json")), "drill.not-a-history"],
  ["a header that is no JSON", (folder) => writeFile(join(folder, "header.json"), "{"), "drill.not-a-history"],
  [
    "a header of another format",
    (folder) => writeFile(join(folder, "header.json"), JSON.stringify({ ...HEADER, format: 2 })),
    "drill.not-a-history",
  ],
  [
    "a folder in the place of the header",
    async (folder) => {
      await rm(join(folder, "header.json"));
      await mkdtemp(join(folder, "header.json-"));
    },
    "drill.not-a-history",
  ],
  ["no operations", (folder) => rm(join(folder, "operations.jsonl")), "drill.not-a-history"],
  [
    "a line in the middle that is no JSON",
    (folder) => writeFile(join(folder, "operations.jsonl"), '{"k"\n{"k":"ok","o":1,"t":1}\n'),
    "drill.damaged-history",
  ],
  [
    "an unknown kind of operation",
    (folder) => appendFile(join(folder, "operations.jsonl"), '{"k":"invoke","o":9,"t":1,"w":0,"op":"constructor","key":"x"}\n'),
    "drill.damaged-history",
  ],
  ["a negative time", (folder) => appendFile(join(folder, "operations.jsonl"), '{"k":"ok","o":9,"t":-1}\n'), "drill.damaged-history"],
  ["a line without an end", (folder) => appendFile(join(folder, "operations.jsonl"), "x".repeat(200_000)), "drill.damaged-history"],
  [
    "an event of an unknown kind",
    (folder) => writeFile(join(folder, "events.jsonl"), '{"t":1,"source":"drill","what":"toString"}\n'),
    "drill.damaged-history",
  ],
  ["a state that is none", (folder) => writeFile(join(folder, "state.json"), '{"format":1,"healthy":"yes"}'), "drill.damaged-history"],
  ["a final value that is none", (folder) => writeFile(join(folder, "final.jsonl"), '{"key":"a","v":"1"}\n'), "drill.damaged-history"],
])("%s is told, and not guessed at", async (_, damage, code) => {
  const folder = await history({ operations: write(1, 100, 1), final: [], state: HEALTHY });
  await damage(folder);
  await expect(judge(folder)).rejects.toMatchObject({ code });
});
