import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { openLocalConnection } from "../../lib/connection/local.ts";
import { nextAddress } from "../support/redis.ts";
import { withoutDescriptors } from "./without-descriptors.ts";

const connection = openLocalConnection("redis-18");
/** A time-out before which a shell has begun and said so, also on a busy computer. */
const LONG_ENOUGH_MS = 3_000;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-local-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("commands of this computer", () => {
  it("give output, errors, exit code, signal", async () => {
    expect(await connection.run("echo out; echo err >&2; exit 7", { title: "t", root: true })).toMatchObject({
      host: "redis-18",
      exitCode: 7,
      stdout: "out\n",
      stderr: "err\n",
      timedOut: false,
    });
    expect(await connection.run("kill -KILL $$", { title: "t" })).toMatchObject({ exitCode: null, signal: "SIGKILL" });
  });

  it("are refused where this computer has no descriptor left for their pipes", async () => {
    const said = await withoutDescriptors(
      "lib/connection/local.ts",
      "({ openLocalConnection }) => openLocalConnection('redis-18').run('true', { title: 't' })",
    );
    expect(said).toEqual({ first: { exitCode: 0 }, without: { code: "connection.cannot-start" } });
  });

  it("end when they write more than is read of any host, on either output", async () => {
    for (const script of ["yes", "yes >&2"])
      await expect(connection.run(script, { title: "the list" })).rejects.toMatchObject({
        code: "connection.too-much-output",
        what: "redis-18: the list wrote more than 67 MB, and was ended.",
      });
  });

  it("are followed for as long as they write, and keep their last words", async () => {
    let lines = 0;
    const result = await connection.run(
      "head -c 10000000 /dev/zero | tr '\\0' '\\n'; head -c 3000000 /dev/zero; echo; echo why >&2; exit 3",
      {
        title: "t",
        kept: "end",
        onLine: () => (lines += 1),
      },
    );
    expect(result).toMatchObject({ exitCode: 3, stderr: "why\n" });
    expect(result.stdout.length).toBeLessThanOrEqual(65_536);
    expect(lines).toBeGreaterThan(10_000_000);
  });

  it("end with their children at the time-out, even unwilling ones", async () => {
    const result = await connection.run("trap '' TERM; sleep 300 & echo $!; wait; wait; sleep 300", {
      title: "t",
      timeoutMs: LONG_ENOUGH_MS,
    });
    expect(result).toMatchObject({ exitCode: null, timedOut: true });
    await gone(Number(result.stdout));
  });

  it("do not wait for a daemon that keeps the output open past the time-out", async () => {
    const result = await connection.run("setsid sleep 300 & echo $!", { title: "t", timeoutMs: LONG_ENOUGH_MS });
    expect(result.timedOut).toBe(true);
    const pid = Number(result.stdout);
    expect(pid).toBeGreaterThan(1);
    process.kill(pid, "SIGKILL");
  });

  it("end when the caller gives up", async () => {
    const abort = new AbortController();
    let pid = 0;
    const running = connection.run("echo $$; exec sleep 300", {
      title: "t",
      signal: abort.signal,
      onLine: (line) => {
        pid = Number(line);
        abort.abort(new Error("stopped"));
      },
    });
    await expect(running).rejects.toThrow("stopped");
    await gone(pid);
    await expect(connection.run("true", { title: "t", signal: abort.signal })).rejects.toThrow("stopped");
  });

  it("get input by standard input and nothing of it on a command line", async () => {
    const secret = `secret-${randomBytes(8).toString("hex")}`;
    const script = 'read -r word; cat /proc/[0-9]*/cmdline 2> /dev/null | tr "\\0" " "; printf "%s" "${#word}" >&2';
    const result = await connection.run(script, { title: "look around", input: `${secret}\n` });
    expect(result.stderr).toBe(String(secret.length));
    expect(result.stdout).toContain("read -r word");
    expect(result.stdout).not.toContain(secret);
    expect(await connection.run("exit 0", { title: "t", input: Buffer.alloc(3_000_000) })).toMatchObject({ exitCode: 0 });
  });

  it("inherit no password from our environment", async () => {
    process.env.REDIS_LAB_PASSWORD = "hidden-word";
    const { stdout } = await connection.run("env", { title: "t" });
    delete process.env.REDIS_LAB_PASSWORD;
    expect(stdout).not.toContain("hidden-word");
    expect(stdout).toContain("LC_ALL=C\n");
  });

  it("hand out whole lines and characters, and run long scripts", async () => {
    const lines: string[] = [];
    const onLine = (line: string) => lines.push(line);
    await connection.run("printf 'h\\303'; sleep 0.1; printf '\\251llo\\nzwei\\r\\n'; printf 'ende'", { title: "t", onLine });
    expect(lines).toEqual(["héllo", "zwei", "ende"]);
    const long = `${"# nothing at all\n".repeat(20_000)}cat; exit 5`;
    expect(await connection.run(long, { title: "t", input: "abc" })).toMatchObject({ exitCode: 5, stdout: "abc" });
  });
});

describe("files of this computer", () => {
  it("are written in one step, with the mode", async () => {
    const path = join(folder, 'it\'s $(a) "file"');
    await connection.writeFile(path, "one", { mode: 0o640, owner: "redis:redis" });
    const before = (await stat(path)).ino;
    await connection.writeFile(path, "two", { mode: 0o600 });
    expect((await stat(path)).ino).not.toBe(before);
    expect((await stat(path)).mode & 0o7777).toBe(0o600);
    expect(String(await connection.readFile(path))).toBe("two");
    expect(await connection.readFile(join(folder, "none"))).toBeUndefined();
    expect(await connection.readFile(join(path, "below-a-file"))).toBeUndefined();
  });

  it("stay as they were when writing fails", async () => {
    const path = join(folder, "kept");
    await writeFile(path, "old");
    await expect(connection.upload(join(folder, "none"), path, { mode: 0o600 })).rejects.toMatchObject({ code: "connection.read-failed" });
    await expect(connection.writeFile(join(folder, "none/x"), "x", { mode: 0o600 })).rejects.toMatchObject({
      code: "connection.write-failed",
    });
    await expect(connection.writeFile(folder, "x", { mode: 0o600 })).rejects.toMatchObject({ code: "connection.write-failed" });
    await expect(connection.readFile(folder)).rejects.toMatchObject({ code: "connection.read-failed" });
    expect(await readFile(path, "utf8")).toBe("old");
    expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("are copied with their progress", async () => {
    const content = randomBytes(5_000_000);
    await writeFile(join(folder, "from"), content);
    const sent: number[] = [];
    await connection.upload(join(folder, "from"), join(folder, "to"), { mode: 0o755, onBytes: (bytes) => sent.push(bytes) });
    expect(sent.at(-1)).toBe(content.length);
    await connection.download(join(folder, "to"), join(folder, "back"));
    expect((await readFile(join(folder, "back"))).equals(content)).toBe(true);
    await chmod(join(folder, "to"), 0o600);
  });
});

describe("ports", () => {
  it("are dialled and probed", async () => {
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
    await connection.close();
  });
});

async function gone(pid: number): Promise<void> {
  expect(pid).toBeGreaterThan(1);
  await waitFor(
    async () => {
      const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
      return state === "" || /\) Z /.test(state) ? { done: true, value: undefined } : { done: false, missing: `end of ${state}` };
    },
    { what: `process ${pid} to end`, timeoutMs: 60_000, intervalMs: 50 },
  );
}
