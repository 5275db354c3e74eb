import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ClusterAction } from "../../lib/cluster/model/types.ts";
import { plannedAction } from "../../lib/cluster/plan/planned-action.ts";
import { type SavedPlan, savePlan } from "../../lib/cluster/plan/saved-plan.ts";
import { MAIN, makeProject, smallCluster, type TestProject } from "../support/project.ts";

// `redis-lab apply FILE` on a cluster, by who may write the file.

const lab = smallCluster();
let project: TestProject;
let file: string;
let text: string;
let plan: SavedPlan;

/** What a node says of the slots and their masters. */
const slots = async () => {
  const ranges = (await project.call(lab, "redis-28", "CLUSTER", "SLOTS")) as [number, number, [string, number]][];
  return ranges.map(([first, last, [address, port]]) => `${first}-${last} ${address}:${port}`).sort();
};

beforeAll(async () => {
  project = await makeProject();
  file = join(project.folder, "plan.json");
  await project.write(lab);
  await project.ok(["up", "cluster"]);
});
afterAll(() => project?.remove());
beforeEach(async () => {
  await project.ok(["cluster", "reshard", "cluster", "--from", "redis-28", "--to", "redis-18", "--slots", "3", "--plan", file]);
  text = await readFile(file, "utf8");
  plan = JSON.parse(text);
});

describe("a plan of an attacker, who makes a digest that fits", () => {
  const HARMFUL: readonly ClusterAction[] = [
    { kind: "disown-slots", instance: "redis-18:6379", owner: "redis-28:6379", slots: [{ first: 0, last: 500 }] },
    { kind: "set-node-timeout", instance: "redis-28:6379", ms: 1 },
    { kind: "reset", instance: "redis-18:6379" },
    { kind: "move-slots", source: "redis-18:6379", target: "192.0.2.1:6379", slots: [{ first: 0, last: 5 }] },
  ];

  test.each(HARMFUL)("with $kind in it is refused, whatever it says of it", async (action) => {
    const before = await slots();
    await writeFile(file, JSON.stringify(savePlan({ ...plan, actions: [plannedAction(action, "reshard")] })));
    const harmful = await project.run(["apply", file]);
    expect(harmful.code).toBe(1);
    expect(harmful.stderr).toMatch(/The plan of .* is not applied: .*\n.*the file was changed after it was made/);
    await writeFile(file, JSON.stringify(savePlan({ ...plan, actions: [{ action, reason: "reshard", summary: "move 1 slot\x1b[2K" }] })));
    const lying = await project.run(["apply", file]);
    expect(lying.stderr).toContain(`${file} was changed after it was made.`);
    expect(lying.stdout + lying.stderr).not.toContain("\x1b[2K");
    expect(await slots()).toEqual(before);
  });

  test.each([
    ["lab", "other"],
    ["target", "moon"],
    ["target", "ssh"],
    ["made", "yesterday"],
  ])("for another %s (%s) is refused", async (field, value) => {
    const before = await slots();
    await writeFile(file, JSON.stringify(savePlan({ ...plan, [field]: value })));
    expect((await project.run(["apply", file])).code).not.toBe(0);
    expect(await slots()).toEqual(before);
  });
});

test("`--dry-run` shows what it does, and does nothing", async () => {
  const before = await slots();
  const { stdout } = await project.ok(["apply", file, "--dry-run"]);
  expect(stdout.split("\n").filter((line) => line.startsWith("  + "))).toEqual(plan.actions.map(({ summary }) => `  + ${summary}`));
  expect(stdout).toContain("reshard planned, nothing was changed");
  expect(await slots()).toEqual(before);
});

test("on a terminal all of it is shown, and asked for", async ({ skip }) => {
  if (spawnSync("sh", ["-c", "command -v script"]).status !== 0) return skip();
  const answered = async (answer: string, ...words: readonly string[]) => {
    const command = `'${process.execPath}' '${MAIN}' apply '${file}' ${words.join(" ")}`;
    const child = spawn("script", ["-q", "-e", "-c", command, "/dev/null"], { cwd: project.folder, stdio: ["pipe", "pipe", "ignore"] });
    let shown = "";
    let given = false;
    child.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
      if (given || !shown.includes("(type 'yes' to accept)")) return;
      given = true;
      child.stdin.write(`${answer}\n`);
    });
    const [code] = await once(child, "close");
    return { code, shown: stripVTControlCharacters(shown), given };
  };
  const before = await slots();
  const no = await answered("no");
  expect(no).toMatchObject({ code: 1, given: true, shown: expect.stringContaining("move 3 slots") });
  expect(no.shown).toContain("Not confirmed; nothing was touched.");
  expect(await slots()).toEqual(before);
  const yes = await answered("yes");
  expect(yes).toMatchObject({ code: 0, given: true, shown: expect.stringContaining("reshard done, 1 changed") });
  expect(await slots()).not.toEqual(before);
  expect(await answered("", "--yes")).toMatchObject({ code: 1, given: false, shown: expect.stringContaining("no longer the one") });
});
