import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { connectionLost } from "../../lib/redis/errors.ts";
import type { InstanceAccess, Reply } from "../../lib/redis/types.ts";
import { applyReplication } from "../../lib/replication/apply.ts";
import { checkReplication } from "../../lib/replication/check.ts";
import type { ReplicationOptions } from "../../lib/replication/engine.ts";
import { failOverForced } from "../../lib/replication/forced.ts";
import { handOver } from "../../lib/replication/hand-over.ts";
import { observeReplication, type ReplicationWanted, reachable } from "../../lib/replication/model.ts";
import { planReplication } from "../../lib/replication/plan.ts";
import { PASSWORD, TestLayout, watching } from "../sentinel/layout.ts";
import { startWriter } from "../support/writer.ts";

// Observe, plan, apply and hand over, on real servers.

const OPTIONS: ReplicationOptions = { emit: () => undefined, timeoutMs: 60_000 };

async function bare(
  onTestFinished: (stop: () => Promise<void>) => void,
  config = "",
): Promise<{ lab: TestLayout; wanted: ReplicationWanted }> {
  const lab = new TestLayout();
  onTestFinished(() => lab.stop());
  const [master, ...replicas] = await Promise.all(["a", "b", "c"].map((host) => lab.server(host, config)));
  return { lab, wanted: { lab: "lab", master: master!, replicas, former: [] } };
}

async function up(lab: TestLayout, wanted: ReplicationWanted, access: InstanceAccess = lab.access): Promise<readonly string[]> {
  const plan = planReplication(await observeReplication(wanted, access), wanted);
  await applyReplication(plan, wanted, access, OPTIONS);
  return plan.actions.map(({ summary }) => summary);
}

async function roles(lab: TestLayout, wanted: ReplicationWanted): Promise<Readonly<Record<string, string>>> {
  const seen = await observeReplication(wanted, lab.access);
  return Object.fromEntries(
    [...seen.keys()].map((id) => {
      const said = reachable(seen, { id });
      return [id, said === undefined ? "down" : said.role === "master" ? "master" : `of ${said.masterAddress}`];
    }),
  );
}

/** The roles that the servers would have after a restart. */
async function rolesInFiles(lab: TestLayout): Promise<Readonly<Record<string, string>>> {
  const read = async (id: string) => {
    const text = await readFile(lab.running.get(id)!.configFile, "utf8");
    const master = /^(?:slaveof|replicaof) (\S+) /m.exec(text)?.[1];
    return [id, master === undefined ? "master" : `of ${master}`] as const;
  };
  return Object.fromEntries(await Promise.all([...lab.running.keys()].map(read)));
}

/** Writes to whichever server says that it is a master, without a pause. */
function writer(lab: TestLayout, wanted: ReplicationWanted) {
  const servers = [wanted.master, ...wanted.replicas];
  const endpoint = ({ address, port }: { readonly address: string; readonly port: number }) => `${address}:${port}`;
  let turn = 0;
  return startWriter({
    endpoints: servers.map(endpoint),
    passwords: async () => [PASSWORD],
    master: async () => {
      // One after the other: a client that stays with the old master as long as that lets it.
      for (let tries = 0; tries < servers.length; tries += 1) {
        const server = servers[(turn + tries) % servers.length]!;
        const info = await lab.call(server.id, "INFO", "replication").catch(() => "");
        if (String(info).includes("role:master")) {
          turn = (turn + tries) % servers.length;
          return endpoint(server);
        }
      }
      return endpoint(servers[turn]!);
    },
  });
}

async function written(lab: TestLayout, keys: number): Promise<void> {
  await waitFor(
    async () => {
      const counts = await Promise.all(["a", "b", "c"].map((host) => lab.call(`${host}:6379`, "DBSIZE")));
      return Math.max(...counts.map(Number)) >= keys ? { done: true, value: undefined } : { done: false, missing: `${keys} keys` };
    },
    { what: "writes", timeoutMs: 60_000, intervalMs: 20 },
  );
}

test("forms, writes the roles into the files, and a second time does nothing", async ({ onTestFinished }) => {
  const { lab, wanted } = await bare(onTestFinished);
  expect(await up(lab, wanted)).toHaveLength(3);
  expect(await up(lab, wanted)).toEqual([]);
  expect(checkReplication(await observeReplication(wanted, lab.access), wanted)).toEqual([]);
  const at = wanted.master.address;
  expect(await roles(lab, wanted)).toEqual({ "a:6379": "master", "b:6379": `of ${at}`, "c:6379": `of ${at}` });
  expect(await readFile(lab.running.get("b:6379")!.configFile, "utf8")).toMatch(new RegExp(`^(?:slaveof|replicaof) ${at} 6379$`, "m"));
});

test("hands over to and fro under a writer, and no acknowledged write is lost", async ({ onTestFinished }) => {
  const { lab, wanted } = await bare(onTestFinished, "min-slaves-to-write 1\n");
  await up(lab, wanted);
  const writing = writer(lab, wanted);
  let keys = 200;
  for (const to of ["b:6379", "c:6379", "a:6379", undefined]) {
    await written(lab, keys);
    const result = await handOver(wanted, lab.access, OPTIONS, { to });
    if (to !== undefined) expect(result.to).toBe(to);
    expect((await roles(lab, wanted))[result.to]).toBe("master");
    keys = Number(await lab.call(result.to, "DBSIZE")) + 200;
  }
  await written(lab, keys);
  const { acknowledged, lost } = await writing.stop();
  expect(lost).toEqual([]);
  expect(acknowledged).toBeGreaterThan(800);
  expect(checkReplication(await observeReplication(wanted, lab.access), wanted)).toEqual([]);
  for (const id of ["a:6379", "b:6379", "c:6379"])
    expect(await lab.call(id, "CONFIG", "GET", "min-slaves-to-write")).toEqual(["min-slaves-to-write", "1"]);
  expect(await up(lab, wanted)).toEqual([]);
});

/** Commands of a hand-over that change something, in their order; each is where one may be cut off. */
const CHANGES = /^(CONFIG SET|CONFIG REWRITE|SLAVEOF|CLIENT KILL)/;

test("cut off after each command that changes something, the same call ends it, and so does an up; nothing is lost", async ({
  onTestFinished,
}) => {
  const { lab, wanted } = await bare(onTestFinished);
  await up(lab, wanted);
  const writing = writer(lab, wanted);
  let keys = 50;
  const ends = [() => handOver(wanted, lab.access, OPTIONS), () => up(lab, wanted)];
  for (let cut = 1; ; cut += 0.5) {
    await written(lab, keys);
    let count = 0;
    const over = new AbortController();
    const access = watching(lab, async (_id, command, next): Promise<Reply> => {
      const changes = CHANGES.test(command);
      if (count >= Math.floor(cut)) {
        // Nothing is waited for any more.
        over.abort();
        throw connectionLost("an instance", undefined, "cut off");
      }
      if (changes) count += 1;
      return next();
    });
    const ended = await handOver(wanted, access, { ...OPTIONS, signal: over.signal }).then(
      () => true,
      () => false,
    );
    await ends[(cut * 2) % 2]?.();
    expect(checkReplication(await observeReplication(wanted, lab.access), wanted), `cut off after ${Math.floor(cut)} commands`).toEqual([]);
    const now = await roles(lab, wanted);
    expect(await rolesInFiles(lab), `cut off after ${Math.floor(cut)} commands`).toEqual(now);
    const [master] = Object.entries(now).find(([, role]) => role === "master")!;
    keys = Number(await lab.call(master, "DBSIZE")) + 50;
    if (!ended) continue;
    expect(cut).toBeGreaterThan(6);
    break;
  }
  const { lost } = await writing.stop();
  expect(lost).toEqual([]);
});

test("a hand-over beside a declared server that is still empty takes it along, and it can be the one that takes over", async ({
  onTestFinished,
}) => {
  const { lab, wanted } = await bare(onTestFinished);
  await up(lab, { ...wanted, replicas: wanted.replicas.slice(0, 1) });
  await lab.call("a:6379", "SET", "key", "value");
  expect((await roles(lab, wanted))["c:6379"]).toBe("master");
  expect(await handOver(wanted, lab.access, OPTIONS, { to: "b:6379" })).toEqual({ from: "a:6379", to: "b:6379" });
  const at = wanted.replicas[0]!.address;
  const expected = { "a:6379": `of ${at}`, "b:6379": "master", "c:6379": `of ${at}` };
  expect(await roles(lab, wanted)).toEqual(expected);
  expect(await rolesInFiles(lab)).toEqual(expected);
  await lab.call("c:6379", "SLAVEOF", "NO", "ONE");
  await lab.call("c:6379", "FLUSHALL");
  expect(await handOver(wanted, lab.access, OPTIONS, { to: "c:6379" })).toEqual({ from: "b:6379", to: "c:6379" });
  expect(await lab.call("c:6379", "GET", "key")).toBe("value");
});

test("the instance that must lose the role loses it, though an interrupted hand-over gave it the role", async ({ onTestFinished }) => {
  const { lab, wanted } = await bare(onTestFinished);
  await up(lab, wanted);
  let promoted = false;
  const access = watching(lab, async (_id, command, next) => {
    if (promoted) throw connectionLost("an instance", undefined, "cut off");
    promoted = command === "SLAVEOF NO ONE" || command === "REPLICAOF NO ONE";
    return next();
  });
  await expect(handOver(wanted, access, OPTIONS, { to: "b:6379" })).rejects.toMatchObject({ code: "replication.failover-failed" });
  const { from, to } = await handOver(wanted, lab.access, OPTIONS, { from: "b:6379" });
  expect(from).toBe("b:6379");
  expect(to).not.toBe("b:6379");
  expect((await roles(lab, wanted))[to]).toBe("master");
  expect(await rolesInFiles(lab)).toEqual(await roles(lab, wanted));
});

test("beside a replica of a stranger nothing is forced", async ({ onTestFinished }) => {
  const { lab, wanted } = await bare(onTestFinished);
  await up(lab, wanted);
  const stranger = await lab.server("x");
  await lab.call("x:6379", "SET", "own", "value");
  await lab.call("c:6379", "SLAVEOF", stranger.address, "6379");
  await lab.running.get("a:6379")!.stop({ signal: "SIGKILL", keep: true });
  await expect(failOverForced(wanted, lab.access, OPTIONS, undefined)).rejects.toMatchObject({ code: "replication.refused" });
  expect(await roles(lab, wanted)).toMatchObject({ "b:6379": `of ${wanted.master.address}`, "c:6379": `of ${stranger.address}` });
  await lab.call("c:6379", "SLAVEOF", wanted.master.address, "6379");
  expect((await failOverForced(wanted, lab.access, OPTIONS, undefined)).from).toBe("a:6379");
});

test("a master that is lost is given up by force alone; when it comes back, its data are not thrown away", async ({ onTestFinished }) => {
  const { lab, wanted } = await bare(onTestFinished);
  await up(lab, wanted);
  await lab.call("a:6379", "SET", "key", "value");
  await expect(failOverForced(wanted, lab.access, OPTIONS, "b:6379")).rejects.toMatchObject({ code: "replication.master-answers" });
  await waitFor(
    async () => ((await lab.call("b:6379", "DBSIZE")) === 1 ? { done: true, value: undefined } : { done: false, missing: "a key" }),
    { what: "the key at the replica", timeoutMs: 60_000 },
  );
  await lab.running.get("a:6379")!.stop({ signal: "SIGKILL", keep: true });
  await expect(handOver(wanted, lab.access, { ...OPTIONS, timeoutMs: 500 })).rejects.toMatchObject({ code: "replication.no-master" });
  expect(await failOverForced(wanted, lab.access, OPTIONS, "b:6379")).toEqual({ from: "a:6379", to: "b:6379" });
  expect(await roles(lab, wanted)).toMatchObject({ "a:6379": "down", "b:6379": "master" });
  await lab.server("a");
  await lab.call("a:6379", "SET", "own", "value");
  const plan = planReplication(await observeReplication(wanted, lab.access), wanted);
  expect(plan.actions).toEqual([]);
  expect(plan.findings.map(({ code }) => code)).toEqual(["has-data"]);
  await lab.call("a:6379", "FLUSHALL");
  await up(lab, wanted);
  expect(await lab.call("a:6379", "GET", "key")).toBe("value");
});
