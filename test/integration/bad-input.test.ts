import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { copyFile, mkdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import {
  CALM_MS,
  changedOf,
  fingerprints,
  makeProject,
  serversIn,
  smallCluster,
  smallSentinel,
  type TestProject,
  testRedis,
} from "../support/project.ts";
import { redisBin, startServer } from "../support/redis.ts";

// What a user gets wrong, typed as the user types it: the exit code, what is said, and that nothing was touched.

const HOSTS = numberedHosts("192.168.1", [18, 28, 38]);
const LAYOUT = { kind: "cluster", masters: ["redis-18", "redis-28", "redis-38"], nodeTimeoutMs: CALM_MS } as const;
let project: TestProject;

beforeEach(async () => {
  project = await makeProject();
});
afterEach(() => project.remove());

const threeMasters = () => smallCluster({ hosts: HOSTS, layout: { ...LAYOUT, masters: [...LAYOUT.masters] } });
const state = () => fingerprints(join(project.folder, ".redis-lab"), /\.(rdb|aof|log)$|\/lock/);

test("wrong use ends with 64, names what there is, and touches nothing", async () => {
  await project.write(threeMasters());
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["up", "nolab"], /There is no lab "nolab".*\n.*cluster/],
    [["up"], /missing required argument 'lab'/],
    [["frobnicate", "cluster"], /unknown command 'frobnicate'/],
    [["up", "cluster", "--frobnicate"], /unknown option '--frobnicate'/],
    [["up", "cluster", "--target", "moon"], /There is no target "moon"[\s\S]*local, netns, ssh/],
    [["inventory", "cluster", "--format", "xml"], /Allowed choices are/],
    [["ssh", "cluster", "redis-99"], /no host "redis-99"[\s\S]*redis-18, redis-28, redis-38/],
    [["cli", "cluster", "redis-18:7000", "ping"], /no instance redis-18:7000[\s\S]*redis-18:6379/],
    [["logs", "cluster", "redis-18", "--lines", "many"], /'many' is invalid. "many" is not a number/],
    [["status", "cluster", "--watch", "often"], /'often' is invalid. "often" is not a number/],
    [["cluster", "rebalance", "cluster", "--pipeline", "0"], /'0' is invalid. Give a whole number from 1 on/],
    [["cluster", "rebalance", "cluster", "--max-keys", "0"], /'0' is invalid. Give a number above 0/],
    [["cluster", "restore", "cluster", "backups", "--compare", "few"], /'few' is invalid. "few" is not a number/],
    [["render", "cluster", "--os", "beos"], /--os takes rhel or debian/],
    [["render", "cluster", "redis-99"], /no host "redis-99"/],
    [["up", "../cluster"], /There is no lab/],
    [["apply", "none.json"], /none.json can't be read: ENOENT/],
    [["cluster", "set-timeout", "cluster", "five"], /"five" is not a number/],
  ];
  const results = await Promise.all(cases.map(([args]) => project.run(args)));
  for (const [index, result] of results.entries()) {
    const [args, text] = cases[index] ?? [[], /./];
    expect(result.stderr, args.join(" ")).toMatch(text);
    expect(result.code, args.join(" ")).toBe(64);
    expect(result.stdout, args.join(" ")).toBe("");
    expect(result.stderr, args.join(" ")).not.toMatch(/^\s+at .*\d+:\d+/m);
  }
  expect(Object.keys(await state())).toEqual([]);
});

test("--json gives errors as a document too", async () => {
  await project.write(threeMasters());
  const result = await project.run(["status", "nolab", "--json"]);
  expect(result.code).toBe(64);
  expect(JSON.parse(result.stdout)).toEqual({
    format: 1,
    lab: "nolab",
    error: { code: "project.no-such-lab", kind: "usage", what: expect.any(String), next: "Its labs are: cluster." },
  });
  for (const words of [["status"], ["frob"], ["inventory", "cluster", "--format", "xml"]]) {
    const { code, stdout, stderr } = await project.run([...words, "--json"]);
    expect(JSON.parse(stdout).error.kind).toBe("usage");
    expect(stderr).toBe("");
    expect(code).toBe(64);
  }
});

test("no labs file, one with a syntax error, and one with faults: all of them are told", async () => {
  const none = await project.run(["up", "cluster"]);
  expect(none.code).toBe(1);
  expect(none.stderr).toMatch(/No labs file above/);
  const file = join(project.folder, "stacks/labs.mjs");
  await writeFile(file, "export const cluster = {{;\n");
  const syntax = await project.run(["up", "cluster"]);
  expect(syntax.code).toBe(1);
  expect(syntax.stderr).toContain("labs.mjs can't be loaded:");
  const wrong = threeMasters();
  await project.write({
    ...wrong,
    hosts: [...HOSTS, { name: "redis-18", address: "192.168.1.28" }],
    redis: testRedis({ "no-such-directive": 1 }),
    layout: { kind: "cluster", masters: ["redis-18", "redis-28"] },
  });
  const faults = await project.run(["up", "cluster"]);
  expect(faults.code).toBe(1);
  for (const fault of [/redis-18/, /192\.168\.1\.28/, /no-such-directive/, /2 masters; Redis Cluster needs at least 3/])
    expect(faults.stderr).toMatch(fault);
  expect(faults.stderr).not.toMatch(/^\s+at /m);
  expect(Object.keys(await state())).toEqual([]);
});

test("a port that a stranger has is told with the stranger's name, and nothing is touched", async () => {
  const lab = threeMasters();
  await project.write(lab);
  const stranger = createServer().listen(6379, lab.network.loopback.replace(/0\/24$/, "28"));
  await once(stranger, "listening");
  try {
    const plan = await project.run(["plan", "cluster"]);
    expect(plan.code).toBe(1);
    const before = await state();
    const up = await project.run(["up", "cluster"]);
    expect(up.code).toBe(1);
    expect(up.stderr).toMatch(new RegExp(`redis-28:6379: port 6379 of \\S+\\.28 is taken by \\S+.* \\(process ${process.pid}, `));
    expect(up.stderr).toContain("Nothing was touched");
    expect(await state()).toEqual(before);
    expect(await serversIn(project.folder)).toEqual([]);
  } finally {
    stranger.close();
  }
});

test("corrupt secrets and state files are told and left alone", async () => {
  await project.write(threeMasters());
  await mkdir(join(project.folder, ".redis-lab/cluster/local"), { recursive: true });
  const secrets = join(project.folder, ".redis-lab/cluster/secrets.json");
  await writeFile(secrets, '{"password": "half');
  const broken = await project.run(["up", "cluster"]);
  expect(broken.code).toBe(1);
  expect(broken.stderr).toContain(`${secrets} is not what redis-lab wrote`);
  expect(broken.stderr).not.toContain("half");
  expect(await readFile(secrets, "utf8")).toBe('{"password": "half');
  await rm(secrets);
  const file = join(project.folder, ".redis-lab/cluster/local/state.json");
  await writeFile(file, "{]");
  const result = await project.run(["up", "cluster"]);
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(`rm ${file}`);
  expect(await readFile(file, "utf8")).toBe("{]");
});

test("two at once: the second says who works there, and since when", async () => {
  await project.write(threeMasters());
  const first = project.start(["up", "cluster"]);
  const lock = join(project.folder, ".redis-lab/cluster/local/lock");
  await waitFor(
    async () => ((await readFile(lock, "utf8").catch(() => "")) === "" ? { done: false, missing: lock } : { done: true, value: undefined }),
    { what: "the first up to lock", timeoutMs: 60_000, intervalMs: 10 },
  );
  // Held there, however long the others take to start.
  first.child.kill("SIGSTOP");
  for (const second of await Promise.all(["up", "down"].map((verb) => project.run([verb, "cluster"])))) {
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(
      new RegExp(`Another redis-lab works on "cluster": \`up cluster\`, process ${first.child.pid} on \\S+, since \\S+ \\(\\d+ s ago\\)`),
    );
  }
  first.child.kill("SIGCONT");
  expect((await first.result).code).toBe(0);
});

test("plan --exit-code says 2 for pending changes and 0 for none, and writes nothing on the hosts", async () => {
  await project.write(threeMasters());
  expect((await project.run(["plan", "cluster", "--exit-code"])).code).toBe(2);
  expect((await project.run(["plan", "cluster"])).code).toBe(0);
  expect(Object.keys(await state()).filter((file) => !file.endsWith("secrets.json"))).toEqual([]);
  await project.ok(["up", "cluster"]);
  expect((await project.run(["plan", "cluster", "--exit-code"])).code).toBe(0);
});

/** The tarball that the tests compile, copied, and a cache of the test's own, so that it must be looked at. */
async function tarball(): Promise<{
  readonly path: string;
  readonly sha256: string;
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
}> {
  const redis = testRedis();
  const source = redis.source;
  if (source?.kind !== "file") throw new Error("the global set-up names a file");
  const path = join(project.folder, "source.tar.gz");
  await copyFile(source.path, path);
  return { path, sha256: source.sha256 ?? "", version: redis.version ?? "", env: { XDG_CACHE_HOME: join(project.folder, "cache") } };
}

test("a tarball with another checksum, and one that is cut off, are refused before a host is touched", async (context) => {
  if (process.env["REDIS_LAB_TEST_LAB_REDIS"] === undefined) return context.skip();
  const { path, sha256, version, env } = await tarball();
  const lab = (sum: string) => ({ ...threeMasters(), redis: { version, source: { kind: "file" as const, path, sha256: sum } } });
  await project.write(lab("0".repeat(64)));
  const mismatch = await project.run(["up", "cluster"], { env });
  expect(mismatch.code).toBe(1);
  expect(mismatch.stderr).toContain(sha256);
  expect(mismatch.stderr).toContain("0".repeat(64));
  const whole = await readFile(path);
  await writeFile(path, whole.subarray(0, 100_000));
  await project.write(lab(sha256));
  const cut = await project.run(["up", "cluster"], { env });
  expect(cut.code).toBe(1);
  expect(cut.stderr).toMatch(/100000 bytes/);
  await project.write(lab(createHash("sha256").update(whole.subarray(0, 100_000)).digest("hex")));
  const truncated = await project.run(["up", "cluster"], { env });
  expect(truncated.code).toBe(1);
  expect(truncated.stderr).toMatch(/source\.tar\.gz/);
  await project.write({
    ...lab(sha256),
    redis: { version, source: { kind: "file", path: join(project.folder, "absent.tar.gz"), sha256 } },
  });
  expect((await project.run(["up", "cluster"], { env })).stderr).toContain("absent.tar.gz");
  expect(await serversIn(project.folder)).toEqual([]);
});

test("without a compiler the package to install is named, and nothing is touched", async (context) => {
  if (process.env["REDIS_LAB_TEST_LAB_REDIS"] === undefined) return context.skip();
  // The compiler is hidden from this one run in a mount namespace; where none may be made the test says nothing.
  const hidden: string[] = [];
  for (const name of ["cc", "gcc", "make"]) {
    const { stdout } = await promisify(execFile)("sh", ["-c", `command -v ${name}`]).catch(() => ({ stdout: "" }));
    if (stdout.trim() !== "") hidden.push(await realpath(stdout.trim()));
  }
  const script = `for f in ${[...new Set(hidden)].join(" ")}; do mount --bind /dev/null "$f" || exit 77; done; exec "$@"`;
  if (spawnSync("unshare", ["-m", "sh", "-c", script, "sh", "true"]).status !== 0) return context.skip();
  const { path, sha256, version, env } = await tarball();
  await project.write({ ...threeMasters(), redis: { version, source: { kind: "file", path, sha256 } } });
  const { MAIN } = await import("../support/project.ts");
  const result = spawnSync("unshare", ["-m", "sh", "-c", script, "sh", process.execPath, MAIN, "up", "cluster"], {
    cwd: project.folder,
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  expect(result.stderr).toMatch(/a C compiler and make is missing/);
  expect(result.stderr).toMatch(/apt-get install|dnf install|yum install/);
  expect(result.status).toBe(1);
  expect(await serversIn(project.folder)).toEqual([]);
});

test("a node that belongs to a foreign cluster is refused with a reason", async () => {
  const lab = smallCluster({
    hosts: numberedHosts("192.168.1", [18, 28, 38, 78]),
    layout: { ...LAYOUT, masters: [...LAYOUT.masters], standby: ["redis-78"] },
  });
  await project.write(lab);
  await project.ok(["up", "cluster"]);
  const foreign = await startServer({
    config: `cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-node-timeout ${CALM_MS}\nprotected-mode no`,
  });
  try {
    await project.call(lab, "redis-78", "CLUSTER", "MEET", foreign.address, foreign.port);
    await waitFor(
      async () =>
        String(await project.call(lab, "redis-78", "CLUSTER", "NODES"))
          .trim()
          .split("\n")
          .filter((line) => !/handshake/.test(line)).length === 2
          ? { done: true, value: undefined }
          : { done: false, missing: "the foreign node" },
      { what: "the two to know each other", timeoutMs: 60_000 },
    );
    const nodes = await project.call(lab, "redis-18", "CLUSTER", "NODES");
    await project.write({ ...lab, layout: { ...LAYOUT, masters: [...LAYOUT.masters], replicas: { "redis-78": "redis-18" } } });
    for (const verb of ["plan", "up"]) {
      const result = await project.run([verb, "cluster"]);
      expect(result.code, result.stdout + result.stderr).toBe(1);
      // From 7.0 on a node that never met a live one before calls itself by the address that its connections come from.
      expect(result.stdout + result.stderr).toMatch(new RegExp(`redis-78:6379 knows (${foreign.address}|127\\.0\\.0\\.1):${foreign.port}`));
    }
    expect(String(nodes).split("\n")).toHaveLength(String(await project.call(lab, "redis-18", "CLUSTER", "NODES")).split("\n").length);
  } finally {
    await foreign.stop();
  }
});

test("a master with data is not made a replica, which would empty it", async () => {
  const lab = smallSentinel({
    hosts: numberedHosts("192.168.1", [11, 12, 21, 22]),
    layout: {
      kind: "sentinel",
      masters: [
        { name: "orders", master: "redis-11", replicas: ["redis-12"], quorum: 1 },
        { name: "users", master: "redis-21", replicas: ["redis-22"], quorum: 1 },
      ],
      sentinels: ["redis-11"],
    },
  });
  await project.write(lab);
  await project.ok(["up", "sentinel"]);
  await project.call(lab, "redis-21", "SET", "precious", "1");
  const master = { name: "orders", master: "redis-11", replicas: ["redis-12", "redis-21", "redis-22"], quorum: 1 };
  await project.write({ ...lab, layout: { kind: "sentinel", masters: [master], sentinels: ["redis-11"] } });
  const up = await project.run(["up", "sentinel"]);
  expect(up.code, up.stdout).toBe(1);
  expect(up.stderr + up.stdout).toMatch(/redis-21:6379 is a master with 1 key/);
  expect(await project.call(lab, "redis-21", "GET", "precious")).toBe("1");
  // Cleared by hand, as the error says; then it goes on.
  await project.call(lab, "redis-21", "FLUSHALL");
  expect(changedOf(await project.ok(["up", "sentinel"]))).toBeGreaterThan(0);
});

test("data that lies in the folder of a replica is shown and not replicated over", async () => {
  const lab = smallSentinel();
  const data = join(project.folder, ".redis-lab", lab.name, "local", "hosts", "redis-28", "apps", "redis", "data");
  await project.write(lab);
  const old = await startServer({ config: "dbfilename dump-6379.rdb" });
  const cli = (...words: readonly string[]) => promisify(execFile)(join(redisBin(), "redis-cli"), ["-h", old.address, ...words]);
  await cli("SET", "precious", "1");
  await cli("SAVE");
  await mkdir(data, { recursive: true });
  await copyFile(join(old.folder, "dump-6379.rdb"), join(data, "dump-6379.rdb"));
  await old.stop();
  const up = await project.run(["up", lab.name]);
  expect(up.code, up.stdout).toBe(1);
  expect(up.stderr + up.stdout).toMatch(/redis-28:6379 is a master with 1 key/);
  expect(await project.call(lab, "redis-28", "GET", "precious")).toBe("1");
});
