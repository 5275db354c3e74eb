import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { UserIds } from "../../lib/base/process.ts";
import { SHIPPED_DRILLS } from "../../lib/drill/scenarios/shipped.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { casesOf } from "../support/full.ts";
import { makeProject, smallCluster, smallReplication, smallSentinel, type TestProject } from "../support/project.ts";

// Drills on this computer, by the command line: what they find is held to what is expected of the version that runs. Labs beside each other, and one drill after the other in each.

const TIMEOUT_MS = 3_000;
/** A user without any right, as in netns.test.ts. */
const PLAIN: UserIds | undefined = process.getuid?.() === 0 ? { uid: 61_100, gid: 61_100 } : undefined;
const ON = ["--target", "netns"] as const;

const COMMON = {
  disposable: true,
  // A disk of its own for each host can be filled, and answers at once whatever the disk of the computer does.
  netns: { disk: "64mb" },
} as const;
const LABS: readonly LabInput[] = [
  smallCluster({
    ...COMMON,
    name: "cluster",
    layout: { ...(smallCluster().layout as object), nodeTimeoutMs: TIMEOUT_MS } as LabInput["layout"],
  }),
  smallSentinel({
    ...COMMON,
    name: "sentinel",
    layout: {
      kind: "sentinel",
      masters: [
        {
          name: "mymaster",
          master: "redis-18",
          replicas: ["redis-28", "redis-38"],
          quorum: 2,
          downAfterMs: TIMEOUT_MS,
          failoverTimeoutMs: 10_000,
        },
      ],
      sentinels: ["redis-18", "redis-28", "redis-38"],
    },
  }),
  smallReplication({
    ...COMMON,
    name: "pair",
    hosts: numberedHosts("192.168.1", [18, 28]),
    layout: { kind: "replication", master: "redis-18", replicas: ["redis-28"] },
  }),
];

/** Those that `npm test` runs, beside each other one of each kind: all of them (`npm run test:full`) take a quarter of an hour. */
const SAMPLE: Readonly<Record<string, readonly string[]>> = {
  cluster: ["master-kill", "disk-full", "power-off"],
  sentinel: ["master-hang-long", "sentinel-majority-gone"],
  pair: ["replica-kill", "planned-failover", "master-until-started"],
};

interface Listed {
  readonly name: string;
  readonly whyNot?: string;
}

let project: TestProject;
const listed = new Map<string, readonly Listed[]>();

beforeAll(async () => {
  project = await makeProject({ user: PLAIN });
  await project.write(...LABS);
  await Promise.all(LABS.map(({ name }) => project.ok(["up", name, ...ON])));
  for (const { name } of LABS) listed.set(name, JSON.parse((await project.ok(["drill", "list", name, "--json"])).stdout).drills);
});
afterAll(() => project.remove());

test("each drill is for some lab, or says what it needs", () => {
  for (const { name } of SHIPPED_DRILLS) {
    const said = [...listed.values()].map((drills) => drills.find((drill) => drill.name === name));
    expect(
      said.some((drill) => drill?.whyNot === undefined) ||
        said.every((drill) => /needs/.test(drill?.whyNot ?? "") || /it is for/.test(drill?.whyNot ?? "")),
      name,
    ).toBe(true);
  }
});

test.concurrent.each(LABS.map(({ name }) => [name]))(
  "%s: what was expected of each drill came to be, and the lab is healthy after each",
  async (lab) => {
    const able = (listed.get(lab) ?? []).filter(({ whyNot }) => whyNot === undefined).map(({ name }) => name);
    const cases = casesOf(able.map((name) => ({ name, sample: SAMPLE[lab]?.includes(name) === true })));
    for (const { name } of cases) {
      // A busy computer makes every time longer, and none of the counts another one.
      const { stdout, stderr, code } = await project.run(["drill", "run", lab, name, "--expect", "gap=any", "--json"]);
      const [drill] = code === 0 || code === 1 ? JSON.parse(stdout).drills : [];
      expect(drill?.runs[0]?.verdict.reasons ?? stderr, name).toEqual([]);
      expect([name, code]).toEqual([name, 0]);
    }
  },
  3_600_000,
);

test("what a setting costs is what fails its drill: a master that goes on alone without min-replicas-to-write", async () => {
  const args = ["drill", "run", "sentinel", "master-cut-off-with-clients", "--expect", "lost=0,gap=any", "--json"];
  const { stdout, code } = await project.run(args);
  expect(code).toBe(1);
  expect(JSON.parse(stdout).drills[0].runs[0].verdict.reasons).toEqual([expect.stringMatching(/^expected lost=0, and it was \d+$/)]);
});

test("a matrix that is interrupted puts the lab back as it is declared", async () => {
  const { child, result } = project.start(["drill", "matrix", "cluster", "replica-kill", "--set", "node-timeout=4321"], {
    onLine: (line) => {
      if (line.includes("load begins")) child.kill("SIGINT");
    },
  });
  expect((await result).code).toBe(130);
  const { stdout } = await project.ok(["cli", "cluster", "redis-18", "config", "get", "cluster-node-timeout"]);
  expect(stdout).toContain(String(TIMEOUT_MS));
});

test("a drill that is interrupted heals, says so, and its history can be judged", async () => {
  let stop = () => {};
  const { child, result } = project.start(["drill", "run", "pair", "replica-kill"], {
    onLine: (line) => {
      if (line.includes('waiting for "failed"')) stop();
    },
  });
  stop = () => child.kill("SIGINT");
  const { code, stdout } = await result;
  expect(code).toBe(130);
  expect(stdout).toMatch(/^interrupted {2}replica-kill on pair/);
  const folder = /redis-lab drill check (\S.*)$/m.exec(stdout)?.[1] ?? "";
  expect((await project.run(["drill", "check", folder])).stdout).toMatch(/^interrupted {2}replica-kill/);
  await project.ok(["up", "pair"]);
});

test("what kill -9 leaves can be judged, and heal takes back what it had done", async () => {
  let end = () => {};
  const { child, result } = project.start(["drill", "run", "sentinel", "master-hang-long"], {
    onLine: (line) => {
      if (line.includes('waiting for "promoted"')) end();
    },
  });
  end = () => child.kill("SIGKILL");
  expect((await result).code).toBeNull();
  const drills = join(project.folder, ".redis-lab", "sentinel", "netns", "drills");
  const newest =
    (await readdir(drills))
      .filter((name) => name.startsWith("master-hang-long-"))
      .sort()
      .at(-1) ?? "";
  const checked = await project.run(["drill", "check", join(drills, newest)]);
  expect(checked.stdout).toMatch(/^(interrupted|failed) {2}master-hang-long on sentinel/);
  expect((await readFile(join(drills, newest, "events.jsonl"), "utf8")).includes('"fault"')).toBe(true);
  await project.ok(["heal", "sentinel"]);
  await expect.poll(async () => (await project.run(["up", "sentinel"])).code, { timeout: 180_000, interval: 1_000 }).toBe(0);
});

test("a lab that is not healthy is refused, and so is a drill that does not fit, with the way on", async () => {
  await project.ok(["stop", "pair", "redis-28:6379"]);
  const refused = await project.run(["drill", "run", "pair", "replica-kill"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("pair is not healthy");
  expect(refused.stderr).toContain("redis-lab up pair");
  await project.ok(["up", "pair"]);
  const other = await project.run(["drill", "run", "pair", "sentinel-kill"]);
  expect([other.code, other.stderr]).toEqual([64, expect.stringContaining("it is for sentinel")]);
  const unknown = await project.run(["drill", "run", "pair", "replica-kil"]);
  expect(unknown.stderr).toContain('did you mean "replica-kill"?');
});
