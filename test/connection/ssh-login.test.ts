import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import ssh2 from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { LabEvent } from "../../lib/base/events.ts";
import { authenticationFailed } from "../../lib/connection/errors.ts";
import { makeKeyPair } from "../../lib/connection/key-pair.ts";
import { KnownHosts } from "../../lib/connection/known-hosts.ts";
import { knownHostName } from "../../lib/connection/known-hosts-line.ts";
import { openSshConnection, type SshOptions } from "../../lib/connection/ssh.ts";
import { nextAddress } from "../support/redis.ts";
import { startProxy } from "./servers/proxy.ts";
import { newKey, SERVER_KINDS, type SshServer, startSshServer, testFolder } from "./servers/server.ts";

const run = promisify(execFile);

describe.each(SERVER_KINDS)("logging in over %s", (kind) => {
  let base: Awaited<ReturnType<typeof testFolder>>;
  let server: SshServer;
  let file = 0;
  const environment = { HOME: process.env.HOME, SSH_AUTH_SOCK: process.env.SSH_AUTH_SOCK };

  const freshPins = () => join(base.folder, `known_hosts-${++file}`);
  const settings = (to: { address: string; port: number } = server) => ({
    address: to.address,
    port: to.port,
    user: server.user,
    configFile: "none",
    keyFile: base.keyFile,
  });
  const open = (host: string, to: Parameters<typeof openSshConnection>[1], options: Partial<SshOptions> = {}) =>
    openSshConnection(host, to, { knownHostsFile: freshPins(), retries: 0, ...options });

  beforeAll(async () => {
    base = await testFolder();
    server = await startSshServer(kind, base.folder, { authorizedKey: base.publicKey });
  });
  afterEach(() => {
    for (const [name, value] of Object.entries(environment)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  afterAll(async () => {
    await server?.stop();
    await base?.remove();
  });

  describe("host keys", () => {
    it("pins a key at the first contact, in a file that ssh understands", async () => {
      const knownHostsFile = freshPins();
      const events: LabEvent[] = [];
      for (let n = 0; n < 2; n++) {
        const connection = await open("redis-18", settings(), { knownHostsFile, emit: (event) => events.push(event) });
        await connection.close();
      }
      expect(events).toEqual([{ type: "notice", level: "info", text: expect.stringMatching(/^redis-18: .*SHA256:.* is pinned$/) }]);
      const text = await readFile(knownHostsFile, "utf8");
      expect(text).toMatch(new RegExp(`^\\[${server.address.replaceAll(".", "\\.")}\\]:${server.port} ssh-ed25519 [A-Za-z0-9+/=]+\n$`));
      expect((await stat(knownHostsFile)).mode & 0o777).toBe(0o600);
    });

    it("refuses a changed key, with both fingerprints and the way out", async () => {
      const knownHostsFile = freshPins();
      const name = knownHostName(server.address, server.port);
      const other = ssh2.utils.parseKey(newKey().public);
      if (other instanceof Error) throw other;
      await new KnownHosts(knownHostsFile).verify(name, other.getPublicSSH());
      const before = await readFile(knownHostsFile, "utf8");
      await expect(open("redis-18", settings(), { knownHostsFile, retries: 3 })).rejects.toMatchObject({
        code: "connection.host-key-changed",
        what: expect.stringMatching(/SHA256:.*SHA256:.*known_hosts/),
        next: expect.stringContaining(`ssh-keygen -R '${name}' -f '${knownHostsFile}'`),
      });
      expect(await readFile(knownHostsFile, "utf8")).toBe(before);
      expect(await new KnownHosts(knownHostsFile).drop(name)).toBe(1);
      const connection = await open("redis-18", settings(), { knownHostsFile });
      await connection.close();
    });
  });

  describe("a host key that the file speaks of in another way", () => {
    const name = () => knownHostName(server.address, server.port);
    const keyOfServer = async () => {
      const knownHostsFile = freshPins();
      await (await open("redis-18", settings(), { knownHostsFile })).close();
      return (await readFile(knownHostsFile, "utf8")).trim().split(" ").slice(1).join(" ");
    };

    it("is refused where it is revoked, though it is pinned, and nothing is sent to the host", async () => {
      const key = await keyOfServer();
      const knownHostsFile = freshPins();
      await writeFile(knownHostsFile, `${name()} ${key}\n@revoked * ${key}\n`);
      await expect(open("redis-18", settings(), { knownHostsFile, retries: 3 })).rejects.toMatchObject({
        code: "connection.host-key-revoked",
        what: expect.stringContaining(`${knownHostsFile} line 2`),
      });
    });

    it("is not the key of an authority, which signs those of hosts: the error says how ssh proves the host", async () => {
      const key = await keyOfServer();
      const knownHostsFile = freshPins();
      const text = `@cert-authority ${name().replace(/^\[127/, "[*")} ${key}\n`;
      await writeFile(knownHostsFile, text);
      const refused = await open("redis-18", settings(), { knownHostsFile }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "connection.host-key-authority", what: expect.stringContaining("certificate") });
      expect(refused).toMatchObject({ next: expect.stringContaining(`ssh -p ${server.port} ${server.user}@${server.address} `) });
      expect(await readFile(knownHostsFile, "utf8")).toBe(text);
    });

    it("is accepted by a pattern that has it, and refused by one that has another host's", async () => {
      const key = await keyOfServer();
      const knownHostsFile = freshPins();
      await writeFile(knownHostsFile, `[127.*]:${server.port} ${key}\n`);
      await (await open("redis-18", settings(), { knownHostsFile })).close();
      await writeFile(knownHostsFile, `[127.*]:${server.port} ${newKey().public.trim()}\n`);
      await expect(open("redis-18", settings(), { knownHostsFile })).rejects.toMatchObject({ code: "connection.host-key-changed" });
      // The pattern with another host's key says nothing of one that it leaves out.
      await writeFile(knownHostsFile, `[127.*]:${server.port},!${name()} ${newKey().public.trim()}\n`);
      await (await open("redis-18", settings(), { knownHostsFile })).close();
    });
  });

  describe("keys", () => {
    it("says which keys were tried, and tries once", async () => {
      const proxy = await startProxy(server);
      const wrong = join(base.folder, "wrong");
      const key = newKey();
      await writeFile(wrong, key.private);
      const error = await open("redis-18", { ...settings(proxy), keyFile: wrong }, { retries: 3 }).catch((caught: unknown) => caught);
      expect(error).toMatchObject({
        code: "connection.authentication-failed",
        what: expect.stringMatching(new RegExp(`${wrong} \\(SHA256:`)),
        next: expect.stringContaining("authorized_keys"),
      });
      expect(String(error)).not.toContain(key.private.split("\n")[1]);
      expect(proxy.connections()).toBe(1);
      await proxy.close();
    });

    it("says that a server in FIPS mode takes no ed25519 key, where that is what was refused", async () => {
      const tried = (type: string) => authenticationFailed("redis-18", "root@192.168.1.18", [`~/.ssh/key (SHA256:x ${type})`], "refused");
      expect(tried("ssh-ed25519").why).toContain("FIPS");
      expect(tried("ssh-rsa").why).not.toContain("FIPS");
      const wrong = join(base.folder, "wrong-type");
      await writeFile(wrong, newKey().private);
      await expect(open("redis-18", { ...settings(), keyFile: wrong })).rejects.toMatchObject({ why: expect.stringContaining("FIPS") });
    });

    it("takes the default keys where none is named, and ~ for the home folder", async () => {
      process.env.HOME = join(base.folder, "home");
      delete process.env.SSH_AUTH_SOCK;
      const { keyFile: _, ...bare } = settings();
      await expect(open("redis-18", bare)).rejects.toMatchObject({
        code: "connection.no-keys",
        what: expect.stringContaining("id_ed25519"),
      });
      await mkdir(join(process.env.HOME, ".ssh"), { recursive: true });
      await writeFile(join(process.env.HOME, ".ssh/id_rsa"), "no key");
      await writeFile(join(process.env.HOME, ".ssh/id_ed25519"), await readFile(base.keyFile));
      await (await open("redis-18", bare)).close();
      await (await open("redis-18", { ...bare, keyFile: "~/.ssh/id_ed25519" })).close();
    });

    it("explains a key that is missing, is none or wants a passphrase", async () => {
      delete process.env.SSH_AUTH_SOCK;
      const locked = join(base.folder, "locked");
      const { private: contents } = makeKeyPair({ protection: { passphrase: "secret words", cipher: "aes256-ctr", rounds: 1 } });
      await writeFile(locked, contents);
      const publicHalf = join(base.folder, "half.pub");
      await writeFile(publicHalf, base.publicKey);
      const attempt = (keyFile: string) => open("redis-18", { ...settings(), keyFile }, { retries: 3 });
      await expect(attempt(locked)).rejects.toMatchObject({ code: "connection.key-passphrase", next: expect.stringContaining("ssh-add") });
      await expect(attempt(publicHalf)).rejects.toMatchObject({ code: "connection.key-invalid" });
      await expect(attempt(join(base.folder, "none"))).rejects.toMatchObject({ code: "connection.key-file" });
    });

    it("asks the SSH agent, where the computer has one", async ({ skip }) => {
      const socket = join(base.folder, `agent-${kind}`);
      const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: ["ignore", "pipe", "ignore"] });
      const started = await Promise.race([once(agent.stdout, "data"), once(agent, "error")]);
      if (started[0] instanceof Error) return skip();
      process.env.SSH_AUTH_SOCK = socket;
      await run("ssh-add", ["-q", base.keyFile]);
      const { keyFile: _, ...bare } = settings();
      process.env.HOME = join(base.folder, "no-home");
      await (await open("redis-18", bare)).close();
      agent.kill();
    });
  });

  describe("the way", () => {
    it("goes through a jump host, one connection for all behind it, both keys pinned", async () => {
      const jump = await startSshServer(kind, base.folder, { authorizedKey: base.publicKey });
      const proxy = await startProxy(jump);
      const second = await startSshServer(kind, base.folder, { authorizedKey: base.publicKey });
      const knownHostsFile = freshPins();
      const through = { jump: `${server.user}@${proxy.address}:${proxy.port}`, jumpKeyFile: base.keyFile };
      const connections = await Promise.all([
        open("redis-18", { ...settings(server), ...through }, { knownHostsFile }),
        open("redis-28", { ...settings(second), ...through }, { knownHostsFile }),
      ]);
      for (const connection of connections) expect((await connection.run("echo ok", { title: "t" })).stdout).toBe("ok\n");
      expect(proxy.connections()).toBe(1);
      expect((await readFile(knownHostsFile, "utf8")).trim().split("\n")).toHaveLength(3);
      const lost = Promise.all(
        connections.map((connection) => connection.run("sleep 30", { title: "wait" }).catch((error: unknown) => error)),
      );
      proxy.cut();
      expect(await lost).toMatchObject([{ code: "connection.lost" }, { code: "connection.lost" }]);
      expect((await connections[0]?.run("echo again", { title: "t" }))?.stdout).toBe("again\n");
      await Promise.all(connections.map((connection) => connection.close()));

      await expect(
        open("redis-38", { ...settings({ address: server.address, port: 2301 }), ...through }, { knownHostsFile }),
      ).rejects.toMatchObject({
        code: "connection.refused",
        what: expect.stringContaining(`through ${through.jump}`),
      });
      await proxy.close();
      await expect(open("redis-38", { ...settings(), ...through }, { knownHostsFile })).rejects.toMatchObject({
        code: "connection.refused",
        what: expect.stringMatching(/^jump host /),
      });
      await jump.stop();
      await second.stop();
    });

    it("opens the jump host with a key of its own, or with the default keys, and never with the host's", async () => {
      const own = newKey();
      const jumpKeyFile = join(base.folder, `jump-${kind}`);
      await writeFile(jumpKeyFile, own.private, { mode: 0o600 });
      const jump = await startSshServer(kind, base.folder, { authorizedKey: own.public });
      process.env.HOME = join(base.folder, `jump-home-${kind}`);
      await mkdir(process.env.HOME);
      delete process.env.SSH_AUTH_SOCK;
      const through = { ...settings(server), jump: `${server.user}@${jump.address}:${jump.port}` };
      const login = async (more: { readonly jumpKeyFile?: string }) => {
        const connection = await open("redis-18", { ...through, ...more });
        const { stdout } = await connection.run("echo ok", { title: "t" });
        await connection.close();
        return stdout;
      };
      expect(await login({ jumpKeyFile })).toBe("ok\n");
      await expect(login({ jumpKeyFile: base.keyFile })).rejects.toMatchObject({
        code: "connection.authentication-failed",
        what: expect.stringMatching(/^jump host /),
        next: expect.stringContaining("`ssh.jumpKeyFile`"),
      });
      await expect(login({})).rejects.toMatchObject({ code: "connection.no-keys", what: expect.stringMatching(/^jump host /) });
      await mkdir(join(process.env.HOME, ".ssh"));
      await writeFile(join(process.env.HOME, ".ssh/id_ed25519"), own.private, { mode: 0o600 });
      expect(await login({})).toBe("ok\n");
      expect(await login({ jumpKeyFile: "~/.ssh/id_ed25519" })).toBe("ok\n");
      await jump.stop();
    });

    it("tries a closed port again, until something listens", async () => {
      const address = nextAddress();
      let late: Promise<SshServer> | undefined;
      const events: LabEvent[] = [];
      const connection = await open("redis-18", settings({ address, port: server.port }), {
        retries: 5,
        emit: (event) => {
          events.push(event);
          if (event.type === "progress") late ??= startSshServer(kind, base.folder, { address, authorizedKey: base.publicKey });
        },
      });
      expect(events[0]).toMatchObject({
        type: "progress",
        host: "redis-18",
        step: "connect",
        detail: expect.stringContaining("connection.refused"),
      });
      await connection.close();
      // It may answer before it is known here to have started.
      await (await late)?.stop();
      await expect(open("redis-18", settings({ address, port: server.port }))).rejects.toMatchObject({
        code: "connection.refused",
        what: expect.stringContaining(`${server.user}@${address} port ${server.port}`),
      });
    });
  });
});

describe("what is not an SSH server", () => {
  it.each([
    ["says nothing", "", "connection.no-handshake"],
    ["speaks HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", "connection.no-handshake"],
  ])("that %s", async (_, banner, code) => {
    const base = await testFolder();
    const address = nextAddress();
    const stranger = createServer((socket) => socket.on("error", () => {}).write(banner));
    stranger.listen(2222, address);
    await once(stranger, "listening");
    const attempt = openSshConnection(
      "redis-18",
      { address, port: 2222, keyFile: base.keyFile, configFile: "none" },
      { knownHostsFile: join(base.folder, "known_hosts"), readyTimeoutMs: 400, retries: 0 },
    );
    await expect(attempt).rejects.toMatchObject({ code });
    stranger.close();
    await base.remove();
  });

  it("closes the connection at once", async () => {
    const base = await testFolder();
    const address = nextAddress();
    const stranger = createServer((socket) => socket.destroy());
    stranger.listen(2222, address);
    await once(stranger, "listening");
    const attempt = openSshConnection(
      "redis-18",
      { address, port: 2222, keyFile: base.keyFile, configFile: "none" },
      { knownHostsFile: join(base.folder, "known_hosts"), retries: 1 },
    );
    await expect(attempt).rejects.toMatchObject({ code: "connection.dropped" });
    stranger.close();
    await base.remove();
  });
});

describe("sudo", () => {
  it.each([
    ["sudo: a password is required", /sudo -n/],
    ["sudo: sorry, you must have a tty to run sudo", /requiretty/],
  ])("that refuses (%s) is told with the sudoers line that helps", async (refusal, why) => {
    const base = await testFolder();
    const server = await startSshServer("ssh2", base.folder, { authorizedKey: base.publicKey, sudo: refusal });
    const connection = await openSshConnection(
      "redis-18",
      { address: server.address, port: server.port, user: server.user, keyFile: base.keyFile, configFile: "none" },
      { knownHostsFile: join(base.folder, "known_hosts") },
    );
    const refused = {
      code: "connection.sudo",
      what: expect.stringContaining(refusal),
      why: expect.stringMatching(why),
      next: expect.stringContaining("deploy ALL=(root) NOPASSWD: ALL"),
    };
    await expect(connection.run("id -u", { title: "who", root: true })).rejects.toMatchObject(refused);
    await expect(connection.readFile("/etc/shadow")).rejects.toMatchObject(refused);
    await expect(connection.writeFile(join(base.folder, "x"), "x", { mode: 0o600 })).rejects.toMatchObject(refused);
    expect(await connection.run("exit 1", { title: "no sudo" })).toMatchObject({ exitCode: 1 });
    await connection.close();
    await server.stop();
    await rm(base.folder, { recursive: true, force: true });
  });
});
