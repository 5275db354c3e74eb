import { expect, test } from "vitest";
import { applicationLoadClient } from "../../../lib/drill/load/client.ts";
import type { ApplicationClient } from "../../../lib/redis/application-client.ts";

class ClientClosedError extends Error {}
class ClientOfflineError extends Error {}

/** What the client makes of an error of node-redis, and for which keys it looks again. */
async function met(error: Error, wait?: number) {
  const looked: string[] = [];
  const fake: ApplicationClient = {
    send: async () => Promise.reject(error),
    sendAll: async () => Promise.reject(error),
    nodeOf: () => undefined,
    lookAgain: ({ key }) => void looked.push(key),
    close: () => {},
  };
  const client = applicationLoadClient(fake, { size: 16, ttl: undefined, wait, timeoutMs: 1_000 });
  const work = { kind: "write", key: "k", v: 1 } as const;
  const answer = await client.send({ shard: 0, slot: 0, key: "k", work } as Parameters<typeof client.send>[0]);
  return { looked, answer };
}

test.each([undefined, 1])("a client that node-redis has closed is replaced: it would refuse for ever (wait %j)", async (wait) => {
  const { looked, answer } = await met(new ClientClosedError("The client is closed"), wait);
  expect(looked).toEqual(["k"]);
  expect(answer).toMatchObject({ k: "fail", failure: { code: "ClientClosedError" } });
});

test("one that is offline for a moment connects again by itself", async () => {
  expect((await met(new ClientOfflineError("The client is offline"))).looked).toEqual([]);
});
