import { moveSlots } from "../../dist/lib/cluster/move/run.js";
import type { Throttle } from "../../dist/lib/cluster/move/types.js";
import type { ClusterMember } from "../../dist/lib/cluster/types.js";
import { connectRedis, connectStream } from "../../dist/lib/redis/client.js";
import type { InstanceAccess } from "../../dist/lib/redis/types.js";
import { dial } from "../../test/cluster/support.ts";

// A process that moves slots, so that what it does does not keep the client waiting whose reads are measured.

const { members, source, target, throttle } = JSON.parse(process.argv[2] ?? "") as {
  readonly members: readonly ClusterMember[];
  readonly source: string;
  readonly target: string;
  readonly throttle: Throttle;
};
const options = { passwords: [process.env["BENCH_PASSWORD"] ?? ""] };
const memberOf = (id: string): ClusterMember => {
  const member = members.find((each) => each.id === id);
  if (member === undefined) throw new Error(`no ${id}`);
  return member;
};
const connect: InstanceAccess["connect"] = (id) => connectRedis(memberOf(id), dial, options);
const clients = new Map<string, ReturnType<typeof connect>>();
const access: InstanceAccess = {
  connect,
  client(id) {
    const client = clients.get(id) ?? connect(id);
    clients.set(id, client);
    return client;
  },
  stream: (id) => connectStream(memberOf(id), dial, options),
  probe: async () => "open",
};
await moveSlots([{ source, target, slots: [{ first: 0, last: 399 }] }], members, access, { emit: () => {}, throttle });
for (const client of clients.values()) (await client).close();
