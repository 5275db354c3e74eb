import { expect, test } from "vitest";
import type { Lab } from "../../../lib/lab/schema.ts";
import { replicationOperations } from "../../../lib/operations/layouts/replication.ts";
import type { Session } from "../../../lib/operations/session.ts";
import { connectionLost } from "../../../lib/redis/errors.ts";
import type { EngineInstance, InstanceAccess } from "../../../lib/redis/types.ts";
import { applyReplication } from "../../../lib/replication/apply.ts";
import { checkReplication } from "../../../lib/replication/check.ts";
import { observeReplication, type ReplicationWanted } from "../../../lib/replication/model.ts";
import { planReplication } from "../../../lib/replication/plan.ts";
import { TestLayout, watching } from "../../sentinel/layout.ts";

// The running layout in the hands of the operations, on real servers.

const HOSTS = ["a", "b", "c"];

async function formed(onTestFinished: (stop: () => Promise<void>) => void): Promise<{ lab: TestLayout; wanted: ReplicationWanted }> {
  const lab = new TestLayout();
  onTestFinished(() => lab.stop());
  const [master, ...replicas] = await Promise.all(HOSTS.map((host) => lab.server(host)));
  const wanted = { lab: "lab", master: master!, replicas, former: [] };
  const plan = planReplication(await observeReplication(wanted, lab.access), wanted);
  await applyReplication(plan, wanted, lab.access, { emit: () => undefined });
  return { lab, wanted };
}

/** As much of a session as the row of the layout asks for. */
function operations(lab: TestLayout, servers: readonly EngineInstance[], warnings: string[] = []) {
  const hosts = servers.map((server, index) => ({
    name: server.host,
    instances: [{ ...server, kind: "redis", role: index === 0 ? { kind: "master" } : { kind: "replica", master: servers[0]?.id } }],
  }));
  const session: unknown = {
    placement: { lab: { name: "lab" }, hosts },
    state: { members: [] },
    access: lab.access,
    emit: (event: { readonly type: string; readonly text?: string }) => event.type === "notice" && warnings.push(event.text ?? ""),
    signal: undefined,
  };
  return replicationOperations(session as Session);
}

/** The host of `a` leaves. */
function leave(lab: TestLayout, servers: readonly EngineInstance[], access: InstanceAccess) {
  const declared = { hosts: servers.slice(1).map(({ host }) => ({ name: host })) } as unknown as Lab;
  return operations(lab, servers).leave({ declared, leaving: new Set(["a:6379"]), access, stop: async () => undefined });
}

test("the leave of the master goes on after it was cut off, wherever that was", async ({ onTestFinished }) => {
  const { lab, wanted } = await formed(onTestFinished);
  const servers = [wanted.master, ...wanted.replicas];
  await lab.call("a:6379", "SET", "key", "value");
  for (let cut = 1; ; cut += 1) {
    let count = 0;
    const access = watching(lab, async (_id, command, next) => {
      if (/^(CONFIG SET|CONFIG REWRITE|SLAVEOF|REPLICAOF|CLIENT KILL)/.test(command)) count += 1;
      return count > cut ? Promise.reject(connectionLost("an instance", undefined, "cut off")) : next();
    });
    const ended = await leave(lab, servers, access).then(
      () => true,
      () => false,
    );
    const { done } = await leave(lab, servers, lab.access);
    expect(done.join(), `cut off after ${cut} commands`).toMatch(/^(hand over the role of master of a:6379 to [bc]:6379)?$/);
    const stays = { ...wanted, master: wanted.replicas[0]!, replicas: wanted.replicas.slice(1) };
    expect(checkReplication(await observeReplication(stays, lab.access), stays), `cut off after ${cut} commands`).toEqual([]);
    expect(await lab.call("b:6379", "GET", "key")).toBe("value");
    expect(String(await lab.call("a:6379", "INFO", "replication"))).toContain("role:slave");
    if (ended) {
      expect(cut).toBeGreaterThan(5);
      break;
    }
    await operations(lab, servers).failOver({ instance: "a:6379", force: false });
  }
});

test("a master whose only replica is not declared restarts with a warning, and at once", async ({ onTestFinished }) => {
  const { lab, wanted } = await formed(onTestFinished);
  const warnings: string[] = [];
  const alone = operations(lab, [wanted.master], warnings);
  expect(await alone.release("a:6379")).toBe(false);
  expect(warnings).toEqual(["a:6379 is a master without a replica: its keys can't be reached while it restarts."]);
  expect(await operations(lab, [wanted.master, ...wanted.replicas]).release("a:6379")).toBe(true);
});
