import { expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { wordsOf } from "../../lib/redis/words.ts";
import { casesOf } from "../support/full.ts";
import { changedOf, smallCluster, smallReplication, smallSentinel, testRedis } from "../support/project.ts";
import { OLD, Upgrade } from "../support/upgrade.ts";
import { redisVersion } from "../support/versions.ts";

// A lab gets another Redis while a client writes all the time. An older Redis can read neither the data that a newer one sends nor all of its commands, so a master that was
// handed over must not follow before its restart. The same for a cluster is in upgrade.test.ts.

/** A backlog so small that a replica that missed a moment is sent everything. */
const redis = () => testRedis({ "repl-backlog-size": "16kb" });

const withReplicas = casesOf([
  { sample: true, wanted: smallSentinel({ redis: redis() }) },
  { sample: false, wanted: smallReplication({ redis: redis() }) },
]);

test.each(withReplicas.map(({ wanted }) => ({ name: wanted.name, wanted })))(
  "$name: up brings every instance to the new version, no acknowledged write is lost, and the replicas have all keys",
  async ({ name, wanted }) => {
    const upgrade = await Upgrade.of(wanted);
    const { project } = upgrade;
    try {
      await project.write(upgrade.old);
      const first = await upgrade.planned();
      expect(changedOf(await project.ok(["up", name])), "as many changes as were planned").toBe(first);
      await project.write(wanted);
      const second = await upgrade.planned();
      const writer = upgrade.writer();
      const result = await project.ok(["up", name]);
      const { acknowledged, lost } = await writer.stop();
      expect(lost).toEqual([]);
      expect(acknowledged).toBeGreaterThan(100);
      expect(changedOf(result), "as many changes as were planned").toBe(second);
      expect(result.stdout).toContain(`${name} on local: healthy`);
      expect(await upgrade.versions()).not.toContain(OLD);
      await upgrade.sameKeys();
      await sentinelsAreLocked(upgrade);
      expect(changedOf(await project.ok(["up", name]))).toBe(0);
      // The older version is declared again: it knows no password of a sentinel, and those that run ask for one.
      await project.write(upgrade.old);
      const back = await project.run(["up", name]);
      expect(back.code).toBe(1);
      expect(back.stdout + back.stderr).toContain("can't read the data of it");
      expect((await project.ok(["status", name])).stdout).toContain(`${name} on local: healthy`);
      await sentinelsAreLocked(upgrade);
    } finally {
      await project.remove();
    }
  },
);

const all = casesOf([
  { sample: true, wanted: smallSentinel({ redis: redis() }) },
  { sample: false, wanted: smallReplication({ redis: redis() }) },
  { sample: true, wanted: smallCluster({ redis: redis() }) },
]);

test.each(all.map(({ wanted }) => ({ name: wanted.name, wanted })))(
  "$name: an upgrade that was cut off at the hand-over is finished by the next up, also where the old master has lost its data meanwhile",
  async ({ name, wanted }) => {
    const upgrade = await Upgrade.of(wanted);
    const { project } = upgrade;
    try {
      await project.write(upgrade.old);
      await project.ok(["up", name]);
      await project.write(wanted);
      const { result } = project.start(["up", name], {
        onLine: (line, child) => /layout changed: .*(the master (of|in place)|hand the shard)/.test(line) && child.kill("SIGKILL"),
      });
      expect((await result).code, "a hand-over was seen").toBeNull();
      await tryInVain(upgrade);
      expect((await project.ok(["up", name])).stdout).toContain(`${name} on local: healthy`);
      expect(await upgrade.versions()).not.toContain(OLD);
      await upgrade.sameKeys();
      await sentinelsAreLocked(upgrade);
      expect(changedOf(await project.ok(["up", name]))).toBe(0);
    } finally {
      await project.remove();
    }
  },
);

/** The old version's sentinels knew no password. */
async function sentinelsAreLocked(upgrade: Upgrade): Promise<void> {
  const { project, wanted } = upgrade;
  const [version = OLD] = await upgrade.versions();
  if (wanted.layout.kind !== "sentinel" || !wordsOf(redisVersion(version)).sentinel.takesPassword) return;
  for (const { name } of wanted.hosts)
    await expect(project.client(wanted, `${name}:26379`, "not-the-password")).rejects.toMatchObject({ code: "redis.wrong-password" });
}

/** A replica of the old version that may read what its newer master sends asks for all of it, and can't load it: it is left without a key and without a link. */
async function tryInVain(upgrade: Upgrade): Promise<void> {
  const { project, wanted } = upgrade;
  const found = (await upgrade.rows()).find(({ role, version }) => role === "replica" && version === OLD);
  // The role was handed over, and nothing follows yet: that is for the next `up` as well.
  if (found === undefined) return;
  // More than a backlog. Of a cluster the master has some of the slots.
  for (let number = 0; number < 400; number += 1) {
    const reply = project.call(wanted, found.master, "SET", `filled:${number}`, "x".repeat(1_000));
    expect(await reply.catch(String)).toMatch(/OK|MOVED/);
  }
  await project.call(wanted, found.instance, "CONFIG", "SET", "masterauth", await project.password(wanted.name));
  await waitFor(
    async () => {
      const info = String(await project.call(wanted, found.instance, "INFO"));
      const lost = info.includes("master_link_status:down") && !/^db0:/m.test(info);
      return lost ? { done: true, value: undefined } : { done: false, missing: `the vain try of ${found.instance}` };
    },
    { what: "a replica that can't read its newer master", timeoutMs: 60_000 },
  );
}
