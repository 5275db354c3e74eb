import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Connection } from "../../lib/connection/connection.ts";
import { openSshConnection } from "../../lib/connection/ssh.ts";
import { waitFor } from "../../lib/wait.ts";
import { nextAddress } from "../support/redis.ts";
import { startProxy, type TestProxy } from "./servers/proxy.ts";
import { SERVER_KINDS, SSHD, type SshServer, startSshServer, testFolder } from "./servers/server.ts";

console.log(SSHD === undefined ? "SSH tests: no sshd on this computer, ssh2's server alone" : `SSH tests: ${SSHD} and ssh2's server`);

/** A listener that is stopped as soon as it listens, so that it accepts nothing. */
const DEAF = `require("node:net").createServer().listen({ host: process.argv[1], port: 2300, backlog: 1 }, () => {
  require("node:fs").writeSync(1, "ready");
  process.kill(process.pid, "SIGSTOP");
});`;

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
      { address: proxy.address, port: proxy.port, user: server.user, keyFile: base.keyFile },
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
      const result = await connection.run("sleep 300 & echo $!; echo started >&2; wait", { title: "t", timeoutMs: 500 });
      expect(result).toMatchObject({ exitCode: null, timedOut: true, stderr: "started\n" });
      await gone(Number(result.stdout));
    });

    it("ends one that ignores the polite signal", async () => {
      const result = await connection.run("trap '' TERM; echo $$; while :; do sleep 0.2; done", { title: "t", timeoutMs: 300, root: true });
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
      const script = `${"# a line that does nothing but be there\n".repeat(8_000)}wc -c; ls -d /tmp/redis-lab-*/script 2> /dev/null; exit 5`;
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
      expect(await transfers()).toEqual(before);
    });
  });

  describe("a broken connection", () => {
    it("rejects the command that was under way, and connects anew for the next", async () => {
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
        { what: "the script on the other side to clean up", timeoutMs: 5_000 },
      );
      expect(await readFile(path, "utf8")).toBe("old");
      // What arrived stays, for nobody can remove it over a connection that is gone.
      const left = (await transfers()).filter((name) => !before.includes(name));
      expect(left).toHaveLength(1);
      await rm(join("/tmp", String(left[0])), { recursive: true });
    });

    it("notices a network that says nothing any more", async () => {
      const silent = await startProxy(server);
      const other = await openSshConnection(
        "redis-28",
        { address: silent.address, port: silent.port, user: server.user, keyFile: base.keyFile },
        { knownHostsFile: join(base.folder, "known_hosts"), keepaliveIntervalMs: 100 },
      );
      const running = other.run("echo started; sleep 30", { title: "wait", onLine: () => silent.freeze() });
      await expect(running).rejects.toMatchObject({ code: "connection.lost", what: expect.stringContaining("Keepalive timeout") });
      await other.close();
      await silent.close();
    });

    it("refuses work after close", async () => {
      const other = await openSshConnection(
        "redis-28",
        { address: server.address, port: server.port, user: server.user, keyFile: base.keyFile },
        { knownHostsFile: join(base.folder, "known_hosts") },
      );
      await other.close();
      await expect(other.run("true", { title: "t" })).rejects.toMatchObject({ code: "connection.closed" });
      await expect(other.probe("127.0.0.1", 1)).rejects.toMatchObject({ code: "connection.closed" });
    });
  });

  describe("ports", () => {
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
      // The connect fails at once, for broadcast is no address of TCP.
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
        { what: "the queue to be full", timeoutMs: 5_000 },
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
        { address: strict.address, port: strict.port, user: strict.user, keyFile: base.keyFile },
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
});

/** Folders of transfers that are there at the moment. */
async function transfers(): Promise<string[]> {
  return (await readdir("/tmp")).filter((name) => name.startsWith("redis-lab-transfer-"));
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
    { what: `process ${pid} to end`, timeoutMs: 8_000, intervalMs: 50 },
  );
}
