import { expect, test } from "vitest";
import { applyAction } from "../../../lib/cluster/apply/apply.ts";
import { unreachable } from "../../../lib/redis/errors.ts";
import type { InstanceAccess } from "../../../lib/redis/types.ts";
import { memberOf } from "../support.ts";

test("a replica that does not answer has not taken over", async () => {
  const client = async () => {
    throw unreachable("10.0.0.2:6379", new Error("connection refused"));
  };
  const access: InstanceAccess = { client, connect: client, stream: client, probe: async () => "refused" };
  const context = { members: [memberOf("m1", "10.0.0.1"), memberOf("r1", "10.0.0.2")], access, options: { emit: () => {} } };
  await expect(applyAction({ kind: "take-over", instance: "r1:6379", how: "takeover" }, context)).rejects.toMatchObject({
    code: "cluster.not-ready",
    what: "r1:6379 is to take over and does not answer.",
  });
});
