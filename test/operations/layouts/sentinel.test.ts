import { expect, test } from "vitest";
import { defineLab, numberedHosts } from "../../../lib/lab/define-lab.ts";
import { placeLab } from "../../../lib/lab/placement.ts";
import { sentinelOperations } from "../../../lib/operations/layouts/sentinel.ts";
import type { Session } from "../../../lib/operations/session.ts";
import { checkSentinel } from "../../../lib/sentinel/check.ts";
import { observeSentinel } from "../../../lib/sentinel/observe.ts";
import { TestLayout, watching } from "../../sentinel/layout.ts";

// The running layout in the hands of the operations, on real servers and sentinels.

const HOSTS = ["redis-18", "redis-28", "redis-38"];
const SENTINEL = "redis-18:26379";

const declared = defineLab({
  name: "sentinel",
  network: { cidr: "192.168.1.0/24", loopback: "127.0.2.0/24" },
  hosts: numberedHosts("192.168.1", [18, 28, 38]),
  layout: {
    kind: "sentinel",
    masters: [{ name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38"], quorum: 2 }],
    sentinels: HOSTS,
  },
});

test("a restarted server is back when every sentinel sees it again, and no earlier", async ({ onTestFinished }) => {
  const { lab, wanted } = await TestLayout.formed({ servers: HOSTS, sentinels: HOSTS, downAfterMs: 30_000 }, onTestFinished);
  await lab.healthy(wanted);
  const placement = placeLab(declared, { target: "local", hostsFolder: "/" });
  const hosts = placement.hosts.map((host) => ({
    ...host,
    instances: host.instances.map((instance) => ({ ...instance, address: lab.instances.get(instance.id)?.address ?? "" })),
  }));
  let looks = 0;
  // For a second or two a sentinel has no connection to a server that was restarted.
  const access = watching(lab, async (instance, command, next) => {
    const reply = await next();
    if (instance !== SENTINEL || !command.startsWith("SENTINEL SLAVES") || !Array.isArray(reply)) return reply;
    looks += 1;
    if (looks > 3) return reply;
    return reply.map((fields) => (fields as string[]).map((field) => (field === "slave" ? "slave,disconnected" : field)));
  });
  const session: unknown = { lab: declared, placement: { ...placement, hosts }, access, emit: () => undefined, secrets: lab.secrets };
  const layout = sentinelOperations(session as Session);
  await layout.settled("redis-38:6379");
  expect(looks).toBeGreaterThan(3);
  looks = 0;
  await layout.settled("redis-38:26379");
  expect(looks, "a sentinel does not wait for what another one sees of a server").toBeLessThanOrEqual(3);
  await layout.settled(SENTINEL);
  expect(looks).toBeGreaterThan(3);
  expect(checkSentinel(await observeSentinel(wanted, lab.access), wanted)).toEqual([]);
  // One that does not answer has the role that the sentinels know.
  for (const host of ["redis-18", "redis-28"]) await lab.running.get(`${host}:6379`)?.stop({ signal: "SIGKILL" });
  const { rows } = await layout.status();
  expect(rows.filter(({ state }) => state !== "up").map(({ instance, role, master }) => [instance, role, master])).toEqual([
    ["redis-18:6379", "master", ""],
    ["redis-28:6379", "replica", "redis-18:6379"],
  ]);
});
