import { expect, test } from "vitest";
import { openLocalConnection } from "../../lib/connection/local.ts";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { placeLab } from "../../lib/lab/placement.ts";
import { openAccess } from "../../lib/operations/access.ts";
import { connectRedis } from "../../lib/redis/client.ts";
import { dial } from "../cluster/support.ts";
import { nextNetwork } from "../support/addresses.ts";
import { clusterInput, sentinelInput } from "../support/labs.ts";
import { startServer } from "../support/redis.ts";

test("a client and a bare stream of an instance, entered with an older password of the lab", async () => {
  const server = await startServer({ config: "requirepass the-one-before" });
  const placement = placeLab(defineLab(clusterInput()), { target: "local", hostsFolder: "/nowhere" });
  const connection = openLocalConnection("redis-18");
  const access = openAccess({
    placement,
    secrets: { password: "the-present-one", previous: "the-one-before", generation: "g" },
    connections: new Map([["redis-18", connection]]),
    unreachable: new Map(),
  });
  const id = `${server.address}:${server.port}`;
  expect(await (await access.client(id)).call(["PING"])).toBe("PONG");
  const stream = await access.stream(id);
  stream.write("PING\r\n");
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    expect(chunk.toString()).toBe("+PONG\r\n");
    break;
  }
  await expect(access.stream("nobody:1")).rejects.toMatchObject({ code: "operations.unknown-instance" });
  access.close();
  await connection.close();
  await server.stop();
});

test("an instance that lets redis-lab in no more is a refusal that names it, and no defect", async () => {
  const lab = defineLab(sentinelInput({ network: { cidr: "192.168.1.0/24", loopback: nextNetwork() } }));
  const placement = placeLab(lab, { target: "local", hostsFolder: "/nowhere" });
  const placed = placement.hosts.flatMap(({ instances }) => instances).find(({ kind }) => kind === "sentinel");
  if (placed === undefined) throw new Error("the lab has no sentinel");
  const { address, port, host, id } = placed;
  const server = await startServer({ address, port });
  const connection = openLocalConnection(host);
  const access = openAccess({
    placement,
    secrets: { password: "the-present-one", generation: "g" },
    connections: new Map([[host, connection]]),
    unreachable: new Map(),
  });
  const stranger = await connectRedis(server, dial, { passwords: [] });
  await stranger.call(["CONFIG", "SET", "requirepass", "of-a-stranger"]);
  await expect(access.client(id)).rejects.toMatchObject({
    code: "operations.locked-instance",
    what: expect.stringMatching(/^redis-\S+ does not let redis-lab in: NOAUTH/),
  });
  stranger.close();
  access.close();
  await connection.close();
  await server.stop({ signal: "SIGKILL" });
});
