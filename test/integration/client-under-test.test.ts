import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { OperationLine } from "../../lib/drill/history.ts";
import type { LoadReport } from "../../lib/operations/load.ts";
import { makeProject, smallCluster, smallReplication, smallSentinel, type TestProject } from "../support/project.ts";

// The clients of examples/clients, each under test by `load --client` as its user has it.

const CLIENTS = fileURLToPath(new URL("../../examples/clients", import.meta.url));
const labs = { cluster: smallCluster(), sentinel: smallSentinel(), replication: smallReplication() };
const commands = {
  python: `python3 '${join(CLIENTS, "python/client.py")}'`,
  node: `'${process.execPath}' '${join(CLIENTS, "node/client.mjs")}'`,
};
let project: TestProject;

beforeAll(async () => {
  project = await makeProject();
  await project.write(...Object.values(labs));
  await Promise.all(Object.keys(labs).map((name) => project.ok(["up", name])));
});
afterAll(() => project?.remove());

test.each(
  (["cluster", "sentinel", "replication"] as const).flatMap((lab) => (["python", "node"] as const).map((client) => [client, lab] as const)),
)("the client in %s on %s: all is acknowledged, and what it reads is what it wrote", async (client, lab) => {
  const words = ["--rate", "200", "--for", "2s", "--reads", "0.5", "--timeout", "30s", "--client", commands[client], "--json"];
  const { stdout } = await project.ok(["load", lab, ...words]);
  const report: LoadReport = JSON.parse(stdout);
  expect(report.summary).toMatchObject({ operations: 400, acknowledged: 400, failed: 0, unknown: 0 });
  expect(report.client).toBe(commands[client]);
  expect(report.keys?.left).toBe(0);
  const lines = (await readFile(join(report.folder, "operations.jsonl"), "utf8")).trim().split("\n");
  const operations = lines.map((line) => JSON.parse(line) as OperationLine);
  const wanted = new Map(operations.flatMap((line) => (line.k === "invoke" && line.op === "read" ? [[line.o, line.v] as const] : [])));
  expect(wanted.size).toBeGreaterThan(20);
  for (const line of operations) if (line.k === "ok" && wanted.has(line.o)) expect(line.v).toBe(wanted.get(line.o));
});

test("a client that ends by itself ends the load, with what it said", async () => {
  const { code, stdout } = await project.run([
    "load",
    "replication",
    "--for",
    "600s",
    "--client",
    "echo no such library >&2; exit 1",
    "--json",
  ]);
  expect(code).toBe(1);
  expect((JSON.parse(stdout) as LoadReport).summary.endedBy).toBe(
    "the client under test ended by itself, with exit code 1; it said: no such library",
  );
});

test("--wait is redis-lab's own", async () => {
  const { code, stdout } = await project.run(["load", "replication", "--wait", "1", "--client", "cat", "--json"]);
  expect(code).toBe(64);
  expect(JSON.parse(stdout).error.code).toBe("operations.wait-of-client");
});
