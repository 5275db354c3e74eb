import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { expect, test } from "vitest";
import { MAIN } from "../../support/project.ts";
import { HEALTHY, write, writeHistory } from "../histories.ts";

const OPERATIONS = 250_000;
/** What the command line takes by itself, and a fifth of what the operations would take in memory. */
const HEAP_MB = 64;

test(`${OPERATIONS} operations are judged within ${HEAP_MB} MB`, { timeout: 300_000 }, async () => {
  const folder = await writeHistory({ operations: [], final: [], state: HEALTHY });
  try {
    const operations = createWriteStream(join(folder, "operations.jsonl"));
    const final = createWriteStream(join(folder, "final.jsonl"));
    for (let o = 1; o <= OPERATIONS; o += 1) {
      const [invoke, ended] = write(o, o * 1_000, o, o % 1_000 === 0 ? "unknown" : "ok");
      const lines = `${JSON.stringify(invoke)}\n${JSON.stringify(ended)}\n`;
      if (!operations.write(lines)) await once(operations, "drain");
      if (!final.write(`{"key":"load:{a}:0:${o}","v":${o === 777 ? "null" : o}}\n`)) await once(final, "drain");
    }
    operations.end();
    final.end();
    await Promise.all([finished(operations), finished(final)]);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [`--max-old-space-size=${HEAP_MB}`, MAIN, "drill", "check", folder, "--expect", "lost=1", "--json"],
      {
        encoding: "utf8",
        cwd: folder,
      },
    );
    expect(stderr).not.toContain("heap");
    const { figures } = JSON.parse(stdout);
    expect([figures.acknowledged, figures.lost, figures["unknown-present"]]).toEqual([
      OPERATIONS - OPERATIONS / 1_000,
      1,
      OPERATIONS / 1_000,
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
