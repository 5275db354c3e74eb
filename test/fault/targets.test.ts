import { describe, expect, test } from "vitest";
import { isRole, resolveTarget, type SeenInstance, type SeenLab } from "../../lib/fault/targets.ts";
import { cluster, sentinel } from "../../stacks/labs.ts";

const seen = (instance: string, role: SeenInstance["role"], more: Partial<SeenInstance> = {}): SeenInstance => ({
  instance,
  host: instance.split(":")[0] ?? "",
  role,
  state: "up",
  slots: "",
  slotCount: 0,
  master: "",
  ...more,
});
const master = (instance: string, slots: string, more: Partial<SeenInstance> = {}) =>
  seen(instance, "master", { slots, slotCount: 1, ...more });

/** As after a failover: redis-58 has taken over from redis-18, and redis-78 has two masters. */
const CLUSTER: SeenLab = {
  lab: cluster,
  instances: [
    seen("redis-18:6379", "replica", { master: "redis-58:6379" }),
    master("redis-28:6379", "5461-10922"),
    master("redis-38:6379", "10923-16382"),
    seen("redis-48:6379", "replica", { master: "redis-38:6379", state: "down" }),
    master("redis-58:6379", "0-5460 16383"),
    seen("redis-68:6379", "replica", { master: "redis-28:6379" }),
    seen("redis-78:6379", "master"),
    seen("redis-78:6380", "standby"),
  ],
};

const WATCHES = "mymaster: redis-28:6379";
const SENTINEL: SeenLab = {
  lab: sentinel,
  instances: [
    seen("redis-18:6379", "replica", { master: "redis-28:6379" }),
    seen("redis-18:26379", "sentinel", { master: "mymaster: redis-18:6379" }),
    seen("redis-28:6379", "master"),
    seen("redis-28:26379", "sentinel", { master: WATCHES }),
    seen("redis-38:6379", "replica", { master: "redis-28:6379" }),
    seen("redis-38:26379", "sentinel", { master: WATCHES }),
  ],
  lastLeader: "redis-38:26379",
};

const instances = (...ids: readonly string[]) => ({ kind: "instances", instances: ids });
const hosts = (...names: readonly string[]) => ({ kind: "hosts", hosts: names });

describe("who is meant", () => {
  test.each([
    ["redis-28", hosts("redis-28")],
    ["redis-78:6380", instances("redis-78:6380")],
    ["master-of:slot:5000", instances("redis-58:6379")],
    ["master-of:slot:16383", instances("redis-58:6379")],
    ["master-of:slot:10923", instances("redis-38:6379")],
    ["replica-of:redis-28", instances("redis-68:6379")],
    ["replica-of:redis-58:6379", instances("redis-18:6379")],
    ["all-masters", instances("redis-28:6379", "redis-38:6379", "redis-58:6379")],
    ["minority", hosts("redis-28")],
  ])("in a cluster %s", (word, expected) => {
    expect(resolveTarget(word, CLUSTER)).toEqual(expected);
  });

  test.each([
    ["master", instances("redis-28:6379")],
    ["master-of:mymaster", instances("redis-28:6379")],
    ["sentinel-leader", instances("redis-38:26379")],
    ["all-sentinels", instances("redis-18:26379", "redis-28:26379", "redis-38:26379")],
    ["minority", hosts("redis-28")],
  ])("with sentinels %s", (word, expected) => {
    expect(resolveTarget(word, SENTINEL)).toEqual(expected);
  });

  test("two masters on one host", () => {
    const both = { ...CLUSTER, instances: [...CLUSTER.instances.slice(0, 6), master("redis-78:6379", "1"), master("redis-78:6380", "2")] };
    expect(resolveTarget("host-with-two-masters", both)).toEqual(hosts("redis-78"));
  });

  test("without a failover before, the first sentinel stands for the leader", () => {
    expect(resolveTarget("sentinel-leader", { ...SENTINEL, lastLeader: undefined })).toEqual(instances("redis-18:26379"));
  });
});

test.each([
  ["redis-29", CLUSTER, "fault.unknown-target", /did you mean "redis-28"/],
  ["redis-78:6399", CLUSTER, "fault.unknown-target", /Instances of redis-78: redis-78:6379, redis-78:6380/],
  ["master-of:slot:16384", CLUSTER, "fault.unknown-target", /0 to 16383/],
  ["master-of:mymaster", CLUSTER, "fault.unknown-target", /for labs with sentinels/],
  ["master-of:mymastre", SENTINEL, "fault.unknown-target", /did you mean "mymaster"/],
  ["replica-of:redis-38", CLUSTER, "fault.no-such-role-now", /no replica of it runs/],
  ["master", CLUSTER, "fault.no-such-role-now", /there are 3/],
  ["sentinel-leader", CLUSTER, "fault.no-such-role-now", /no sentinel answers/],
  ["host-with-two-masters", CLUSTER, "fault.no-such-role-now", /no host has two masters/],
  ["master-of:slot:5", { ...CLUSTER, instances: [] }, "fault.no-such-role-now", /no living master/],
])("%s is nobody", (word, lab, code, text) => {
  expect(() => resolveTarget(word, lab)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(text) }));
});

test("a name is no role, and needs no look", () => {
  expect(["redis-28", "redis-28:6379", "masters"].map(isRole)).toEqual([false, false, false]);
  expect(["minority", "master-of:slot:1", "replica-of:redis-18"].map(isRole)).toEqual([true, true, true]);
});
