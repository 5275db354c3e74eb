import { expect, test } from "vitest";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { placedInstances, placeLab } from "../../../lib/lab/placement.ts";
import { formerHosts, withFormerHosts } from "../../../lib/operations/leaving/former.ts";
import type { RememberedMember } from "../../../lib/project/state.ts";
import { wantedOf } from "../../../lib/sentinel/wanted.ts";
import { clusterInput, sentinelInput } from "../../support/labs.ts";

const member = (id: string, address: string, rest: Partial<RememberedMember> = {}): RememberedMember => ({
  id,
  address,
  port: Number(id.split(":")[1]),
  ...rest,
});

test("a lab without former hosts is itself", () => {
  const lab = defineLab(clusterInput());
  const state = { members: [member("redis-18:6379", "192.168.1.18")] };
  expect(formerHosts(lab, state).size).toBe(0);
  expect(withFormerHosts(lab, state)).toBe(lab);
});

test("a former host of a cluster is placed where it was, on every target", () => {
  const lab = defineLab(clusterInput());
  const managed = withFormerHosts(lab, { members: [member("redis-88:6379", "192.168.1.88"), member("redis-88:6380", "192.168.1.88")] });
  const placed = placeLab(managed, { target: "libvirt", hostsFolder: "/nowhere", labKey: "/key" });
  expect(placed.hosts.at(-1)).toMatchObject({ name: "redis-88", address: "192.168.1.88", ssh: { user: "centos", keyFile: "/key" } });
  expect(placedInstances(placed).slice(-2)).toMatchObject([
    { id: "redis-88:6379", unit: "redis", role: { kind: "standby" }, configFile: "/apps/redis/etc/redis.conf" },
    { id: "redis-88:6380", unit: "redis-6380", role: { kind: "standby" } },
  ]);
  const local = withFormerHosts(lab, { members: [member("redis-88:6379", "127.0.1.88")] });
  expect(placeLab(local, { target: "local", hostsFolder: "/hosts" }).hosts.at(-1)).toMatchObject({
    address: "127.0.1.88",
    paths: { prefix: "/hosts/redis-88/apps/redis" },
  });
});

test("a former VM is reached through the hypervisor that it is on, if that is still declared", () => {
  const lab = defineLab(
    clusterInput({
      libvirt: { network: { mode: "routed" }, hypervisors: [{ name: "local" }, { name: "kvm-2", uri: "qemu+ssh://root@kvm-2/system" }] },
    }),
  );
  const members = [member("redis-88:6379", "192.168.1.88")];
  const jumpOf = (known: ReturnType<typeof withFormerHosts>) =>
    placeLab(known, { target: "libvirt", hostsFolder: "/nowhere" }).hosts.at(-1)?.ssh.jump;
  const vms = { "redis-88": { domainId: "x", vcpus: 1, memoryMiB: 2048, hypervisor: "kvm-2" } };
  expect(jumpOf(withFormerHosts(lab, { members, vms }))).toBe("root@kvm-2");
  expect(jumpOf(withFormerHosts(lab, { members }, { "redis-88": "kvm-2" }))).toBe("root@kvm-2");
  expect(withFormerHosts(lab, { members }, { "redis-88": "gone" }).hosts.at(-1)?.hypervisor).toBeUndefined();
});

test("former servers and sentinels stand beside those of their name, and the quorum is that of the declared sentinels", () => {
  const lab = defineLab(
    sentinelInput({
      layout: {
        kind: "sentinel",
        masters: [{ name: "mymaster", master: "redis-18", replicas: ["redis-28", "redis-38"] }],
        sentinels: ["redis-18", "redis-28", "redis-38"],
      },
    }),
  );
  const members = [
    member("redis-48:6379", "192.168.1.48", { kind: "redis", monitor: "mymaster" }),
    member("redis-48:26379", "192.168.1.48", { kind: "sentinel" }),
    // Of a state that says no more than where it was.
    member("redis-58:6379", "192.168.1.58"),
    member("redis-58:26379", "192.168.1.58"),
    member("redis-68:6379", "192.168.1.68", { kind: "redis", monitor: "users" }),
    member("redis-78:26380", "192.168.1.78", { kind: "sentinel" }),
  ];
  const { masters, sentinels } = wantedOf(placeLab(withFormerHosts(lab, { members }), { target: "libvirt", hostsFolder: "/nowhere" }));
  expect(sentinels.map(({ id }) => id).slice(3)).toEqual(["redis-48:26379", "redis-58:26379", "redis-78:26380"]);
  expect(masters.map(({ name, master, replicas, quorum }) => [name, quorum, master.id, ...replicas.map(({ id }) => id)])).toEqual([
    ["mymaster", 2, "redis-18:6379", "redis-28:6379", "redis-38:6379", "redis-48:6379", "redis-58:6379"],
    ["users", 2, "redis-68:6379"],
  ]);
});
