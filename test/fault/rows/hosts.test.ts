import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runProgram } from "../../../lib/base/process.ts";
import { CANNOT, type FaultContext, type FaultRow } from "../../../lib/fault/row.ts";
import { diskFull, diskReadOnly } from "../../../lib/fault/rows/hosts.ts";
import { placeLab } from "../../../lib/lab/placement.ts";
import type { TargetName } from "../../../lib/lab/targets.ts";
import { cluster } from "../../../stacks/labs.ts";

// The checks of a disk, on the sh of this computer: a folder on a file system that others use is refused, with what gives a host one of its own.

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hosts of it's "));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function part(row: FaultRow, target: TargetName) {
  const placement = placeLab(cluster, { target, hostsFolder: folder });
  const [host] = placement.hosts;
  if (target === "netns") await mkdir(host!.paths.data, { recursive: true });
  const context: FaultContext = {
    id: "0123abcd",
    placement,
    touched: [{ host: host!, instances: [] }],
    others: placement.hosts,
    clients: [],
    options: {},
    forMs: 1000,
  };
  return row.plan(context)[0]!;
}

const run = (script: string) => runProgram("sh", ["-c", script], { environment: process.env, timeoutMs: 60_000 });

test.each([
  ["disk-full", diskFull],
  ["disk-read-only", diskReadOnly],
] as const)("%s: a disk that is not the host's own is refused with the field that gives it one, and not touched", async (_name, row) => {
  const { check, make } = await part(row, "netns");
  const { exitCode, stdout } = await run(check ?? "");
  expect([exitCode, stdout]).toEqual([
    CANNOT,
    expect.stringMatching(
      /data is on the file system of \/.*, which is not redis-18's own: .* as `netns: \{ disk: "64mb" \}` in the lab gives it one\n$/,
    ),
  ]);
  // It looks again in the moment in which it is made.
  expect((await run(make)).exitCode).toBe(1);
});

test("on machines the field is none", async () => {
  const { check } = await part(diskFull, "ssh");
  const { exitCode, stdout } = await run(check ?? "");
  expect(exitCode).toBe(CANNOT);
  expect(stdout).not.toContain("netns");
});

test("the ballast is removed also where it is none", async () => {
  const { undo } = await part(diskFull, "netns");
  expect((await run(undo ?? "")).exitCode).toBe(0);
});
