import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type * as RedisLab from "../../lib/index.ts";
import { makeProject, smallCluster, type TestProject } from "../support/project.ts";

// The package as a program has it: the compiled entry, no labs file, no command line.

const { cluster, defineLab, doctor, down, isLabError, numberedHosts, plan, status, up }: typeof RedisLab = await import(
  new URL("../../dist/lib/index.js", import.meta.url).href
);

const lab = defineLab(
  smallCluster({
    name: "programmed",
    hosts: numberedHosts("192.168.1", [18, 28, 38, 48]),
    layout: { kind: "cluster", masters: ["redis-18", "redis-28", "redis-38"], replicas: { "redis-48": "redis-18" }, nodeTimeoutMs: 3000 },
  }),
);
const events: RedisLab.LabEvent[] = [];
let project: TestProject;
let options: RedisLab.LabOptions;

beforeAll(async () => {
  project = await makeProject();
  options = {
    folder: project.folder,
    target: "local",
    environment: { ...process.env, ...project.environment },
    onEvent: (event) => void events.push(event),
  };
});

afterAll(() => project.remove());

test("a lab that is not up is told of, and its remedy names it", async () => {
  const before = await status(lab, options);
  expect(before).toMatchObject({ lab: "programmed", target: "local", healthy: false });
  expect(before.findings.map(({ next }) => next).join()).toContain("redis-lab up programmed");
  await expect(cluster.check(lab, options)).rejects.toSatisfy((error) => isLabError(error) && error.code === "cluster.nothing-answers");
});

test("up, status, plan, doctor, reshard and down are functions, and print nothing", async () => {
  const outputs = [vi.spyOn(process.stdout, "write"), vi.spyOn(process.stderr, "write")];

  const report = await up(lab, options);
  expect(report).toMatchObject({ ok: true, failures: [], lab: "programmed" });
  expect(report.changed).toBeGreaterThan(0);
  expect(events).toContainEqual(expect.objectContaining({ type: "step", host: "redis-18", state: "changed" }));

  const { healthy, rows } = await status(lab, options);
  expect(healthy).toBe(true);
  expect(rows.filter(({ role }) => role === "master").map(({ host }) => host)).toEqual(["redis-18", "redis-28", "redis-38"]);
  expect(await plan(lab, options)).toMatchObject({ changes: 0, unreachable: [] });
  expect((await doctor(lab, options)).findings.filter(({ severity }) => severity === "problem")).toEqual([]);

  const request = { from: "all", to: "redis-18", slots: 100 } as const;
  const planned = await cluster.reshard(lab, { ...options, ...request, dryRun: true });
  expect(planned).toMatchObject({ applied: false, changed: 0, estimate: { slots: 100 } });
  expect(await cluster.apply(lab, { ...options, plan: planned.plan })).toMatchObject({ applied: true, moved: { slots: 100 } });
  await expect(cluster.apply(lab, { ...options, plan: planned.plan })).rejects.toMatchObject({ code: "cluster.stale-plan" });
  await cluster.wait(lab, options);
  const { nodes, ok } = await cluster.check(lab, options);
  expect(ok).toBe(true);
  expect(nodes.reduce((sum, { slotCount, role }) => sum + (role === "master" ? slotCount : 0), 0)).toBe(16_384);
  await expect(cluster.reshard(lab, { ...options, ...request, to: "redis-99" })).rejects.toSatisfy(isLabError);

  // In the folder of a project the command line speaks of the same lab.
  await project.write(lab);
  expect(JSON.parse((await project.ok(["status", lab.name, "--json"])).stdout)).toMatchObject({ healthy: true });

  expect(await down(lab, options)).toMatchObject({ failures: [], stopped: expect.arrayContaining(["redis-18:6379", "redis-48:6379"]) });
  for (const output of outputs) {
    expect(output).not.toHaveBeenCalled();
    output.mockRestore();
  }
});

test("an interrupted call ends, and the next one goes on", async () => {
  const interruption = new AbortController();
  const begun = up(lab, { ...options, signal: interruption.signal, onEvent: () => interruption.abort() });
  await expect(begun).rejects.toThrow();
  expect(await up(lab, options)).toMatchObject({ ok: true });
  expect(await down(lab, { ...options, purge: true })).toMatchObject({ failures: [] });
});
