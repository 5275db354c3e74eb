import { randomUUID } from "node:crypto";
import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LabError } from "../../lib/base/error.ts";
import { waitFor } from "../../lib/base/wait.ts";
import type { Connection } from "../../lib/connection/connection.ts";
import { openSshConnection } from "../../lib/connection/ssh.ts";
import { SessionQueue } from "../../lib/connection/ssh-sessions.ts";
import { SSHD, type SshServer, startSshServer, testFolder } from "./servers/server.ts";

// Hardening guides set MaxSessions to 4, 2 or 1; the real sshd alone has it.

describe.skipIf(SSHD === undefined).each([4, 2, 1])("an sshd with MaxSessions %i", (granted) => {
  let base: Awaited<ReturnType<typeof testFolder>>;
  let server: SshServer;
  let connection: Connection;

  beforeAll(async () => {
    base = await testFolder();
    server = await startSshServer("openssh", base.folder, { authorizedKey: base.publicKey, config: [`MaxSessions ${granted}`] });
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

  it("runs commands that are long and many, one after the other where it has to be", async () => {
    const ours = randomUUID();
    // Longer than a refused opening is tried again.
    const holding = Array.from({ length: granted }, (_, index) => connection.run(`sleep 4; echo held ${index}`, { title: "hold" }));
    const small = Array.from({ length: 12 }, (_, index) => connection.run(`echo ${index}`, { title: "small" }));
    // More than a request holds: it goes over a file, which takes two sessions one after the other.
    const long = Array.from({ length: 4 }, (_, index) =>
      connection.run(`: ${ours} ${"x".repeat(40_000)}\necho long ${index}`, { title: "long" }),
    );
    expect((await Promise.all(holding)).map(({ stdout }) => stdout)).toEqual(holding.map((_, index) => `held ${index}\n`));
    expect((await Promise.all(small)).map(({ stdout }) => stdout)).toEqual(small.map((_, index) => `${index}\n`));
    expect((await Promise.all(long)).map(({ stdout }) => stdout)).toEqual(long.map((_, index) => `long ${index}\n`));
    const folders = (await readdir("/tmp")).filter((name) => /^redis-lab-[0-9a-f]{16}$/.test(name));
    // Those of tests that run beside this one come and go.
    const scripts = await Promise.all(folders.map((name) => readFile(join("/tmp", name, "script"), "utf8").catch(() => "")));
    expect(folders.filter((_, index) => scripts[index]?.includes(ours))).toEqual([]);
  }, 120_000);

  it("ends a command at its time-out, also where it holds the only session", async () => {
    const { stdout, timedOut } = await connection.run("echo $$; sleep 1000", { title: "t", timeoutMs: 4_000 });
    expect(timedOut).toBe(true);
    expect(stdout).toMatch(/^\d+\n$/);
    await waitFor(
      async () => {
        const alive = await access(`/proc/${stdout.trim()}`).then(
          () => true,
          () => false,
        );
        return alive ? { done: false, missing: "its end" } : { done: true, value: undefined };
      },
      { what: "the command to end", timeoutMs: 60_000, intervalMs: 100 },
    );
  }, 120_000);
});

describe("the queue", () => {
  const refused = new LabError({ code: "connection.no-session", kind: "environment", what: "refused", next: "" });

  it.each([10, 8, 4, 2, 1])(
    "with a server that grants %i runs everything, and leaves one for a time-out where there are two",
    async (granted) => {
      const queue = new SessionQueue();
      let open = 0;
      let most = 0;
      const ends: (() => void)[] = [];
      const task = async () => {
        if (open >= granted) throw refused;
        open += 1;
        most = Math.max(most, open);
        await new Promise<void>((resolve) => ends.push(resolve));
        open -= 1;
        return "done";
      };
      const all = Promise.all(Array.from({ length: 20 }, () => queue.run(task)));
      let done = 0;
      while (done < 20) {
        await new Promise(setImmediate);
        const end = ends.shift();
        if (end === undefined) continue;
        end();
        done += 1;
      }
      expect(new Set(await all)).toEqual(new Set(["done"]));
      expect(queue.size).toBe(granted >= 8 ? 8 : Math.max(1, granted - 1));
      expect(most).toBe(Math.min(granted, 8));
    },
  );

  it("gives up where the server grants none at all", async () => {
    const queue = new SessionQueue();
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => queue.run(() => Promise.reject(refused))));
    expect(results.map((each) => each.status === "rejected" && each.reason)).toEqual(Array(5).fill(refused));
  });

  it("takes other faults for what they are", async () => {
    const queue = new SessionQueue();
    const [first, second] = await Promise.allSettled([queue.run(async () => "done"), queue.run(() => Promise.reject(new Error("else")))]);
    expect([first.status, second.status, queue.size]).toEqual(["fulfilled", "rejected", 8]);
  });
});
