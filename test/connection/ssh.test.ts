import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import type { Connection } from "../../lib/connection/connection.ts";
import { openSshConnection } from "../../lib/connection/ssh.ts";
import { startProxy, type TestProxy } from "./servers/proxy.ts";
import { SERVER_KINDS, SSHD, type SshServer, startSshServer, testFolder } from "./servers/server.ts";

console.log(SSHD === undefined ? "SSH tests: no sshd on this computer, ssh2's server alone" : `SSH tests: ${SSHD} and ssh2's server`);

/** A time-out before which a shell on the other side has begun and said so, also on a busy computer. */
const LONG_ENOUGH_MS = 4_000;

const sha256 = (data: Buffer) => createHash("sha256").update(data).digest("hex");

describe.each(SERVER_KINDS)("over %s", (kind) => {
  let base: Awaited<ReturnType<typeof testFolder>>;
  let server: SshServer;
  let proxy: TestProxy;
  let connection: Connection;
  let folder: string;

  beforeAll(async () => {
    base = await testFolder();
    server = await startSshServer(kind, base.folder, { authorizedKey: base.publicKey });
    proxy = await startProxy(server);
    connection = await openSshConnection(
      "redis-18",
      { address: proxy.address, port: proxy.port, user: server.user, keyFile: base.keyFile, configFile: "none" },
      { knownHostsFile: join(base.folder, "known_hosts"), retries: 1 },
    );
    folder = await mkdtemp(join(base.folder, "work-"));
  });

  afterAll(async () => {
    await connection?.close();
    await proxy?.close();
    await server?.stop();
    await base?.remove();
  });

  describe("commands", () => {
    it("gives output, errors and the exit code of a script", async () => {
      const result = await connection.run("echo out; echo 'it'\"'\"'s err' >&2; exit 7", { title: "three things" });
      expect(result).toMatchObject({
        host: "redis-18",
        title: "three things",
        exitCode: 7,
        signal: undefined,
        stdout: "out\n",
        stderr: "it's err\n",
        timedOut: false,
      });
    });

    it("says which signal ended it", async () => {
      expect(await connection.run("kill -KILL $$", { title: "t" })).toMatchObject({ exitCode: null, signal: "SIGKILL", timedOut: false });
    });

    it("runs with sbin on the PATH and in the C locale", async () => {
      const { stdout } = await connection.run('echo "$LC_ALL:$PATH:"', { title: "t" });
      expect(stdout).toMatch(/^C:.*:\/usr\/sbin:/);
    });

    it("passes input by standard input, and no command line shows it", async () => {
      const secret = `secret-${randomBytes(8).toString("hex")}`;
      const script = 'read -r word; cat /proc/[0-9]*/cmdline 2> /dev/null | tr "\\0" " "; printf "%s" "${#word}" >&2';
      for (const root of [false, true]) {
        const result = await connection.run(script, { title: "look around", input: `${secret}\n`, root });
        expect(result.stderr).toBe(String(secret.length));
        expect(result.stdout).toContain("read -r word");
        expect(result.stdout).not.toContain(secret);
      }
    });

    it("ends the whole process group at the time-out", async () => {
      const result = await connection.run("sleep 300 & echo $!; echo started >&2; wait", { title: "t", timeoutMs: LONG_ENOUGH_MS });
      expect(result).toMatchObject({ exitCode: null, timedOut: true, stderr: "started\n" });
      await gone(Number(result.stdout));
    });

    it("ends one that ignores the polite signal", async () => {
      const result = await connection.run("trap '' TERM; echo $$; while :; do sleep 0.2; done", {
        title: "t",
        timeoutMs: LONG_ENOUGH_MS,
        root: true,
      });
      expect(result.timedOut).toBe(true);
      await gone(Number(result.stdout));
    });

    it("ends it when the caller gives up", async () => {
      const abort = new AbortController();
      const reason = new Error("stopped by the user");
      let pid = 0;
      const running = connection.run("echo $$; exec sleep 300", {
        title: "t",
        signal: abort.signal,
        onLine: (line) => {
          pid = Number(line);
          abort.abort(reason);
        },
      });
      await expect(running).rejects.toBe(reason);
      await gone(pid);
    });

    it("hands out lines as they come, with characters whole", async () => {
      const lines: string[] = [];
      await connection.run("printf 'h\\303'; sleep 0.1; printf '\\251llo\\nzwei\\r\\n'; sleep 0.1; printf 'ende'", {
        title: "t",
        onLine: (line) => lines.push(line),
      });
      expect(lines).toEqual(["héllo", "zwei", "ende"]);
    });

    it("carries much output and much input", async () => {
      const output = await connection.run("head -c 8000000 /dev/zero | tr '\\0' x", { title: "t" });
      expect(output.stdout.length).toBe(8_000_000);
      const input = randomBytes(5_000_000);
      const sum = await connection.run("sha256sum", { title: "t", input });
      expect(sum.stdout.slice(0, 64)).toBe(sha256(input));
    });

    it("is content with a command that does not read its input", async () => {
      expect(await connection.run("exit 0", { title: "t", input: Buffer.alloc(5_000_000) })).toMatchObject({ exitCode: 0 });
    });

    it("runs scripts longer than one argument can be", async () => {
      // It is in a folder of its own, which is gone by the time it looks.
      const look = 'case $0 in /tmp/redis-lab-*/script) ls -d "${0%/script}" 2> /dev/null ;; *) echo "it is $0" ;; esac';
      const script = `${"# a line that does nothing but be there\n".repeat(8_000)}wc -c; ${look}; exit 5`;
      for (const root of [false, true]) {
        const result = await connection.run(script, { title: "long", input: "abc", root });
        expect(result).toMatchObject({ exitCode: 5, stderr: "" });
        expect(result.stdout.trim()).toBe("3");
      }
    });

    it("runs many at once on one connection", async () => {
      const before = proxy.connections();
      const results = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          connection.run(`sleep 0.05; echo ${index}`, { title: `n ${index}`, root: index % 2 === 0 }),
        ),
      );
      expect(results.map(({ stdout }) => stdout)).toEqual(results.map((_, index) => `${index}\n`));
      expect(proxy.connections()).toBe(before);
    });
  });

  describe("files", () => {
    it("writes and reads bytes under any name, with the mode", async () => {
      const path = join(folder, 'it\'s a $(name) `x` "é" -n');
      const content = randomBytes(300_000);
      await connection.writeFile(path, content, { mode: 0o640 });
      expect((await stat(path)).mode & 0o7777).toBe(0o640);
      expect((await connection.readFile(path))?.equals(content)).toBe(true);
      await connection.writeFile(path, "", { mode: 0o600 });
      expect(await connection.readFile(path)).toEqual(Buffer.alloc(0));
      expect((await stat(path)).mode & 0o7777).toBe(0o600);
    });

    it("sets the owner", async () => {
      const path = join(folder, "owned");
      const { uid, gid } = process.getuid?.() === 0 ? { uid: 1, gid: 1 } : { uid: process.getuid?.(), gid: process.getgid?.() };
      await connection.writeFile(path, "x", { mode: 0o600, owner: `${uid}:${gid}` });
      expect(await stat(path)).toMatchObject({ uid, gid });
    });

    it("reads undefined where there is no file, and says why else it cannot", async () => {
      expect(await connection.readFile(join(folder, "none"))).toBeUndefined();
      await expect(connection.readFile(folder)).rejects.toMatchObject({
        code: "connection.read-failed",
        what: expect.stringContaining("directory"),
      });
    });

    it("refuses a missing folder and a folder in its place, and leaves nothing behind", async () => {
      await expect(connection.writeFile(join(folder, "none/x"), "x", { mode: 0o600 })).rejects.toMatchObject({
        code: "connection.write-failed",
        what: expect.stringContaining("No such file or directory"),
      });
      await mkdir(join(folder, "place"));
      await expect(connection.writeFile(join(folder, "place"), "x", { mode: 0o600 })).rejects.toMatchObject({
        code: "connection.write-failed",
      });
      expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
    });

    it("uploads and downloads a big file", async () => {
      const content = randomBytes(20_000_000);
      const [here, there, back] = [join(base.folder, "here"), join(folder, "big"), join(base.folder, "back")];
      await writeFile(here, content);
      const sent: number[] = [];
      await connection.upload(here, there, {
        mode: 0o755,
        onBytes: (bytes, total) => {
          expect(total).toBe(content.length);
          sent.push(bytes);
        },
      });
      expect(sent.at(-1)).toBe(content.length);
      expect(sent).toEqual([...sent].sort((a, b) => a - b));
      expect(sha256(await readFile(there))).toBe(sha256(content));
      expect((await stat(there)).mode & 0o7777).toBe(0o755);
      await connection.download(there, back);
      expect(sha256(await readFile(back))).toBe(sha256(content));
      // The byte too many is in the last piece that comes.
      await expect(connection.download(there, back, content.length - 1)).rejects.toThrow(/more than|too much|bytes/);
      expect(sha256(await readFile(back))).toBe(sha256(content));
      await connection.download(there, back, content.length);
      await chmod(there, 0o000);
    });

    it("says which side lacks a file, and leaves no folder in /tmp", async () => {
      const before = await transfers();
      await expect(connection.upload(join(base.folder, "none"), join(folder, "x"), { mode: 0o600 })).rejects.toMatchObject({
        code: "connection.read-failed",
        what: expect.stringContaining("this computer"),
      });
      await expect(connection.download(join(folder, "none"), join(base.folder, "x"))).rejects.toMatchObject({
        code: "connection.read-failed",
        what: expect.stringMatching(/^redis-18: /),
      });
      await connection.upload(base.keyFile, join(folder, "again"), { mode: 0o600 });
      await untilNoneIsLeft(before);
      expect((await readdir(base.folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    });

    it("a source that can't be read is an error of its own, and no descriptor stays open, whatever ends a transfer", async () => {
      const descriptors = async () => (await readdir("/proc/self/fd")).length;
      await connection.run("true", { title: "connect" });
      const before = await descriptors();
      // A folder opens, and can't be read.
      await expect(connection.upload(base.folder, join(folder, "x"), { mode: 0o600 })).rejects.toMatchObject({
        code: "connection.read-failed",
        what: expect.stringContaining("this computer"),
      });
      const other = await openSshConnection(
        "redis-28",
        { address: server.address, port: server.port, user: server.user, keyFile: base.keyFile, configFile: "none" },
        { knownHostsFile: join(base.folder, "known_hosts") },
      );
      await other.close();
      await expect(other.upload(base.keyFile, join(folder, "x"), { mode: 0o600 })).rejects.toMatchObject({ code: "connection.closed" });
      await expect(other.download(base.keyFile, join(base.folder, "x"))).rejects.toMatchObject({ code: "connection.closed" });
      await waitFor(
        async () => {
          const now = await descriptors();
          return now <= before ? { done: true, value: undefined } : { done: false, missing: `${now - before} descriptors to be closed` };
        },
        { what: "all descriptors to be closed", timeoutMs: 60_000 },
      );
    });

    it("says why a file of this computer can't be written, and ends the reading on the other side", async () => {
      const there = join(folder, "source");
      await writeFile(there, randomBytes(8_000_000));
      await expect(connection.download(there, join(base.folder, "no", "such", "folder"))).rejects.toMatchObject({
        code: "connection.write-failed",
        what: expect.stringContaining("this computer"),
      });
      expect((await connection.run("echo ok", { title: "t" })).stdout).toBe("ok\n");
    });

    it.runIf(kind === "openssh")("needs no SFTP, and start-up files may print", async () => {
      const noisy = join(base.folder, ".bashrc");
      const content = randomBytes(300_000);
      await writeFile(join(base.folder, "plain"), content);
      await writeFile(noisy, "echo 'welcome to this host'; echo 'and good luck' >&2\n");
      try {
        await connection.upload(join(base.folder, "plain"), join(folder, "plain"), { mode: 0o600 });
        await connection.download(join(folder, "plain"), join(base.folder, "plain-back"));
        expect(sha256(await readFile(join(base.folder, "plain-back")))).toBe(sha256(content));
      } finally {
        await rm(noisy);
      }
    });
  });

  describe("a broken connection", () => {
    it("rejects the command that was under way, and connects again for the next", async () => {
      const cut = connection.run("echo started; sleep 30; echo done", { title: "long work", onLine: () => proxy.cut() });
      await expect(cut).rejects.toMatchObject({ code: "connection.lost", what: expect.stringContaining("long work") });
      const [one, two] = await Promise.all([connection.run("echo 1", { title: "t" }), connection.run("echo 2", { title: "t" })]);
      expect(one.stdout + two.stdout).toBe("1\n2\n");
    });

    it("leaves a file as it was when its upload or its writing is cut", async () => {
      const path = join(folder, "kept");
      const here = join(base.folder, "new");
      await writeFile(path, "old");
      await writeFile(here, randomBytes(4_000_000));
      const before = await transfers();
      proxy.cutAfter(1_000_000);
      await expect(connection.upload(here, path, { mode: 0o600 })).rejects.toMatchObject({ code: "connection.lost" });
      await connection.run("true", { title: "connect again" });
      proxy.cutAfter(1_000_000);
      await expect(connection.writeFile(path, randomBytes(4_000_000), { mode: 0o600 })).rejects.toMatchObject({ code: "connection.lost" });
      await waitFor(
        async () => {
          const hidden = (await readdir(folder)).filter((name) => name.startsWith(".kept"));
          return hidden.length === 0 ? { done: true, value: undefined } : { done: false, missing: `the end of ${hidden}` };
        },
        { what: "the script on the other side to clean up", timeoutMs: 60_000 },
      );
      expect(await readFile(path, "utf8")).toBe("old");
      await untilNoneIsLeft(before);
    });

    it("notices a network that says nothing any more", async () => {
      const silent = await startProxy(server);
      const other = await openSshConnection(
        "redis-28",
        { address: silent.address, port: silent.port, user: server.user, keyFile: base.keyFile, configFile: "none" },
        { knownHostsFile: join(base.folder, "known_hosts"), keepaliveIntervalMs: 100 },
      );
      const running = other.run("echo started; sleep 30", { title: "wait", onLine: () => silent.freeze() });
      await expect(running).rejects.toMatchObject({ code: "connection.lost", what: expect.stringContaining("Keepalive timeout") });
      await other.close();
      await silent.close();
    });

    it("lets go of a host that has gone silent when it is closed, before anything else has noticed", async () => {
      const silent = await startProxy(server);
      const other = await openSshConnection(
        "redis-28",
        { address: silent.address, port: silent.port, user: server.user, keyFile: base.keyFile, configFile: "none" },
        { knownHostsFile: join(base.folder, "known_hosts") },
      );
      const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
      silent.freeze();
      const before = sockets();
      await other.close();
      // The socket would keep the process until the kernel gives up.
      await waitFor(
        async () => (sockets() < before ? { done: true, value: undefined } : { done: false, missing: `${sockets()} sockets` }),
        { what: "the socket to be closed", timeoutMs: 60_000 },
      );
      await silent.close();
    });

    it("refuses work after close", async () => {
      const other = await openSshConnection(
        "redis-28",
        { address: server.address, port: server.port, user: server.user, keyFile: base.keyFile, configFile: "none" },
        { knownHostsFile: join(base.folder, "known_hosts") },
      );
      await other.close();
      await expect(other.run("true", { title: "t" })).rejects.toMatchObject({ code: "connection.closed" });
      await expect(other.probe("127.0.0.1", 1)).rejects.toMatchObject({ code: "connection.closed" });
    });
  });
});

/** Folders of transfers that are there at the moment. */
async function transfers(): Promise<string[]> {
  return (await readdir("/tmp")).filter((name) => name.startsWith("redis-lab-transfer-"));
}

/** Waits until what is there now and was not before is gone: others on this computer transfer files as well. */
async function untilNoneIsLeft(before: readonly string[]): Promise<void> {
  const made = (await transfers()).filter((name) => !before.includes(name));
  await waitFor(
    async () => {
      const now = new Set(await transfers());
      const left = made.filter((name) => now.has(name));
      return left.length === 0 ? { done: true, value: undefined } : { done: false, missing: `the end of ${left.join(" ")}` };
    },
    { what: "the folders of transfers to go", timeoutMs: 60_000 },
  );
}

/** A process must end soon: signals take a moment. */
async function gone(pid: number): Promise<void> {
  expect(pid).toBeGreaterThan(1);
  await waitFor(
    async () => {
      // A zombie of a test container without a reaper has ended too.
      const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
      return state === "" || /\) Z /.test(state) ? { done: true, value: undefined } : { done: false, missing: `end of ${state}` };
    },
    { what: `process ${pid} to end`, timeoutMs: 60_000, intervalMs: 50 },
  );
}
