import { expect, test } from "vitest";
import { openLocalConnection } from "../../lib/connection/local.ts";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { placeLab } from "../../lib/lab/placement.ts";
import { openAccess } from "../../lib/operations/access.ts";
import { clusterInput } from "../support/labs.ts";
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
