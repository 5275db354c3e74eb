import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import type { Connection } from "../../lib/connection/connection.ts";
import { openSshConnection } from "../../lib/connection/ssh.ts";
import { nextAddress } from "../support/redis.ts";
import { SERVER_KINDS, type SshServer, startSshServer, testFolder } from "./servers/server.ts";

/** A listener that is stopped as soon as it listens, so that it accepts nothing. */
const DEAF = `require("node:net").createServer().listen({ host: process.argv[1], port: 2300, backlog: 1 }, () => {
  require("node:fs").writeSync(1, "ready");
  process.kill(process.pid, "SIGSTOP");
});`;

describe.each(SERVER_KINDS)("ports over %s", (kind) => {
  let base: Awaited<ReturnType<typeof testFolder>>;
  let server: SshServer;
  let connection: Connection;

  beforeAll(async () => {
    base = await testFolder();
    server = await startSshServer(kind, base.folder, { authorizedKey: base.publicKey });
    connection = await openSshConnection(
      "redis-18",
      { address: server.address, port: server.port, user: server.user, keyFile: base.keyFile, configFile: "none" },
      { knownHostsFile: join(base.folder, "known_hosts"), retries: 1 },
    );
  });

  afterAll(async () => {
    await connection?.close();
    await server?.stop();
    await base?.remove();
  });

  it("dials and probes from the host's side", async () => {
    const echo = createServer((socket) => socket.pipe(socket));
    const address = nextAddress();
    echo.listen(2300, address);
    await once(echo, "listening");
    const stream = await connection.dial(address, 2300);
    stream.write("ping");
    expect(String((await once(stream, "data"))[0])).toBe("ping");
    stream.destroy();
    expect(await connection.probe(address, 2300)).toBe("open");
    expect(await connection.probe(address, 2301)).toBe("refused");
    await expect(connection.dial(address, 2301)).rejects.toMatchObject({ code: "connection.dial-refused" });
    echo.close();
  });

  it.runIf(kind === "openssh")("tells unreachable addresses from closed ports", async () => {
    // The connect fails at once, for broadcast is not an address of TCP.
    expect(await connection.probe("255.255.255.255", 2300)).toBe("unreachable");
  });

  it("gives up on a port that does not answer", async () => {
    // Nothing accepts, and the queue of the listener is full: the kernel drops further attempts.
    const address = nextAddress();
    const deaf = spawn(process.execPath, ["-e", DEAF, address], { stdio: ["ignore", "pipe", "inherit"] });
    await once(deaf.stdout, "data");
    const fill = Array.from({ length: 8 }, () => connect(2300, address).on("error", () => {}));
    await waitFor(
      async () =>
        (await connection.probe(address, 2300, 300)) === "timeout"
          ? { done: true, value: undefined }
          : { done: false, missing: "time-out" },
      { what: "the queue to be full", timeoutMs: 60_000 },
    );
    await expect(connection.dial(address, 2300, 300)).rejects.toMatchObject({ code: "connection.dial-timeout" });
    for (const socket of fill) socket.destroy();
    deaf.kill("SIGKILL");
  });

  it("keeps dialled streams out of the limit of sessions", async () => {
    const echo = createServer((socket) => socket.pipe(socket));
    const address = nextAddress();
    echo.listen(2300, address);
    await once(echo, "listening");
    const streams = await Promise.all(Array.from({ length: 20 }, () => connection.dial(address, 2300)));
    expect((await connection.run("echo ok", { title: "t" })).stdout).toBe("ok\n");
    for (const stream of streams) stream.destroy();
    echo.close();
  });

  it("says so when the server forbids forwarding", async () => {
    const strict = await startSshServer(kind, base.folder, { authorizedKey: base.publicKey, forwarding: false });
    const other = await openSshConnection(
      "redis-38",
      { address: strict.address, port: strict.port, user: strict.user, keyFile: base.keyFile, configFile: "none" },
      { knownHostsFile: join(base.folder, "known_hosts") },
    );
    expect(await other.probe(strict.address, strict.port)).toBe("forbidden");
    // A closed port is closed, whatever the server says about forwarding.
    expect(await other.probe(strict.address, 2301)).toBe("refused");
    await expect(other.dial(strict.address, strict.port)).rejects.toMatchObject({
      code: "connection.dial-forbidden",
      next: expect.stringContaining("AllowTcpForwarding"),
    });
    await other.close();
    await strict.stop();
  });
});
