import { describe, expect, test } from "vitest";
import { findBusFaults } from "../../lib/cluster/findings/bus-faults.ts";
import { observeCluster } from "../../lib/cluster/model/observe.ts";
import type { LiveNode } from "../../lib/cluster/model/topology.ts";
import { callTimeout } from "../../lib/redis/errors.ts";
import { RedisReplyError, reasonUnreachable } from "../../lib/redis/reply-error.ts";
import type { InstanceAccess } from "../../lib/redis/types.ts";
import { observeReplication } from "../../lib/replication/model.ts";
import { linkReasonsFor } from "../../lib/sentinel/link-reasons.ts";
import { observeSentinel } from "../../lib/sentinel/observe.ts";

// A defect of redis-lab says nothing of an instance: no look may take it for one that can't be reached.

const instance = { id: "redis-18:6379", host: "redis-18", address: "127.0.0.18", port: 6379 };

function throwing(error: Error): InstanceAccess {
  const reject = () => Promise.reject(error);
  return { client: reject, connect: reject, stream: reject, probe: reject };
}

const watched = { name: "mymaster", master: instance, replicas: [], quorum: 1, downAfterMs: 1, parallelSyncs: 1, failoverTimeoutMs: 1 };
const gap = { code: "replica-missing", instance: instance.id, towards: instance, text: "" } as const;
const live = {
  id: instance.id,
  member: instance,
  nodeId: "0",
  view: [],
  self: { address: "", port: 0, busPort: 0 },
} as unknown as LiveNode;

const LOOKS: Readonly<Record<string, (access: InstanceAccess) => Promise<unknown>>> = {
  cluster: (access) => observeCluster([{ ...instance, role: { kind: "discovered" } }], access),
  "bus of a cluster": (access) => findBusFaults([live], access),
  servers: (access) => observeSentinel({ masters: [watched], sentinels: [] }, access),
  sentinels: (access) => observeSentinel({ masters: [], sentinels: [instance] }, access),
  "links of sentinels": (access) => linkReasonsFor([gap as never], access),
  replication: (access) => observeReplication({ lab: "pair", master: instance, replicas: [], former: [] }, access),
};

describe.each(Object.entries(LOOKS))("%s", (_, look) => {
  test("a defect ends as one", async () => {
    await expect(look(throwing(new TypeError("instance is not a function")))).rejects.toThrow(TypeError);
  });

  test.each([callTimeout("127.0.0.18:6379", "INFO", 5000), new RedisReplyError("NOAUTH Authentication required.")])(
    "what an instance may do is part of what is seen: %s",
    async (error) => {
      await expect(look(throwing(error))).resolves.toBeDefined();
    },
  );
});

test("the reason in one sentence", () => {
  expect(reasonUnreachable(callTimeout("a:6379", "INFO", 5000))).toBe("Redis at a:6379 did not answer INFO within 5000 ms.");
  expect(reasonUnreachable(new RedisReplyError("LOADING Redis is loading"))).toBe("LOADING Redis is loading");
  expect(() => reasonUnreachable("a text")).toThrow();
});
