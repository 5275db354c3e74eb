import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { keySlot } from "../../lib/cluster/model/slots.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import { CALM_MS, changedOf, makeProject, smallCluster, smallSentinel, type TestProject } from "../support/project.ts";

// `redis-lab cluster VERB LAB` on a cluster with a standby host with two instances, as a user types it.

const lab = smallCluster({
  hosts: numberedHosts("192.168.1", [18, 28, 38, 48, 58, 68, 78], { 78: { instances: [6379, 6380] } }),
  layout: {
    kind: "cluster",
    masters: ["redis-18", "redis-28", "redis-38"],
    replicas: { "redis-58": "redis-18", "redis-68": "redis-28", "redis-48": "redis-38" },
    standby: ["redis-78:6379", "redis-78:6380"],
    nodeTimeoutMs: CALM_MS,
  },
});
const SIX = ["redis-18", "redis-28", "redis-38", "redis-48", "redis-58", "redis-68"].map((host) => `${host}:6379`);
let project: TestProject;

const verb = (...words: readonly string[]) => project.ok(["cluster", ...words]);
const fails = async (...words: readonly string[]) => {
  const result = await project.run(["cluster", ...words]);
  expect(result.code, result.stdout).not.toBe(0);
  return `${result.code} ${result.stderr}`;
};
const json = async (...words: readonly string[]) => JSON.parse((await verb(...words, "--json")).stdout);
/** What a node says of the slots, without the command line, which takes a third of a second to start: the masters with slots, by their names in the lab. */
async function masters(): Promise<ReadonlyMap<string, readonly (readonly [first: number, last: number])[]>> {
  const ranges = (await project.call(lab, "redis-28", "CLUSTER", "SLOTS")) as [number, number, [string, number]][];
  const found = new Map<string, [number, number][]>();
  for (const [first, last, [address, port]] of ranges) {
    const name = `redis-${address.split(".")[3]}:${port}`;
    found.set(name, [...(found.get(name) ?? []), [first, last]]);
  }
  return found;
}
/** `redis-18:6379 5461` for each master. */
const shares = async (): Promise<readonly string[]> =>
  [...(await masters())].map(([name, ranges]) => `${name} ${ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0)}`).sort();
const keysNow = async (): Promise<number> => {
  const counts = await Promise.all([...(await masters()).keys()].map((name) => project.call(lab, name, "DBSIZE")));
  return counts.reduce<number>((sum, keys) => sum + Number(keys), 0);
};

const KEYS = 600;
const names = Array.from({ length: KEYS }, (_, index) => `key:${index}`);

async function fill(): Promise<void> {
  for (const [name, ranges] of await masters()) {
    const client = await project.client(lab, name);
    await client.callAll(
      names
        .filter((key) => ranges.some(([first, last]) => first <= keySlot(key) && keySlot(key) <= last))
        .map((key) => ["SET", key, `value of ${key}`]),
    );
    client.close();
  }
}

beforeAll(async () => {
  project = await makeProject();
  await project.write(lab, smallSentinel());
  await project.ok(["up", "cluster"]);
  await fill();
});
afterAll(() => project.remove());

describe("looking", () => {
  test("check, info, topology and diff of a new cluster", async () => {
    const check = await verb("check", "cluster");
    expect(check.stdout).toContain("cluster on local: every slot has an owner, none is open, all nodes agree");
    const { nodes, ok } = await json("check", "cluster");
    expect(ok).toBe(true);
    expect((nodes as { instance: string }[]).map(({ instance }) => instance)).toEqual(SIX);
    expect((await verb("info", "cluster")).stdout).toContain(`${KEYS} keys in 3 masters, 0.04 keys per slot on average`);
    expect(await shares()).toEqual(["redis-18:6379 5461", "redis-28:6379 5462", "redis-38:6379 5461"]);
    expect((await verb("diff", "cluster")).stdout).toBe("cluster on local: as declared\n");
    expect((await verb("wait", "cluster", "--timeout", "30")).stdout).toMatch(/^cluster on local: 6 nodes agree after \d+\.\d s\n$/);
  });

  test("topology as text and as a picture", async () => {
    const text = (await verb("topology", "cluster")).stdout;
    expect(text).toMatch(/^0 A{21}B{22}C{21} 16383$/m);
    expect(text).toMatch(/^A {2}redis-18:6379 {2}0-5460 \(5461\) {2}\d+ keys\n {5}redis-58:6379$/m);
    const picture = (await verb("topology", "cluster", "--format", "svg")).stdout;
    expect(picture).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(picture.match(/<rect /g)).toHaveLength(7);
    expect(picture).toContain("redis-18:6379 (5461)");
  });

  test("call asks every node, or those of one role, and says what each answered", async () => {
    const { replies: all, ...labels } = await json("call", "cluster", "config", "get", "cluster-node-timeout");
    expect(labels).toEqual({ format: 1, lab: "cluster", target: "local" });
    expect(all).toHaveLength(8);
    expect(all[0]).toEqual({ instance: "redis-18:6379", type: "array", value: ["cluster-node-timeout", String(CALM_MS)] });
    const { stdout } = await verb("call", "cluster", "--only-masters", "dbsize");
    expect(stdout.trim().split("\n")).toHaveLength(5);
    const failed = await project.run(["cluster", "call", "cluster", "--only-replicas", "nonsense", "-1"]);
    expect(failed.code).toBe(1);
    expect(failed.stdout).toMatch(/^redis-48:6379: ERR unknown command/);
  });

  test("a sentinel lab has no slots", async () => {
    expect(await fails("check", "sentinel")).toMatch(/^64 .*"sentinel" is a sentinel lab/s);
  });
});

describe("moving", () => {
  test("reshard: a dry run shows the plan, the real one moves the keys along", async () => {
    const dry = (await verb("reshard", "cluster", "--from", "all", "--to", "redis-18", "--slots", "100", "--dry-run")).stdout;
    expect(dry).toMatch(
      /move 50 slots \(5461-5510\) from redis-28:6379 to redis-18:6379\n.*move 50 slots \(10923-10972\) from redis-38:6379 to redis-18:6379/,
    );
    expect(dry).toMatch(/^100 slots with \d+ keys, about [\d.]+ kB: about \d+ ms$/m);
    expect(dry).toContain("reshard planned, nothing was changed");
    expect(await shares()).toContain("redis-18:6379 5461");
    const report = await json("reshard", "cluster", "--from", "redis-28,redis-38", "--to", "redis-18", "--slots", "100");
    expect(report).toMatchObject({ verb: "reshard", applied: true, moved: { slots: 100, quarantined: 0 } });
    expect(report.moved.keys).toBe(report.estimate.keys);
    expect(await shares()).toEqual(["redis-18:6379 5561", "redis-28:6379 5412", "redis-38:6379 5411"]);
    expect(await keysNow()).toBe(KEYS);
  });

  test("a saved plan is applied once; an edited one and one for another cluster are refused", async () => {
    const file = join(project.folder, "plan.json");
    const saved = (await verb("rebalance", "cluster", "--threshold", "1", "--plan", file)).stdout;
    expect(saved).toContain(`saved to ${file}; apply it with: redis-lab apply ${file}`);
    const text = await readFile(file, "utf8");
    await writeFile(
      file,
      text.replace(/"first": (\d+)/, (_, slot) => `"first": ${Number(slot) + 1}`),
    );
    const edited = await project.run(["apply", file]);
    expect(edited.stderr).toContain(`${file} was changed after it was made.`);
    await writeFile(file, text);
    expect((await project.ok(["apply", file])).stdout).toMatch(/rebalance done, \d changed/);
    expect(await shares()).toEqual(["redis-18:6379 5462", "redis-28:6379 5461", "redis-38:6379 5461"]);
    const stale = await project.run(["apply", file]);
    expect(stale.code).toBe(1);
    expect(stale.stderr).toMatch(/The cluster is no longer the one that the plan of .* was made for:\n- redis-18:6379 .*\n/);
    await writeFile(file, "{}");
    expect((await project.run(["apply", file])).stderr).toContain("is not a plan of redis-lab");
    expect((await project.run(["apply", join(project.folder, "none.json")])).stderr).toContain("none.json can't be read: ENOENT");
  });

  test("rebalance by weight and by keys, and nothing to do within the threshold", async () => {
    expect((await verb("rebalance", "cluster")).stdout).toBe("cluster on local: nothing to rebalance\n");
    await verb("rebalance", "cluster", "--weight", "redis-18=2", "--weight", "redis-28=1");
    expect(await shares()).toEqual(["redis-18:6379 8192", "redis-28:6379 4096", "redis-38:6379 4096"]);
    await verb("rebalance", "cluster", "--by", "keys", "--threshold", "1");
    const keys = ((await json("info", "cluster")).masters as { keys: number }[]).map((master) => master.keys);
    expect(Math.max(...keys) - Math.min(...keys)).toBeLessThanOrEqual(4);
    await verb("rebalance", "cluster");
    expect(await keysNow()).toBe(KEYS);
  });

  test.each([
    [["--from", "all", "--to", "nobody", "--slots", "1"], /^64 .*No node "nobody" is in this cluster/s],
    [["--from", "redis-18", "--to", "redis-18", "--slots", "1"], /^64 .*redis-18:6379 is to give slots and to get them/s],
    [["--from", "redis-18", "--to", "redis-28", "--slots", "9000"], /^64 .*own \d+ slots, and 9000 are to be moved/s],
    [["--from", "redis-18", "--to", "redis-28", "--slots", "0"], /^64 .*0 is not a number of slots/s],
    [["--from", "redis-18", "--to", "redis-58", "--slots", "1"], /^1 .*"redis-58" is redis-58:6379, which is a replica of redis-18:6379/s],
    [["--from", "redis-18", "--to", "redis-28", "--slots", "many"], /^64 .*"many" is not a number/s],
    [["--from", "redis-18", "--to", "redis-28", "--slots", "1", "--max-latency", "soon"], /^64 .*"soon" is not a time/s],
  ])("a reshard with %j is refused before anything is touched", async (words, says) => {
    expect(await fails("reshard", "cluster", ...words)).toMatch(says);
  });

  test.each([
    [["--weight", "redis-18=heavy"], /^64 .*"redis-18=heavy" is not a weight/s],
    [["--weight", "nobody=1"], /^64 .*No node "nobody"/s],
    [["--weight", "redis-18=1", "--weight", "redis-18:6379=2"], /^64 .*redis-18:6379 is given two weights/s],
    [["--weight", "redis-18=0", "--weight", "redis-28=0", "--weight", "redis-38=0"], /^64 .*All masters have the weight 0/s],
    [["--threshold", "0"], /^64 .*0 is not a threshold/s],
  ])("a rebalance with %j is refused", async (words, says) => {
    expect(await fails("rebalance", "cluster", ...words)).toMatch(says);
  });
});

test.each([
  [["drain", "cluster", "redis-99"], /^64 .*No node "redis-99" is in this cluster/s],
  [["import", "cluster", "--from", "nohost"], /^64 .*it is neither a file nor HOST:PORT/s],
  [["import", "cluster", "--from", "redis-18:6379", "--databases", "few"], /^64 .*"few" is not a number/s],
  [["set-timeout", "cluster", "five"], /^64 .*"five" is not a number/s],
  [["set-timeout", "cluster", "5"], /^64 .*A node timeout of 5 ms/s],
])("%j is wrong use", async (words, says) => {
  expect(await fails(...words)).toMatch(says);
});

describe("interrupted", () => {
  /** Starts a move and ends it once some slots have arrived and one is open. Its 110 keys take 20 s, far longer than a busy computer needs for a look at the cluster. */
  async function cutOff(signal: NodeJS.Signals, from: string, to: string): Promise<string> {
    const before = await shares();
    const { child, result } = project.start([
      "cluster",
      "reshard",
      "cluster",
      "--from",
      from,
      "--to",
      to,
      "--slots",
      "3000",
      "--max-keys",
      "5",
    ]);
    const ended = once(child, "exit");
    await waitFor(
      async () => {
        // Held there while one looks: what is open stays so.
        child.kill("SIGSTOP");
        const arrived = (await shares()).join() !== before.join();
        const open = /\[\d+->-/.test(String(await project.call(lab, from, "CLUSTER", "NODES")));
        if (arrived && open) return { done: true, value: undefined };
        child.kill("SIGCONT");
        return { done: false, missing: arrived ? "an open slot" : "a slot that has arrived" };
      },
      { what: "the move to be under way", timeoutMs: 60_000 },
    );
    child.kill(signal);
    child.kill("SIGCONT");
    await ended;
    const { code, stderr } = await result;
    return `${code} ${stderr}`;
  }

  test("Ctrl-C: what travels arrives, and it says how to go on; nothing else is planned before; resume finishes it", async () => {
    const said = await cutOff("SIGINT", "redis-28", "redis-18");
    expect(said).toMatch(/^130 .*The move was interrupted\. \d+ of 3000 slots were moved; none is open\..*redis-lab cluster resume/s);
    expect(said).not.toContain("same command");
    expect(await fails("reshard", "cluster", "--from", "all", "--to", "redis-38", "--slots", "1")).toMatch(
      /The reshard of .* did not come to its end: \d+ slots have arrived, \d+ have not/,
    );
    expect(await fails("check", "cluster")).toContain("1");
    expect((await verb("resume", "cluster", "--dry-run")).stdout).toMatch(/resume the reshard of .*: \d+ slots left, \d+ arrived/);
    expect((await verb("resume", "cluster")).stdout).toContain("resume done");
    expect(await shares()).toContain("redis-28:6379 2461");
    expect(await keysNow()).toBe(KEYS);
    expect((await verb("resume", "cluster")).stdout).toBe("cluster on local: nothing to resume\n");
  });

  test("kill -9: rollback closes what is open, and up finishes another one", async () => {
    await cutOff("SIGKILL", "redis-18", "redis-28");
    expect((await verb("rollback", "cluster")).stdout).toContain("are whole at their owner again");
    await verb("check", "cluster");
    await cutOff("SIGKILL", "redis-18", "redis-38");
    const plan = (await project.ok(["plan", "cluster"])).stdout;
    expect(plan).toMatch(/finish the reshard of .*: \d+ slots/);
    expect(changedOf(await project.ok(["up", "cluster"]))).toBeGreaterThanOrEqual(0);
    await verb("check", "cluster");
    expect(await keysNow()).toBe(KEYS);
    await verb("rebalance", "cluster");
  });

  test("a terminal that is closed: as Ctrl-C, and up finishes it", async () => {
    const said = await cutOff("SIGHUP", "redis-18", "redis-28");
    expect(said).toMatch(/^130 .*\d+ of 3000 slots were moved; none is open\./s);
    await project.ok(["up", "cluster"]);
    await verb("check", "cluster");
    expect(await keysNow()).toBe(KEYS);
    await verb("rebalance", "cluster");
  });

  // What a full disk left in the place of a journal until 0.2: no move had begun.
  test.each(["", '{"format":1,"beg'])("a journal that holds %j stops nothing, and is gone afterwards", async (text) => {
    const folder = join(project.folder, ".redis-lab/cluster/local/journal");
    const put = async () => {
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "2026-01-01T00-00-00-000Z-abcdef.jsonl"), text);
    };
    for (const words of [["check"], ["resume"], ["fix"], ["reshard", "--from", "redis-18", "--to", "redis-28", "--slots", "1"]]) {
      await put();
      const [name = "", ...options] = words;
      await verb(name, "cluster", ...options);
    }
    await put();
    await project.ok(["up", "cluster"]);
    expect((await readdir(folder)).filter((name) => name.endsWith(".jsonl"))).toEqual([]);
    await verb("rebalance", "cluster");
  });

  test("a journal that was changed is reported, and fix needs none", async () => {
    await cutOff("SIGKILL", "redis-18", "redis-28");
    const folder = join(project.folder, ".redis-lab/cluster/local/journal");
    const [name = ""] = await readdir(folder);
    const text = await readFile(join(folder, name), "utf8");
    await writeFile(join(folder, name), text.replace('"format":1', '"format":9'));
    expect(await fails("resume", "cluster")).toMatch(/Line 1 of .* can't be read/);
    expect((await project.run(["cluster", "check", "cluster"])).stdout).toMatch(/Line 1 of .* can't be read .*needs no journal/s);
    const fixed = await verb("fix", "cluster");
    expect(fixed.stdout).toContain("fix done");
    expect(fixed.stderr).toContain(`set aside as ${join(folder, name)}.corrupt`);
    expect(await readdir(folder)).toEqual([`${name}.corrupt`]);
    await verb("check", "cluster");
    expect(await keysNow()).toBe(KEYS);
    await verb("rebalance", "cluster");
  });
});

describe("members", () => {
  test("a standby joins, another one behind it; it gets slots, is drained and leaves", async () => {
    expect((await verb("add-node", "cluster", "redis-78:6379")).stdout).toContain("introduce redis-78:6379");
    await verb("add-node", "cluster", "redis-78:6380", "--replica");
    expect((await json("topology", "cluster")).shards.map(({ replicas }: { replicas: unknown[] }) => replicas.length).sort()).toEqual([
      0, 1, 1, 2,
    ]);
    await verb("replicate", "cluster", "redis-78:6380", "redis-78:6379");
    await verb("rebalance", "cluster", "--use-empty-masters");
    expect(await shares()).toContain("redis-78:6379 4096");
    expect(await fails("del-node", "cluster", "redis-78:6379")).toMatch(/redis-78:6379 owns 4096 slots/);
    expect(await fails("diff", "cluster")).toMatch(/^1 /);
    await verb("drain", "cluster", "redis-78:6379");
    // By the beginning of its node id.
    const joined = await project.run(["cluster", "check", "cluster", "--json"]);
    expect(joined.code, "a declared standby is in the cluster").toBe(1);
    const { nodes } = JSON.parse(joined.stdout);
    const id = (nodes as { instance: string; nodeId: string }[]).find(({ instance }) => instance === "redis-78:6379")?.nodeId ?? "";
    await verb("del-node", "cluster", id.slice(0, 8));
    await verb("del-node", "cluster", "redis-78:6380");
    expect((await json("check", "cluster")).nodes).toHaveLength(6);
    expect(await keysNow()).toBe(KEYS);
    // It can join again: it knows nobody.
    expect((await verb("add-node", "cluster", "redis-78:6379", "--dry-run")).stdout).toContain("add-node planned");
  });

  test("a fresh node takes the place of a master", async () => {
    await verb("replace-node", "cluster", "redis-38", "redis-78:6379");
    expect((await shares()).map((line) => line.split(" ")[0])).toEqual(["redis-18:6379", "redis-28:6379", "redis-78:6379"]);
    await verb("replace-node", "cluster", "redis-78:6379", "redis-38:6379");
    expect((await shares()).map((line) => line.split(" ")[0])).toEqual(["redis-18:6379", "redis-28:6379", "redis-38:6379"]);
    expect(await keysNow()).toBe(KEYS);
  });

  test("a shard is handed over and back, with a distance between the two", async () => {
    await verb("failover", "cluster", "redis-58");
    const different = await project.run(["cluster", "diff", "cluster", "--json"]);
    expect(JSON.parse(different.stdout).differences).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          instance: "redis-18:6379",
          running: "replica of redis-58:6379",
          fix: "`redis-lab cluster failback cluster`",
        }),
      ]),
    );
    await verb("failback", "cluster");
    expect((await shares()).map((line) => line.split(" ")[0])).toEqual(["redis-18:6379", "redis-28:6379", "redis-38:6379"]);
    const state = JSON.parse(await readFile(join(project.folder, ".redis-lab/cluster/local/state.json"), "utf8"));
    expect(Object.keys(state.failovers)).toEqual(expect.arrayContaining(["redis-18:6379", "redis-58:6379"]));
    expect((await verb("failback", "cluster")).stdout).toBe("cluster on local: nothing to failback\n");
  });

  test("nodes that are not empty, not there, or in their place are refused with a reason", async () => {
    expect(await fails("add-node", "cluster", "redis-99:6379")).toMatch(/redis-99:6379 can't be added/);
    await project.call(lab, "redis-78:6380", "CLUSTER", "ADDSLOTS", "5");
    expect(await fails("add-node", "cluster", "redis-78:6380")).toMatch(/redis-78:6380 is not empty: it owns 1 slots/);
    expect((await verb("reset", "cluster", "redis-78:6380")).stdout).toContain("redis-78:6380 is empty and knows no other node");
    expect(await fails("reset", "cluster", "redis-18")).toMatch(/redis-18:6379 can't be reset: .* know it/);
    expect(await fails("replicate", "cluster", "redis-18", "redis-28")).toMatch(/redis-18:6379 is a master with \d+ slots/);
    expect(await fails("failover", "cluster", "redis-18", "--force")).toMatch(/redis-18:6379 is a master; force is for a replica/);
    expect(await fails("set-timeout", "cluster", "50")).toMatch(/A node timeout of 50 ms is a bad idea/);
  });

  test("set-timeout reaches every node and its file", async () => {
    await verb("set-timeout", "cluster", "12500");
    const { replies } = await json("call", "cluster", "config", "get", "cluster-node-timeout");
    expect(new Set(replies.slice(0, 6).map(({ value }: { value: string[] }) => value[1]))).toEqual(new Set(["12500"]));
    await verb("set-timeout", "cluster", String(CALM_MS));
  });
});
