import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { keySlot } from "../../lib/cluster/model/slots.ts";
import { moveSlots } from "../../lib/cluster/move/run.ts";
import type { InstanceAccess } from "../../lib/redis/types.ts";
import { type BackupOptions, backupCluster } from "../../lib/transfer/backup.ts";
import { MANIFEST, parseManifest } from "../../lib/transfer/manifest.ts";
import { type RestoreOptions, restoreBackup } from "../../lib/transfer/restore.ts";
import { verifyBackup } from "../../lib/transfer/verify.ts";
import { dial, Lab, PASSWORD } from "../cluster/support.ts";
import { redisBin } from "../support/redis.ts";
import { type Content, contentOf, contentOfCluster, form, importInto, must, type Outside, startOutside, ZOO } from "./support.ts";

const serverBinary = join(redisBin(), "redis-server");
let lab: Lab;
let outside: Outside;
let folder: string;
let content: Content;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-test-"));
  // m3 sends its data set without writing a file of its own before, and so in the other form.
  [lab, outside] = await Promise.all([
    Lab.start(["m1", "m2", "m3", "r1"], { m3: "repl-diskless-sync yes\nrepl-diskless-sync-delay 0" }),
    startOutside(),
  ]);
  await form(lab);
  await must(outside.client, ZOO);
  const filling = Array.from({ length: 3000 }, (_, index) => [
    "SET",
    `key:${index}`,
    `value ${index}`,
    ...(index % 10 === 0 ? ["EX", "3600"] : []),
  ]);
  await must(outside.client, filling);
  content = await contentOf(outside.client);
  await importInto(lab, outside.client);
});
afterAll(async () => {
  await Promise.all([lab.stop(), outside.stop()]);
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  lab.events.length = 0;
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
});

function backup(name = "b", options: Partial<BackupOptions> = {}, access: InstanceAccess = lab.access) {
  return backupCluster(join(folder, name), lab.members, access, { emit: lab.emit, cluster: "a lab", now: () => new Date(0), ...options });
}

test("a file for each master and a manifest, for the user alone and without a password", async () => {
  const report = await backup();
  expect(await readdir(folder)).toEqual(["b"]);
  expect((await stat(report.folder)).mode & 0o777).toBe(0o700);
  const names = await readdir(report.folder);
  expect(names.map((name) => name.replace(/-[0-9a-f]{8}\./, "."))).toEqual(["m1-6379.rdb", "m2-6379.rdb", "m3-6379.rdb", MANIFEST]);
  for (const name of names) expect((await stat(join(report.folder, name))).mode & 0o777).toBe(0o600);
  const text = await readFile(join(report.folder, MANIFEST), "utf8");
  expect(text + JSON.stringify(lab.events)).not.toContain(PASSWORD);
  const manifest = parseManifest(text, report.folder);
  expect(manifest).toEqual(report.manifest);
  expect(manifest).toMatchObject({ cluster: "a lab", begun: "1970-01-01T00:00:00.000Z" });
  expect(manifest.masters.map(({ slots }) => slots)).toEqual([
    [{ first: 0, last: 5460 }],
    [{ first: 5461, last: 10922 }],
    [{ first: 10923, last: 16383 }],
  ]);
  expect(manifest.masters.reduce((sum, { keys = 0 }) => sum + keys, 0)).toBe(content.size);
  expect(manifest.masters.reduce((sum, { mortal = 0 }) => sum + mortal, 0)).toBe(302);
  const check = join(redisBin(), "redis-check-rdb");
  for (const { file } of manifest.masters)
    expect(execFileSync(check, [join(report.folder, file)], { encoding: "utf8" })).toContain("RDB looks OK!");
});

describe("a check", () => {
  test("finds nothing in a backup as it was made, and counts its keys by slot", async () => {
    const { folder: made } = await backup();
    expect(await verifyBackup(made)).toMatchObject({ findings: [], loaded: [] });
    const deep = await verifyBackup(made, { deep: { serverBinary, emit: lab.emit } });
    expect(deep.findings).toEqual([]);
    expect(deep.loaded.reduce((sum, { keys }) => sum + keys, 0)).toBe(content.size);
  });

  test("finds files that are missing, cut off, changed, or not those of their slots", async () => {
    const { folder: made, manifest } = await backup();
    const [m1, m2, m3] = manifest.masters;
    const path = (of: typeof m1) => join(made, of?.file ?? "");
    const bytes = await readFile(path(m1));
    bytes[bytes.length - 20] = (bytes.at(-20) ?? 0) ^ 1;
    await writeFile(path(m1), bytes);
    await writeFile(path(m2), (await readFile(path(m2))).subarray(0, -9));
    await rm(path(m3));
    const { findings } = await verifyBackup(made);
    expect(findings.map((text) => text.replace(/^\S+-6379-\w+\.rdb/, "F"))).toEqual([
      "F: It was changed since it was backed up (SHA-256).",
      expect.stringMatching(/^F: It has \d+ bytes, and had \d+ when it was backed up\.$/),
      "F: It is missing.",
    ]);
    await expect(restore(made)).rejects.toMatchObject({ code: "cluster.bad-backup", what: expect.stringContaining("It is missing.") });
    // Two slots in the manifest were exchanged: only the keys tell.
    const { folder: other, manifest: swapped } = await backup("c");
    const [a, b, c] = swapped.masters;
    const text = JSON.stringify({ ...swapped, masters: [{ ...a, slots: b?.slots }, { ...b, slots: a?.slots }, c] });
    await writeFile(join(other, MANIFEST), text);
    expect((await verifyBackup(other)).findings).toEqual([]);
    const deep = await verifyBackup(other, { deep: { serverBinary, emit: lab.emit } });
    expect(deep.findings).toHaveLength(2);
    expect(deep.findings[0]).toMatch(/It has keys of the slots .*, which its master did not own\./);
  });

  test("needs a manifest", async () => {
    await mkdir(join(folder, "empty"));
    await expect(verifyBackup(join(folder, "empty"))).rejects.toMatchObject({
      code: "cluster.no-backup",
      what: expect.stringContaining(`it has no ${MANIFEST}`),
    });
    await expect(verifyBackup(join(folder, "absent"))).rejects.toMatchObject({ code: "cluster.no-backup" });
  });
});

describe("a backup that comes to nothing leaves nothing", () => {
  test("a folder with something in it, or below a file", async () => {
    await mkdir(join(folder, "full", "x"), { recursive: true });
    await writeFile(join(folder, "file"), "");
    await expect(backup("full")).rejects.toMatchObject({
      code: "cluster.backup-folder",
      what: expect.stringContaining("the folder is not empty"),
    });
    await expect(backup("file")).rejects.toMatchObject({ code: "cluster.backup-folder" });
    await expect(backup("file/b")).rejects.toMatchObject({ code: "cluster.backup-folder" });
    await mkdir(join(folder, "empty"));
    expect(basename((await backup("empty")).folder)).toBe("empty");
    expect((await readdir(folder)).sort()).toEqual(["empty", "file", "full"]);
  });

  test("an abort", async () => {
    const stop = new AbortController();
    const access: InstanceAccess = {
      ...lab.access,
      stream: async (id) => {
        if (id === "m2:6379") stop.abort(new Error("enough"));
        return lab.access.stream(id);
      },
    };
    await expect(backup("b", { signal: stop.signal }, access)).rejects.toThrow("enough");
    expect(await readdir(folder)).toEqual([]);
  });

  test.each([
    ["that ends in the middle", "+OK\r\n+OK\r\n$1000\r\nREDIS0008", /it closed the connection after 9 bytes/],
    [
      "that refuses",
      "+OK\r\n-ERR x\r\n-NOMASTERLINK Can't SYNC while not connected with my master\r\n",
      /answered SYNC with: NOMASTERLINK/,
    ],
    ["that sends no RDB", "+OK\r\n+OK\r\n$10\r\nNOT AN RDB", /does not begin as an RDB does/],
  ])("a stream %s", async (_what, bytes, why) => {
    const server = createServer((socket) => socket.end(bytes)).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const at = server.address();
    const port = typeof at === "object" && at !== null ? at.port : 0;
    const access: InstanceAccess = { ...lab.access, stream: (id) => (id === "m2:6379" ? dial("127.0.0.1", port) : lab.access.stream(id)) };
    await expect(backup("b", {}, access)).rejects.toThrow(why);
    expect(await readdir(folder)).toEqual([]);
    server.close();
  });

  test("slots that move meanwhile: taken again, or refused", async () => {
    let away = true;
    const access: InstanceAccess = {
      ...lab.access,
      stream: async (id) => {
        if (id === "m1:6379") {
          const [source, target] = away ? ["m1:6379", "m2:6379"] : ["m2:6379", "m1:6379"];
          await moveSlots([{ source, target, slots: [{ first: 0, last: 20 }] }], lab.members, lab.access, { emit: lab.emit });
          away = !away;
        }
        return lab.access.stream(id);
      },
    };
    await expect(backup("b", { attempts: 2 }, access)).rejects.toMatchObject({
      code: "cluster.changed-meanwhile",
      what: expect.stringMatching(/during each of 2 attempts.*m1:6379 had 5440 slots and has 5461 now/),
    });
    expect(await readdir(folder)).toEqual([]);
    let once = true;
    const restless: InstanceAccess = {
      ...access,
      stream: (id) => {
        const from = once ? access : lab.access;
        if (id === "m1:6379") once = false;
        return from.stream(id);
      },
    };
    const { manifest } = await backup("b", {}, restless);
    expect(lab.events).toContainEqual(expect.objectContaining({ type: "notice", text: expect.stringContaining("attempt 1 of 3") }));
    expect(manifest.masters[0]?.slots).toEqual([{ first: 21, last: 5460 }]);
    expect((await verifyBackup(join(folder, "b"), { deep: { serverBinary, emit: lab.emit } })).findings).toEqual([]);
    await moveSlots([{ source: "m2:6379", target: "m1:6379", slots: [{ first: 0, last: 20 }] }], lab.members, lab.access, {
      emit: lab.emit,
    });
  });
});

function restore(from: string, into: Lab = lab, options: Partial<RestoreOptions> = {}) {
  return restoreBackup(from, into.members, into.access, { emit: into.emit, serverBinary, ...options });
}

describe("restore", () => {
  test("into the same cluster, emptied; into one that has keys only by overwriting", async () => {
    const { folder: made } = await backup();
    await expect(restore(made)).rejects.toMatchObject({
      code: "cluster.target-not-empty",
      what: expect.stringMatching(/m1:6379 \d+, m2:6379 \d+/),
    });
    for (const { id } of lab.members.filter(({ role }) => role.kind === "cluster-master")) await lab.call(id, "FLUSHALL");
    const report = await restore(made, lab, { sample: "all" });
    expect(report).toMatchObject({ findings: [], keys: content.size, found: content.size, compared: content.size });
    expect(await contentOfCluster(lab)).toEqual(content);
    // One that was broken off is finished in the same way.
    await lab.call("m2:6379", "FLUSHALL");
    await lab.call("m1:6379", "SET", keyOfM1(), "changed since");
    const again = await restore(made, lab, { conflict: "replace", sample: 100 });
    expect(again).toMatchObject({ findings: [], keys: content.size, found: content.size });
    expect(again.compared).toBeGreaterThan(90);
    expect(again.compared).toBeLessThan(400);
    expect(await contentOfCluster(lab)).toEqual(content);
  });

  test("into a cluster of five masters: every key at the owner of its slot; and what a client writes meanwhile is found", async () => {
    const { folder: made } = await backup();
    const five = await Lab.start(["m1", "m2", "m3", "m4", "m5"]);
    try {
      await form(five);
      const report = await restore(made, five, { sample: "all" });
      expect(report).toMatchObject({ findings: [], found: content.size });
      expect(await contentOfCluster(five)).toEqual(content);

      await Promise.all(five.members.map(({ id }) => five.call(id, "FLUSHALL")));
      const key = keyOfM1();
      let writing: Promise<unknown> | undefined;
      const meddled = await restore(made, five, {
        sample: "all",
        onKey: ({ key: each, target }) => {
          if (each.toString() === key) writing ??= five.call(target?.id ?? "", "SET", key, "of somebody else");
        },
      });
      await writing;
      expect(meddled.findings).toEqual([
        expect.stringMatching(/^m1-6379-\w+\.rdb: "key:\d+" has another (value|rest of its life) in the cluster\.$/),
      ]);
    } finally {
      await five.stop();
    }
  });

  test("functions come along, where there are any", async () => {
    if ((await lab.call("m1:6379", "FUNCTION", "LIST").catch(() => undefined)) === undefined) return; // before 7.0
    await lab.call("m1:6379", "FUNCTION", "LOAD", "#!lua name=lib\nredis.register_function('f', function() return 1 end)");
    const { folder: made } = await backup();
    await lab.call("m1:6379", "FUNCTION", "FLUSH");
    await restore(made, lab, { conflict: "replace" });
    expect(await lab.call("m2:6379", "FCALL", "f", "0")).toBe(1);
  });
});

/** A key of the first master. */
function keyOfM1(): string {
  const key = [...content.keys()].find((each) => /^key:\d*[1-9]$/.test(each) && keySlot(each) < 5461);
  if (key === undefined) throw new Error("no key");
  return key;
}
