import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeKeyPair } from "../../lib/connection/key-pair.ts";
import { openSshConnection } from "../../lib/connection/ssh.ts";
import { SSHD, type SshServer, startSshServer, testFolder } from "./servers/server.ts";

const run = promisify(execFile);

/** What sshd accepts without a word in its configuration (myproposal.h of the release; Red Hat's 7.4 has some older ones besides). */
const DEFAULTS = {
  "OpenSSH 7.4": {
    KexAlgorithms: [
      ...["curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"],
      ...["diffie-hellman-group-exchange-sha256", "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512"],
      ...["diffie-hellman-group-exchange-sha1", "diffie-hellman-group14-sha256", "diffie-hellman-group14-sha1"],
    ],
    Ciphers: [
      "chacha20-poly1305@openssh.com",
      "aes128-ctr",
      "aes192-ctr",
      "aes256-ctr",
      "aes128-gcm@openssh.com",
      "aes256-gcm@openssh.com",
    ],
    HostKeyAlgorithms: [
      ...["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-ed25519"],
      ...["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
    ],
  },
  "OpenSSH 9.9": {
    KexAlgorithms: [
      ...["sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com", "mlkem768x25519-sha256", "curve25519-sha256"],
      ...["curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"],
      ...["diffie-hellman-group-exchange-sha256", "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512"],
      "diffie-hellman-group14-sha256",
    ],
    Ciphers: [
      "chacha20-poly1305@openssh.com",
      "aes128-gcm@openssh.com",
      "aes256-gcm@openssh.com",
      "aes128-ctr",
      "aes192-ctr",
      "aes256-ctr",
    ],
    HostKeyAlgorithms: [
      ...["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"],
      ...["rsa-sha2-512", "rsa-sha2-256"],
    ],
  },
} as const;
const MACS = [
  ...["umac-64-etm@openssh.com", "umac-128-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"],
  ...["hmac-sha1-etm@openssh.com", "umac-64@openssh.com", "umac-128@openssh.com", "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1"],
];

const KEY_TYPES = {
  rsa: ["-t", "rsa", "-b", "2048"],
  ecdsa256: ["-t", "ecdsa", "-b", "256"],
  ecdsa384: ["-t", "ecdsa", "-b", "384"],
  ecdsa521: ["-t", "ecdsa", "-b", "521"],
  ed25519: ["-t", "ed25519"],
} as const;

describe.skipIf(SSHD === undefined)("a real sshd with the algorithms of other releases", () => {
  let base: Awaited<ReturnType<typeof testFolder>>;
  const keys = new Map<string, { readonly file: string; readonly private: string; readonly public: string }>();
  const servers: SshServer[] = [];
  const agents: ReturnType<typeof spawn>[] = [];
  const known: Record<string, Set<string>> = {};
  const agentBefore = process.env.SSH_AUTH_SOCK;

  beforeAll(async () => {
    base = await testFolder();
    for (const [type, words] of Object.entries(KEY_TYPES)) {
      const file = join(base.folder, `id-${type}`);
      await run("ssh-keygen", ["-q", ...words, "-N", "", "-f", file]);
      keys.set(type, { file, private: await readFile(file, "utf8"), public: (await readFile(`${file}.pub`, "utf8")).trim() });
    }
    for (const what of ["KexAlgorithms", "Ciphers", "MACs", "HostKeyAlgorithms"])
      known[what] = new Set((await run("ssh", ["-Q", what.toLowerCase()])).stdout.split("\n"));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
    for (const agent of agents.splice(0)) agent.kill();
    if (agentBefore === undefined) delete process.env.SSH_AUTH_SOCK;
    else process.env.SSH_AUTH_SOCK = agentBefore;
  });
  afterAll(() => base?.remove());

  const key = (type: string) => {
    const found = keys.get(type);
    if (found === undefined) throw new Error(`no key of type ${type}`);
    return found;
  };
  /** A word of sshd_config with what this sshd knows of the list. */
  const line = (word: string, list: readonly string[]) => {
    const here = known[word] ?? new Set(list);
    return `${word} ${list.filter((algorithm) => here.has(algorithm)).join(",")}`;
  };
  const serve = async (config: readonly string[], hostKey: string, authorizedKey: string) => {
    const server = await startSshServer("openssh", base.folder, { config, hostKey, authorizedKey });
    servers.push(server);
    return server;
  };
  const login = async (server: SshServer, keyFile?: string) => {
    const connection = await openSshConnection(
      "redis-18",
      { address: server.address, port: server.port, user: server.user, configFile: "none", ...(keyFile !== undefined && { keyFile }) },
      { knownHostsFile: join(base.folder, `known_hosts-${server.address}`), retries: 0 },
    );
    const { stdout } = await connection.run("echo ok", { title: "t" });
    await connection.close();
    return stdout;
  };
  const startAgent = async (files: readonly string[]) => {
    const socket = join(base.folder, `agent-${agents.length}-${files.length}`);
    const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: ["ignore", "pipe", "ignore"] });
    agents.push(agent);
    await once(agent.stdout, "data");
    for (const file of files) await run("ssh-add", ["-q", file], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
    process.env.SSH_AUTH_SOCK = socket;
  };

  const RELEASES = Object.entries(DEFAULTS);
  const CASES = RELEASES.flatMap(([release, lists]) => Object.keys(KEY_TYPES).map((type) => [release, type, lists] as const));

  it.each(CASES)("%s, host key and login key %s", async (_, type, lists) => {
    const accepted = lists.HostKeyAlgorithms.join(",");
    const config = [
      ...Object.entries({ ...lists, MACs: MACS }).map(([word, list]) => line(word, list)),
      `PubkeyAcceptedAlgorithms ${accepted}`,
    ];
    const server = await serve(config, key(type).private, key(type).public);
    expect(await login(server, key(type).file)).toBe("ok\n");
    // The pin decides the type of the host key that is asked for.
    expect(await login(server, key(type).file)).toBe("ok\n");
  });

  it.each([
    [
      "a list of CIS",
      ["Ciphers aes256-gcm@openssh.com,aes256-ctr", "MACs hmac-sha2-512-etm@openssh.com", "KexAlgorithms ecdh-sha2-nistp384"],
    ],
    ["chacha20 and curve25519 alone", ["Ciphers chacha20-poly1305@openssh.com", "KexAlgorithms curve25519-sha256@libssh.org"]],
    ["FIPS", ["Ciphers aes128-gcm@openssh.com", "KexAlgorithms diffie-hellman-group14-sha256", "MACs hmac-sha2-256"]],
    ["groups of one's own", ["KexAlgorithms diffie-hellman-group-exchange-sha256", "Ciphers aes128-ctr", "MACs hmac-sha1"]],
    ["keys made often", ["RekeyLimit 1M"]],
  ])("%s", async (_, config) => {
    const server = await serve(config, key("ecdsa384").private, key("ecdsa384").public);
    expect(await login(server, key("ecdsa384").file)).toBe("ok\n");
  });

  it.each(["rsa-sha2-512", "rsa-sha2-256"])("an RSA key, from a file and from the agent, where %s alone is accepted", async (algorithm) => {
    const { file, private: hostKey, public: authorizedKey } = key("rsa");
    const server = await serve([`PubkeyAcceptedAlgorithms ${algorithm}`, `HostKeyAlgorithms ${algorithm}`], hostKey, authorizedKey);
    delete process.env.SSH_AUTH_SOCK;
    expect(await login(server, file)).toBe("ok\n");
    await startAgent([file]);
    expect(await login(server)).toBe("ok\n");
    expect(await login(server, `${file}.pub`)).toBe("ok\n");
  });

  it.each([
    ["KexAlgorithms", "sntrup761x25519-sha512@openssh.com", "curve25519-sha256"],
    ["Ciphers", "aes128-cbc", "aes128-gcm@openssh.com"],
    ["MACs", "umac-64@openssh.com", "hmac-sha2-256"],
  ])("says what both sides offer where they have none of %s in common", async (word, theirs, ours) => {
    const config = word === "MACs" ? ["Ciphers aes128-ctr", `MACs ${theirs}`] : [`${word} ${theirs}`];
    const server = await serve(config, key("ed25519").private, key("ed25519").public);
    await expect(login(server, key("ed25519").file)).rejects.toMatchObject({
      code: "connection.no-handshake",
      what: expect.stringMatching(new RegExp(`The server offers ${theirs}; redis-lab .*${ours}`)),
      next: expect.stringContaining(word),
    });
  });

  it("offers the configured key first, though the agent holds more keys than the server takes", async () => {
    const others: string[] = [];
    for (let n = 0; n < 7; n += 1) {
      const file = join(base.folder, `other-${n}`);
      await writeFile(file, makeKeyPair().private, { mode: 0o600 });
      others.push(file);
    }
    const locked = join(base.folder, "locked");
    await writeFile(locked, key("ed25519").private, { mode: 0o600 });
    await startAgent([...others, key("ed25519").file]);
    await run("ssh-keygen", ["-q", "-p", "-P", "", "-N", "secret words", "-f", locked]);
    const server = await serve([], key("ed25519").private, key("ed25519").public);
    await expect(login(server)).rejects.toMatchObject({ code: "connection.authentication-failed" });
    expect(await login(server, locked)).toBe("ok\n");
    expect(await login(server, `${key("ed25519").file}.pub`)).toBe("ok\n");
    // A key in PEM does not say its public half: the file beside it does.
    const pem = join(base.folder, "pem");
    await writeFile(pem, key("rsa").private, { mode: 0o600 });
    await run("ssh-keygen", ["-q", "-p", "-m", "PEM", "-P", "", "-N", "secret words", "-f", pem]);
    await writeFile(`${pem}.pub`, `${key("rsa").public}\n`);
    await startAgent([...others, key("rsa").file]);
    const second = await serve([], key("ed25519").private, key("rsa").public);
    expect(await login(second, pem)).toBe("ok\n");
  });
});
