import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LabEvent } from "../../lib/base/events.ts";
import { tryLock } from "../../lib/base/file-lock.ts";
import { buildArtifact, buildHint, cachedArtifact } from "../../lib/bootstrap/build.ts";
import type { Connection } from "../../lib/connection/connection.ts";
import { openLocalConnection } from "../../lib/connection/local.ts";
import { redisVersion } from "../support/versions.ts";
import { makeSource, temporaryFolder } from "./support.ts";

/** The trees here are ours: their Makefile writes a shell script instead of compiling. */
const SCRIPT = `printf '#!/bin/sh\\necho fake\\n' > redis-server && chmod +x redis-server && cp redis-server redis-check-aof`;

/** The methods of a connection, to be replaced one by one. */
function bound(connection: Connection): Connection {
  return {
    host: connection.host,
    run: (...args) => connection.run(...args),
    readFile: (...args) => connection.readFile(...args),
    writeFile: (...args) => connection.writeFile(...args),
    upload: (...args) => connection.upload(...args),
    download: (...args) => connection.download(...args),
    dial: (...args) => connection.dial(...args),
    probe: (...args) => connection.probe(...args),
    close: () => connection.close(),
  };
}

describe("buildArtifact", () => {
  let folder: string;
  let events: LabEvent[];
  beforeEach(async () => {
    folder = await temporaryFolder();
    events = [];
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const compile = (source: Awaited<ReturnType<typeof makeSource>>, connection: Connection, key: string, flags: readonly string[]) =>
    buildArtifact(connection, {
      key,
      source: { tarball: source.path, sha256: source.sha256, version: redisVersion("4.0.14") },
      flags,
      cacheFolder: folder,
      emit: (event) => events.push(event),
    });
  const build = async (recipe: string, key = "a".repeat(64), flags: readonly string[] = []) =>
    compile(await makeSource(folder, "4.0.14", recipe), openLocalConnection("redis-18"), key, flags);

  it("keeps the programs with a manifest, and finds them again", async () => {
    const artifact = await build(SCRIPT);
    expect(await cachedArtifact(folder, artifact.key)).toEqual(artifact);
    const result = await openLocalConnection("x").run(`tar -xzOf ${artifact.path} ./build.json && tar -tvzf ${artifact.path}`, {
      title: "tar",
    });
    expect(JSON.parse(result.stdout.split("\n")[0]!)).toEqual({ key: artifact.key, version: "4.0.14", files: { "redis-server": 20 } });
    expect(result.stdout).toContain("redis-check-aof -> redis-server");
  });

  it("leaves no folder behind on the builder", async () => {
    const local = openLocalConnection("redis-18");
    const made: string[] = [];
    const watched: Connection = {
      ...bound(local),
      async run(script, options) {
        const result = await local.run(script, options);
        if (options.title === "make") made.push(/^folder (\/var\/tmp\/redis-lab-build\.\w+)$/m.exec(result.stdout)?.[1] ?? "");
        return result;
      },
    };
    await compile(await makeSource(folder, "4.0.14", SCRIPT), watched, "d".repeat(64), []);
    expect(made).toEqual([expect.stringMatching(/./)]);
    expect(existsSync(made[0]!)).toBe(false);
  });

  it("leaves none either when the source does not arrive whole, as when the connection is cut off", async () => {
    const local = openLocalConnection("redis-18");
    let said = "";
    const cut: Connection = {
      ...bound(local),
      async run(script, options) {
        const input = options.title === "make" ? (options.input as Buffer).subarray(0, -1) : options.input;
        const result = await local.run(script, { ...options, input });
        said += result.stdout;
        // What is asked later is not answered any more.
        if (options.title !== "make") throw new Error("cut off");
        return result;
      },
    };
    await expect(compile(await makeSource(folder, "4.0.14", SCRIPT), cut, "f".repeat(64), [])).rejects.toMatchObject({
      code: "bootstrap.build-failed",
    });
    const made = /^folder (\S+)$/m.exec(said)?.[1] ?? "";
    expect(made).toMatch(/redis-lab-build/);
    expect(existsSync(made)).toBe(false);
  });

  it("compiles once when two processes want the same", async () => {
    const source = await makeSource(folder, "4.0.14", `echo once >> ${folder}/log; ${SCRIPT}`);
    const both = () => compile(source, openLocalConnection("redis-18"), "a".repeat(64), []);
    const artifacts = await Promise.all([both(), both()]);
    expect(artifacts[0]).toEqual(artifacts[1]);
    expect(await readFile(join(folder, "log"), "utf8")).toBe("once\n");
  });

  // Of an earlier version, with nothing but a pid: that of a process which lives always, as pid 1 or in another container, says nothing.
  it.each(["4194303999\n", "1\n", ""])("a lock file that holds %j blocks no build", async (text) => {
    await build(SCRIPT, "b".repeat(64));
    await writeFile(join(folder, "builds", `${"a".repeat(64)}.lock`), text);
    await build(SCRIPT);
    expect(await readdir(join(folder, "builds"))).not.toContain(`${"a".repeat(64)}.lock`);
  });

  it("says who builds and how the lock gets free, and waits no longer than it is asked to", async () => {
    const held = await tryLock(join(folder, "builds", `${"e".repeat(64)}.lock`), {
      verb: "build of Redis 4.0.14",
      since: "2026-01-01T00:00:00Z",
    });
    const notices: string[] = [];
    const stop = new AbortController();
    const source = await makeSource(folder, "4.0.14", SCRIPT);
    const waiting = buildArtifact(openLocalConnection("redis-18"), {
      key: "e".repeat(64),
      source: { tarball: source.path, sha256: source.sha256, version: redisVersion("4.0.14") },
      flags: [],
      cacheFolder: folder,
      emit: (event) => {
        if (event.type !== "notice") return;
        notices.push(event.text);
        stop.abort(new Error("stopped by the user"));
      },
      signal: stop.signal,
    });
    await expect(waiting).rejects.toThrow();
    expect(notices).toEqual([
      expect.stringMatching(/^redis-18 waits for the end of the same build by `build of Redis 4\.0\.14`, process \d+ .*kill \d+/),
    ]);
    if (held.taken) await held.lock.release();
  });

  it("leaves nothing to trust when make fails, shows its last lines and names the package", async () => {
    const failure = build("echo 'fatal error: stdlib.h: No such file or directory'; exit 2");
    await expect(failure).rejects.toMatchObject({
      code: "bootstrap.build-failed",
      why: expect.stringContaining("stdlib.h"),
      next: expect.stringContaining("libc6-dev"),
    });
    expect(await cachedArtifact(folder, "a".repeat(64))).toBeUndefined();
    expect((await readdir(join(folder, "builds"))).filter((name) => !name.endsWith(".sha256"))).toEqual([]);
  });

  it("does not trust a damaged build of the cache", async () => {
    const artifact = await build(SCRIPT);
    await writeFile(artifact.path, "x");
    expect(await cachedArtifact(folder, artifact.key)).toBeUndefined();
  });

  it("hands make its flags", async () => {
    await build(`[ "$(MALLOC)" = libc ] && ${SCRIPT}`, "c".repeat(64), ["MALLOC=libc"]);
  });

  it("names what is missing", () => {
    expect(buildHint("make: cc: No such file or directory\ncc: command not found")).toContain("gcc make");
    expect(buildHint("fatal error: systemd/sd-daemon.h: No such file")).toContain("libsystemd-dev");
    expect(buildHint("write error: No space left on device")).toContain("Free some space");
  });
});
