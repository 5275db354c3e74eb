import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir, hostname, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { LabEvent } from "../../lib/base/events.ts";
import { openSshConnection } from "../../lib/connection/ssh.ts";
import { expandTokens } from "../../lib/connection/ssh-config.ts";
import { jumpsOf, resolveEndpoint } from "../../lib/connection/ssh-endpoint.ts";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { placeLab } from "../../lib/lab/placement.ts";
import type { Login } from "../../lib/lab/targets.ts";
import { shellCommand } from "../../lib/operations/shell-command.ts";
import { clusterInput } from "../support/labs.ts";
import { newKey, SSHD, type SshServer, startSshServer, testFolder } from "./servers/server.ts";

const run = promisify(execFile);
const SSH = await run("ssh", ["-V"]).then(
  () => true,
  () => false,
);
const me = userInfo().username;

describe.skipIf(!SSH)("the user's ssh configuration", () => {
  let base: Awaited<ReturnType<typeof testFolder>>;
  let file: string;
  const environment = { HOME: process.env.HOME, PATH: process.env.PATH, SSH_AUTH_SOCK: process.env.SSH_AUTH_SOCK };
  const servers: SshServer[] = [];

  beforeAll(async () => {
    base = await testFolder();
    file = join(base.folder, ".ssh/config");
    await mkdir(join(base.folder, ".ssh"), { mode: 0o700 });
  });
  afterEach(async () => {
    for (const [name, value] of Object.entries(environment)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });
  afterAll(() => base?.remove());

  /** Writes it as ~/.ssh/config. */
  const config = async (...lines: readonly string[]) => {
    process.env.HOME = base.folder;
    delete process.env.SSH_AUTH_SOCK;
    await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  };
  const resolve = (login: Login & { readonly address?: string } = {}, options: Parameters<typeof resolveEndpoint>[2] = {}) =>
    resolveEndpoint("redis-18", { address: "10.0.0.18", ...login }, options);

  it("says what the lab does not: name, port, user, keys and the name of the host key", async () => {
    await config(
      "Host 10.0.0.*",
      "  HostName %h.example.com",
      "  Port 2201",
      "  User deploy",
      "  IdentityFile ~/.ssh/%h_%r",
      "  IdentityFile %d/keys/%u/100%%",
      "  IdentitiesOnly yes",
      `  UserKnownHostsFile ~/pins_%n ${base.folder}/others`,
      "  StrictHostKeyChecking yes",
    );
    expect(await resolve()).toMatchObject({
      address: "10.0.0.18.example.com",
      port: 2201,
      user: "deploy",
      keyFile: undefined,
      identityFiles: [join(base.folder, ".ssh/10.0.0.18.example.com_deploy"), join(homedir(), `keys/${me}/100%`)],
      identitiesOnly: true,
      keyName: "[10.0.0.18.example.com]:2201",
      knownOnly: true,
      via: undefined,
    });
    const { knownHostsFiles } = await resolve();
    expect(knownHostsFiles[0]).toMatch(/pins_10\.0\.0\.18$/);
    expect(knownHostsFiles).toContain(`${base.folder}/others`);
    await config("Host *", "  HostKeyAlias Redis");
    expect((await resolve()).keyName).toBe("redis");
  });

  it("is asked by the name that the lab gives, and what the lab declares goes before it", async () => {
    await config("Host bastion web1", "  HostName 10.9.9.9", "  Port 2201", "  User deploy", "  ProxyJump other", "  IdentityFile /keys/a");
    const declared = { host: "web1", port: 22, user: "admin", keyFile: "/keys/b", jump: "me@bastion:2222" };
    const endpoint = await resolve(declared);
    expect(endpoint).toMatchObject({ address: "10.9.9.9", port: 22, user: "admin", keyFile: "/keys/b" });
    expect(endpoint.via).toMatchObject({ address: "10.9.9.9", port: 2222, user: "me", label: "me@bastion:2222" });
    expect((await resolve({ jump: "none", host: "web1" })).via).toBeUndefined();
    expect(await resolve({ configFile: "none", host: "web1" })).toMatchObject({
      address: "web1",
      port: 22,
      user: "root",
      knownHostsFiles: [],
    });
    await expect(resolve({ configFile: "/nowhere/config" })).rejects.toMatchObject({ code: "connection.ssh-config" });
  });

  it("leaves the defaults where it says nothing: root, as the lab's documentation has it, and the default keys", async () => {
    await config("Host other", "  User deploy");
    expect(await resolve()).toMatchObject({ address: "10.0.0.18", port: 22, user: "root", identityFiles: [], identitiesOnly: false });
    await config(`Host 10.0.0.18`, `  User ${me}`);
    expect((await resolve()).user).toBe(me);
  });

  it("means what it means for ssh: the first value, patterns, negation, Include and Match", async () => {
    const more = join(base.folder, "more.conf");
    await writeFile(more, "Port 2299\n", { mode: 0o600 });
    await config(
      "Host !10.0.0.18 10.0.0.*",
      "  User wrong",
      "Host 10.0.0.1?",
      "  User first",
      `  Include ${more}`,
      "Match host 10.0.0.18 exec \"test -n '%h'\"",
      "  HostKeyAlias matched",
      "Host *",
      "  User last",
    );
    expect(await resolve()).toMatchObject({ user: "first", port: 2299, keyName: "matched" });
    expect(await resolve({ address: "10.0.0.28" })).toMatchObject({ user: "wrong", port: 22 });
    expect(await resolve({ address: "192.168.0.1" })).toMatchObject({ user: "last" });
  });

  it("gives the way over several jump hosts, each with what stands for it", async () => {
    await config(
      "Host 10.0.0.*",
      "  ProxyJump first,second@b:2202",
      "Host first",
      "  HostName a.example.com",
      "  User one",
      "  Port 2201",
      "  IdentityFile /keys/first",
      "  ProxyJump zero",
      "Host b",
      "  User nobody",
      "  ProxyJump ignored",
      "  IdentityFile /keys/b",
    );
    const endpoint = await resolve();
    expect(jumpsOf(endpoint)).toBe("zero,first,second@b:2202");
    expect(endpoint.via).toMatchObject({ address: "b", port: 2202, user: "second", identityFiles: ["/keys/b"] });
    expect(endpoint.via?.via).toMatchObject({ address: "a.example.com", port: 2201, user: "one", identityFiles: ["/keys/first"] });
    // As ssh logs in where nothing says otherwise.
    expect(endpoint.via?.via?.via).toMatchObject({ address: "zero", port: 22, user: me, via: undefined });
    // Declared, a jump host without a user has that of the host.
    expect((await resolve({ jump: "x,me@y", user: "admin", jumpKeyFile: "/keys/jump" })).via).toMatchObject({
      user: "me",
      keyFile: "/keys/jump",
      via: { address: "x", user: "admin", keyFile: "/keys/jump" },
    });
  });

  it("refuses a way that does not end, as ssh does", async () => {
    await config("Host *", "  ProxyJump bastion");
    await expect(resolve()).rejects.toMatchObject({ code: "connection.ssh-config", what: expect.stringContaining("loop via bastion") });
    await config("Host * !bastion", "  ProxyJump bastion");
    expect(jumpsOf(await resolve())).toBe("bastion");
    expect(jumpsOf(await resolve({ jump: "bastion,10.0.0.19" }))).toBe("bastion,10.0.0.19");
    await config("Host a", "  ProxyJump b", "Host b", "  ProxyJump a", "Host *", "  ProxyJump a");
    await expect(resolve()).rejects.toMatchObject({ code: "connection.jump-loop", what: expect.stringContaining("a, b, a") });
    await config("Host 10.*", "  ProxyJump none", "Host *", "  ProxyJump a");
    expect((await resolve()).via).toBeUndefined();
  });

  it("is refused with ssh's own words where ssh can't read it, or others can write it", async () => {
    await config("Host *", "  NoSuchWord yes");
    await expect(resolve()).rejects.toMatchObject({ code: "connection.ssh-config", what: expect.stringMatching(/config: line 2: Bad/) });
    await config("Host *", "  User deploy");
    await chmod(file, 0o666);
    await expect(resolve()).rejects.toMatchObject({
      code: "connection.ssh-config",
      what: expect.stringContaining("Bad owner or permissions"),
    });
    await chmod(file, 0o600);
    await config("Host *", "  IdentityFile ~/.ssh/%z");
    await expect(resolve()).rejects.toMatchObject({ code: "connection.ssh-config", what: expect.stringContaining("%z") });
  });

  it("is refused where it goes by a ProxyCommand, unless the lab says the way", async () => {
    await config("Host *", "  ProxyCommand nc %h %p");
    await expect(resolve()).rejects.toMatchObject({ code: "connection.proxy-command", next: expect.stringContaining("ProxyJump") });
    await expect(resolve({ jump: "bastion" })).rejects.toMatchObject({ code: "connection.proxy-command" });
    expect((await resolve({ jump: "none" })).via).toBeUndefined();
    await config("Host *", "  ProxyCommand none");
    expect((await resolve()).via).toBeUndefined();
  });

  it("is not asked of a machine of our own making, but of the hypervisor before it", async () => {
    await config(
      "Host *",
      "  Port 2201",
      "  IdentityFile /keys/a",
      "Host 10.*",
      "  ProxyJump bastion",
      "Host kvm-1",
      "  HostName kvm.example.com",
    );
    expect(await resolve({ user: "centos" }, { ownMachine: true })).toMatchObject({
      port: 22,
      user: "centos",
      identityFiles: [],
      via: undefined,
    });
    expect((await resolve({ jump: "root@kvm-1" }, { ownMachine: true })).via).toMatchObject({ address: "kvm.example.com", port: 2201 });
  });

  it("is said to be unread where there is no ssh, and there is nothing to say without it", async () => {
    await config("Host *", "  User deploy");
    process.env.PATH = base.folder;
    const events: LabEvent[] = [];
    const emit = (event: LabEvent) => void events.push(event);
    expect((await resolve({}, { emit })).user).toBe("root");
    const notice = (path: string) => ({ type: "notice", level: "warning", text: expect.stringMatching(`^${path} is not read`) });
    expect(events).toEqual([notice(file)]);
    // Once of each file, for all hosts and jump hosts of a run.
    const other = join(base.folder, "other");
    await writeFile(other, "");
    await Promise.all(["a", "b"].map((address) => resolve({ address, jump: "bastion" }, { emit })));
    await Promise.all(["a", "b"].map((address) => resolve({ address, configFile: other }, { emit })));
    expect(events).toEqual([notice(file), notice(other)]);
    const another: LabEvent[] = [];
    await resolve({}, { emit: (event) => void another.push(event) });
    expect(another).toEqual([notice(file)]);
    process.env.HOME = join(base.folder, "empty");
    expect((await resolve({}, { emit })).user).toBe("root");
    expect(events).toHaveLength(2);
  });

  describe.skipIf(SSHD === undefined)("with real servers", () => {
    const serve = async () => {
      const server = await startSshServer("openssh", base.folder, { authorizedKey: base.publicKey });
      servers.push(server);
      return server;
    };
    const pins = (name: string) => join(base.folder, `lab-${name}`);
    const keys = () => [`  IdentityFile ${base.keyFile}`, `  User ${me}`];

    it("reaches a host by its alias through two jump hosts, with the keys of each", async () => {
      const [one, two, three] = [await serve(), await serve(), await serve()];
      await config(
        ...["Host one", `  HostName ${one.address}`, `  Port ${one.port}`, ...keys()],
        ...["Host two", `  HostName ${two.address}`, `  Port ${two.port}`, ...keys()],
        ...["Host three", `  HostName ${three.address}`, `  Port ${three.port}`, "  ProxyJump one,two", ...keys()],
      );
      const connection = await openSshConnection(
        "redis-18",
        { address: "10.0.0.18", host: "three" },
        { knownHostsFile: pins("jumps"), retries: 0 },
      );
      expect((await connection.run("echo $SSH_CONNECTION", { title: "t" })).stdout).toContain(` ${three.address} ${three.port}`);
      await connection.close();
      const names = (await readFile(pins("jumps"), "utf8"))
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[0]);
      expect(names).toEqual([one, two, three].map(({ address, port }) => `[${address}]:${port}`));
    });

    it("takes a host key that the user has, refuses one that contradicts it, and a new one where only known ones are wanted", async () => {
      const server = await serve();
      const name = `[${server.address}]:${server.port}`;
      const users = join(base.folder, "users");
      const lines = ["Host *", `  Port ${server.port}`, `  UserKnownHostsFile ${users}`, ...keys()];
      const open = async (knownHostsFile: string) => {
        const to = { address: server.address };
        await (await openSshConnection("redis-18", to, { knownHostsFile, retries: 0 })).close();
      };
      await config(...lines, "  StrictHostKeyChecking yes");
      await writeFile(users, "");
      await expect(open(pins("a"))).rejects.toMatchObject({ code: "connection.host-key-unknown" });
      await writeFile(users, `${name} ${newKey().public}\n`);
      await config(...lines);
      await expect(open(pins("a"))).rejects.toMatchObject({
        code: "connection.host-key-changed",
        next: expect.stringContaining(`-f '${users}'`),
      });
      await writeFile(users, "");
      await open(pins("a"));
      await writeFile(users, await readFile(pins("a"), "utf8"));
      await config(...lines, "  StrictHostKeyChecking yes");
      await open(pins("b"));
      await writeFile(users, `@revoked * ${(await readFile(pins("a"), "utf8")).split(" ").slice(1).join(" ")}`);
      await expect(open(pins("a"))).rejects.toMatchObject({ code: "connection.host-key-revoked" });
    });

    it("`redis-lab ssh` goes the same way: pins in a path with %, jump hosts with keys, what the user's file adds", async () => {
      const [one, two, three] = [await serve(), await serve(), await serve()];
      const folder = join(base.folder, "100%done dir");
      await mkdir(folder);
      await config(
        ...["Host one", `  HostName ${one.address}`, `  Port ${one.port}`, ...keys()],
        ...["Host three", `  HostName ${three.address}`, `  Port ${three.port}`, ...keys()],
      );
      const keyFile = join(folder, "key %h");
      await writeFile(keyFile, await readFile(base.keyFile), { mode: 0o600 });
      const jump = `one,${me}@${two.address}:${two.port}`;
      const ssh = { host: "three", configFile: file, jump, jumpKeyFile: keyFile, keyFile };
      const placement = placeLab(defineLab(clusterInput({ ssh })), { target: "ssh", hostsFolder: "" });
      // ssh makes no folder for it.
      const knownHostsFile = join(folder, "absent", "known_hosts");
      const [host] = placement.hosts;
      if (host === undefined) throw new Error("a lab has hosts");
      const shell = async () => {
        const command = await shellCommand(placement, host, ["echo", "hi"], { knownHostsFile, shell: "/bin/sh" });
        return run(command.file, command.args);
      };
      expect((await shell()).stdout).toBe("hi\n");
      // Pinned where redis-lab looks, all three of them; a changed one is refused.
      const pinned = await readFile(knownHostsFile, "utf8");
      expect(
        pinned
          .trim()
          .split("\n")
          .map((line) => line.split(" ")[0]?.replace(/^.*,/, "")),
      ).toEqual([one, two, three].map(({ address, port }) => `[${address}]:${port}`));
      // A host of an authority may not show an unknown key in place of its certificate.
      await writeFile(knownHostsFile, `@cert-authority [${three.address}]:* ${newKey().public}\n`);
      await expect(shell()).rejects.toMatchObject({ stderr: expect.stringContaining("Host key verification failed") });
      for (const server of [one, three]) {
        await writeFile(knownHostsFile, `[${server.address}]:${server.port} ${newKey().public}\n`);
        await expect(shell()).rejects.toMatchObject({ stderr: expect.stringContaining("HOST IDENTIFICATION HAS CHANGED") });
      }
    });

    it("`redis-lab ssh` knows a jump host by the name that its key has in the user's file", async () => {
      const [bastion, end] = [await serve(), await serve()];
      const users = join(base.folder, "users-alias");
      const ways = (word: string) => ["Host way", `  HostName ${bastion.address}`, `  Port ${bastion.port}`, `  HostKeyAlias ${word}`];
      const all = ["Host *", `  UserKnownHostsFile ${users}`, ...keys()];
      await config(...ways("alias"), ...all);
      const to = { address: end.address, port: end.port, jump: "way" };
      await (await openSshConnection("redis-18", to, { knownHostsFile: users, retries: 0 })).close();
      expect((await readFile(users, "utf8")).split("\n").map((line) => line.split(" ")[0])).toContain("alias");
      const ssh = { host: end.address, port: end.port, configFile: file, jump: "way", keyFile: base.keyFile };
      const placement = placeLab(defineLab(clusterInput({ ssh })), { target: "ssh", hostsFolder: "" });
      const [host] = placement.hosts;
      const shell = async () => {
        const command = await shellCommand(placement, host!, ["echo", "hi"], { knownHostsFile: pins("alias"), shell: "/bin/sh" });
        return run(command.file, command.args);
      };
      const known = "  StrictHostKeyChecking yes";
      await config(...ways("alias"), known, ...all);
      expect((await shell()).stdout).toBe("hi\n");
      await config(...ways("other"), known, ...all);
      await expect(shell()).rejects.toMatchObject({ stderr: expect.stringMatching(/No \S+ host key is known for other/) });
    });
  });
});

it("replaces tokens and variables as ssh does, and refuses what it does not know", () => {
  const fault = (what: string) => new Error(what);
  const expand = (text: string) => expandTokens(text, { "%": "%", h: "a", l: hostname() }, fault, { HERE: "/x" });
  expect(expand("%h/%%h/${HERE}")).toBe("a/%h//x");
  for (const text of ["%q", "end%", "${NOWHERE}"]) expect(() => expand(text)).toThrow(/can't be replaced/);
});
