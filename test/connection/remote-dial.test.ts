import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RemoteDialler } from "../../lib/connection/remote-dial.ts";

let server: Server;
let port: number;
beforeAll(async () => {
  // It speaks first: what it says must not be read on the way.
  server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write("first ");
    socket.on("data", (data) => socket.end(data));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as { port: number }).port;
});
afterAll(() => server.close());

test("sockets are connected elsewhere and used here, many at once", async () => {
  const dialler = new RemoteDialler(() => []);
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, number) => {
      const dialled = await dialler.dial("127.0.0.1", port, 60_000, undefined);
      if ("failure" in dialled) throw new Error(dialled.failure);
      dialled.socket.write(String(number));
      let heard = "";
      for await (const chunk of dialled.socket) heard += String(chunk);
      return heard;
    }),
  );
  expect(answers).toEqual(Array.from({ length: 50 }, (_, number) => `first ${number}`));
  dialler.close();
});

test("a closed port and a silent address are what they are", async () => {
  const dialler = new RemoteDialler(() => []);
  expect(await dialler.dial("127.0.0.1", 1, 60_000, undefined)).toMatchObject({ failure: "refused" });
  dialler.close();
});

test("after an interruption an address that is silent is given up", async () => {
  const dialler = new RemoteDialler(() => ["sh", "-c", "sleep 600", "sh"]);
  await expect(dialler.dial("127.0.0.1", port, 600_000, AbortSignal.abort())).rejects.toMatchObject({ code: "connection.given-up" });
  dialler.close();
});

test("where nothing can be run in the other network, that is said", async () => {
  const dialler = new RemoteDialler(() => ["sh", "-c", "echo no such network >&2; exit 1", "sh"]);
  await expect(dialler.dial("127.0.0.1", port, 60_000, undefined)).rejects.toMatchObject({
    code: "connection.helper-lost",
    what: expect.stringContaining("no such network"),
  });
  dialler.close();
});
