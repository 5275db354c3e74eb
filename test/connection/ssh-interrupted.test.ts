import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PATIENCE_MS } from "../../lib/base/patience.ts";
import { openSshConnection } from "../../lib/connection/ssh.ts";
import { nextAddress } from "../support/addresses.ts";
import { startProxy } from "./servers/proxy.ts";
import { SERVER_KINDS, type SshServer, startSshServer, testFolder } from "./servers/server.ts";

// After an interruption a host that answers is worked with as before, one that is silent is given up long before the keepalive notices.

/** Far below the thirty seconds of the keepalive, whatever else this computer does. */
const SOON_MS = 15_000;

describe.each(SERVER_KINDS)("over %s", (kind) => {
  let base: Awaited<ReturnType<typeof testFolder>>;
  let server: SshServer;

  beforeAll(async () => {
    base = await testFolder();
    server = await startSshServer(kind, base.folder, { authorizedKey: base.publicKey });
  });
  afterAll(async () => {
    await server?.stop();
    await base?.remove();
  });

  async function opened() {
    const proxy = await startProxy(server);
    const interruption = new AbortController();
    const connection = await openSshConnection(
      "redis-18",
      { address: proxy.address, port: proxy.port, user: server.user, keyFile: base.keyFile, configFile: "none" },
      { knownHostsFile: join(base.folder, "known_hosts"), retries: 0, signal: interruption.signal },
    );
    return { proxy, interruption, connection };
  }

  it("gives up a host that has gone silent: what runs there, what is dialled there, and what is asked later", async () => {
    const { proxy, interruption, connection } = await opened();
    const running = connection.run("echo started; sleep 60", { title: "a change" });
    await connection.run("true", { title: "another" });
    proxy.freeze();
    const all = [
      running,
      connection.run("true", { title: "asked of silence" }),
      connection.dial("127.0.0.1", 1),
      connection.probe("127.0.0.1", 1),
    ];
    const begin = performance.now();
    interruption.abort();
    for (const each of await Promise.allSettled(all))
      expect(each).toMatchObject({ status: "rejected", reason: { code: "connection.given-up", kind: "interrupted" } });
    await expect(connection.run("true", { title: "later" })).rejects.toMatchObject({ code: "connection.given-up" });
    await connection.close();
    expect(performance.now() - begin).toBeLessThan(SOON_MS);
    await proxy.close();
  });

  it("lets a change on a host that answers come to its end, and ends a look at once", async () => {
    const { proxy, interruption, connection } = await opened();
    const change = connection.run(`sleep ${(PATIENCE_MS * 2.5) / 1000}; echo done`, { title: "a change" });
    const look = connection.run("sleep 60", { title: "a look", look: true });
    const begin = performance.now();
    interruption.abort();
    await expect(look).rejects.toThrow("aborted");
    expect(performance.now() - begin).toBeLessThan(SOON_MS);
    expect(await change).toMatchObject({ exitCode: 0, stdout: "done\n" });
    expect(await connection.run("echo after", { title: "what has to be put right" })).toMatchObject({ stdout: "after\n" });
    await connection.close();
    await proxy.close();
  });
});

it("ends a connect to a port that answers nothing", async () => {
  const base = await testFolder();
  const hole = createServer(() => {});
  const address = nextAddress();
  hole.listen(2200, address);
  await once(hole, "listening");
  const interruption = new AbortController();
  const connecting = openSshConnection(
    "redis-18",
    { address, port: 2200, user: "root", keyFile: base.keyFile, configFile: "none" },
    { knownHostsFile: join(base.folder, "known_hosts"), signal: interruption.signal },
  );
  const begin = performance.now();
  hole.once("connection", () => interruption.abort());
  await expect(connecting).rejects.toMatchObject({ code: "connection.given-up" });
  expect(performance.now() - begin).toBeLessThan(SOON_MS);
  hole.close();
  await base.remove();
});
