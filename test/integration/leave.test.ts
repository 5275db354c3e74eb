import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import { CALM_MS, changedOf, makeProject, newsOf, serversIn, smallCluster, smallSentinel, type TestProject } from "../support/project.ts";

// A host leaves a lab on this computer: the labs file no longer declares it, and `leave` is run as Terraform runs it before it destroys a VM.

const INSIDE = { REDIS_LAB_IN_TERRAFORM: "1" };

describe("a cluster", () => {
  const full = smallCluster({
    hosts: numberedHosts("192.168.1", [18, 28, 38, 48, 58, 68, 78, 88]),
    layout: {
      kind: "cluster",
      masters: ["redis-18", "redis-28", "redis-38"],
      replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38", "redis-78": "redis-18" },
      standby: ["redis-88"],
      nodeTimeoutMs: CALM_MS,
    },
  });
  const small = {
    ...smallCluster(),
    network: full.network,
  };
  let project: TestProject;
  const members = async () =>
    (JSON.parse(await readFile(join(project.folder, ".redis-lab/cluster/local/state.json"), "utf8")).members as { id: string }[]).map(
      ({ id }) => id,
    );

  beforeAll(async () => {
    project = await makeProject();
    await project.write(full);
    await project.ok(["up", "cluster"]);
  });
  afterAll(() => project.remove());

  test("a host that is declared stays, and nothing is done", async () => {
    const left = await project.ok(["leave", "cluster", "redis-78"]);
    expect(left.stdout).toBe("redis-78 stays in cluster on local: the labs file declares it, and nothing was to be done\n");
    expect(newsOf(left)).toEqual([]);
    expect(await serversIn(project.folder)).toHaveLength(8);
  });

  test("before it has left, status and up name it; an up inside Terraform leaves that to its leave", async () => {
    await project.write(small);
    const status = await project.run(["status", "cluster"]);
    expect(status.code).toBe(1);
    expect(status.stdout).toMatch(/know 127\.\d+\.\d+\.78:6379 .* which is no longer declared/);
    expect(status.stdout).toContain("`redis-lab up cluster` lets it leave, as `redis-lab leave cluster redis-78` does");
    const plan = await project.run(["plan", "cluster"]);
    expect(plan.stdout).toContain(
      "let redis-78 leave: what redis-78:6379 has goes to those that stay, then all forget it and it is stopped",
    );
    const inside = await project.run(["up", "cluster", "--target", "local"], { env: INSIDE });
    expect(inside.code).toBe(0);
    expect(changedOf(inside)).toBe(0);
  });

  test("a replica leaves: forgotten, reset, stopped; a standby is stopped; the rest is whole", async () => {
    await project.call(full, "redis-38", "SET", "foo", "kept");
    const both = await Promise.all(
      // As Terraform runs them: side by side, each waiting for the other.
      [["redis-78"], ["redis-88", "--keep"]].map((words) =>
        project.ok(["leave", "cluster", ...words, "--target", "local", "--json"], { env: INSIDE }),
      ),
    );
    const [replica, standby] = both.map(({ stdout }) => JSON.parse(stdout));
    expect(replica).toEqual({
      format: 1,
      lab: "cluster",
      target: "local",
      host: "redis-78",
      outcome: "left",
      done: [
        expect.stringMatching(/^make \d nodes forget redis-78:6379 \(node id [0-9a-f]{8}…\)$/),
        "make redis-78:6379 an empty node that knows no other node",
        "stop redis-78:6379",
        expect.stringMatching(/^remove \d+ things of the lab from redis-78$/),
      ],
      notices: [],
    });
    expect(standby).toMatchObject({
      host: "redis-88",
      outcome: "left",
      done: ["stop redis-88:6379"],
      notices: [expect.stringMatching(/^redis-88 keeps its data, files, .* the lab's password; .* up cluster --rotate-password$/)],
    });
    const hostFolder = (host: string) => join(project.folder, ".redis-lab/cluster/local/hosts", host);
    expect([existsSync(hostFolder("redis-78")), existsSync(join(hostFolder("redis-88"), "apps/redis/etc/redis.conf"))]).toEqual([
      false,
      true,
    ]);
    expect(await serversIn(project.folder)).toHaveLength(6);
    expect(await members()).toEqual(["18", "28", "38", "48", "58", "68"].map((number) => `redis-${number}:6379`));
    expect((await project.ok(["status", "cluster"])).stdout).toContain("cluster on local: healthy");
    expect(changedOf(await project.ok(["up", "cluster"]))).toBe(0);
    expect(await project.call(full, "redis-38", "GET", "foo")).toBe("kept");
    expect((await project.ok(["leave", "cluster", "redis-78"])).stdout).toBe(
      "redis-78 was not a member of cluster on local: nothing was to be done\n",
    );
  });

  test("an owner of slots hands its shard to the replica that is declared a master now, and leaves", async () => {
    const layout = {
      kind: "cluster" as const,
      masters: ["redis-58", "redis-28", "redis-38"],
      replicas: { "redis-68": "redis-28", "redis-48": "redis-38" },
      nodeTimeoutMs: CALM_MS,
    };
    await project.write({ ...small, hosts: numberedHosts("192.168.1", [28, 38, 48, 58, 68]), layout });
    const left = JSON.parse((await project.ok(["leave", "cluster", "redis-18", "--target", "local", "--json"], { env: INSIDE })).stdout);
    expect(left.outcome).toBe("left");
    expect(left.done[0]).toBe("hand the shard of redis-18:6379 to redis-58:6379");
    expect(await serversIn(project.folder)).toHaveLength(5);
    expect((await project.ok(["up", "cluster"])).stdout).toContain("healthy");
    expect(await project.call(full, "redis-38", "GET", "foo")).toBe("kept");
  });

  test("where nothing is remembered of a host, an undeclared member keeps it", async () => {
    const state = join(project.folder, ".redis-lab/cluster/local/state.json");
    const before = JSON.parse(await readFile(state, "utf8"));
    const { writeFile } = await import("node:fs/promises");
    const hosts = numberedHosts("192.168.1", [28, 38, 48, 58]);
    const layout = {
      kind: "cluster" as const,
      masters: ["redis-58", "redis-28", "redis-38"],
      replicas: { "redis-48": "redis-38" },
      nodeTimeoutMs: CALM_MS,
    };
    await project.write({ ...small, hosts, layout });
    await writeFile(state, JSON.stringify({ ...before, members: [] }));
    const refused = await project.run(["leave", "cluster", "redis-68", "--json"]);
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout).error).toMatchObject({
      code: "operations.unknown-members",
      what: expect.stringMatching(
        /declares no host "redis-68", this computer remembers none, and the lab has members that it does not declare \(.*\.68:6379/,
      ),
    });
    expect(await serversIn(project.folder)).toHaveLength(5);
  });
});

describe("a sentinel layout", () => {
  const full = smallSentinel({
    hosts: numberedHosts("192.168.1", [18, 28, 38, 48]),
    layout: {
      kind: "sentinel",
      masters: [{ name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38", "redis-48"], quorum: 2 }],
      sentinels: ["redis-18", "redis-28", "redis-38", "redis-48"],
    },
  });
  /** The host of the first master is gone from it. */
  const small = {
    ...full,
    hosts: numberedHosts("192.168.1", [28, 38, 48]),
    layout: {
      kind: "sentinel" as const,
      masters: [{ name: "mymaster", master: "redis-28", replicas: ["redis-38", "redis-48"], quorum: 2 }],
      sentinels: ["redis-28", "redis-38", "redis-48"],
    },
  };
  let project: TestProject;
  beforeAll(async () => {
    project = await makeProject();
    await project.write(full);
    await project.ok(["up", "sentinel"]);
  });
  afterAll(() => project.remove());

  test("the host of the master leaves without a ghost, and an up finds nothing to do", async () => {
    await project.call(full, "redis-18", "SET", "foo", "kept");
    await project.write(small);
    const left = JSON.parse((await project.ok(["leave", "sentinel", "redis-18", "--json"])).stdout);
    expect(left).toMatchObject({ outcome: "left", notices: [] });
    expect(left.done).toEqual([
      "hand over the role of master of mymaster",
      "stop redis-18:26379 and redis-18:6379",
      ...["28", "38", "48"].map((number) => `make redis-${number}:26379 forget who left mymaster`),
      expect.stringMatching(/^remove \d+ things of the lab from redis-18$/),
    ]);
    expect(await serversIn(project.folder)).toHaveLength(6);
    const up = await project.ok(["up", "sentinel"]);
    expect(up.stdout).toContain("sentinel on local: healthy");
    for (const number of ["28", "38", "48"]) {
      expect(await project.call(full, `redis-${number}:26379`, "SENTINEL", "CKQUORUM", "mymaster")).toMatch(/^OK 3 usable/);
      expect(await project.call(full, `redis-${number}`, "GET", "foo")).toBe("kept");
    }
  });

  test("a sentinel whose vote is needed stays", async () => {
    await project.write({
      ...small,
      hosts: numberedHosts("192.168.1", [28, 48]),
      layout: {
        kind: "sentinel",
        masters: [{ name: "mymaster", master: "redis-28", replicas: ["redis-48"], quorum: 2 }],
        sentinels: ["redis-28", "redis-48"],
      },
    });
    await project.call(full, "redis-48:26379", "SHUTDOWN").catch(() => undefined);
    const refused = await project.run(["leave", "sentinel", "redis-38"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("Without redis-38:26379 1 of 2 sentinels that watch mymaster would answer, and 2 are needed");
  });
});

describe("on VMs", () => {
  const lab = smallCluster();
  let project: TestProject;
  beforeAll(async () => {
    project = await makeProject();
    await project.write(lab);
  });
  afterAll(() => project.remove());

  test("inside Terraform the VMs are meant, and a declared host stays", async () => {
    const { stdout } = await project.ok(["leave", "cluster", "redis-18"], { env: INSIDE });
    expect(stdout).toContain("redis-18 stays in cluster on libvirt");
  });

  test("down is refused as wrong use, and names what to type", async () => {
    for (const words of [
      ["down", "cluster"],
      ["down", "cluster", "--purge"],
    ]) {
      const refused = await project.run([...words, "--target", "libvirt"]);
      expect(refused.code).toBe(64);
      expect(refused.stderr).toContain("npx cdktf destroy cluster");
    }
  });

  test("hardware is changed host by host on VMs alone", async () => {
    const refused = await project.run(["rebuild", "cluster", "--rolling"]);
    expect(refused.code).toBe(64);
    expect(refused.stderr).toContain("On local there is no hardware to change host by host.");
  });
});
