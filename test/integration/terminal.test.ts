import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import type { Server } from "node:net";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeKeyPair } from "../../lib/connection/key-pair.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import { nextNetwork } from "../support/addresses.ts";
import { tryRun } from "../support/command.ts";
import { ATTACK, type HostileHost, SEEN, startHostileHost, startHostileRedis } from "../support/hostile-host.ts";
import { MAIN, makeProject, smallCluster, smallSentinel, type TestProject } from "../support/project.ts";
import { onTerminal } from "../support/terminal.ts";

// Hosts that were taken over speak to the terminal of who asks them. Whatever they say, and on whatever way it comes out, no terminal obeys it.

const TRIB = MAIN.replace(/main\.js$/, "trib.js");
const loopback = nextNetwork();
const prefix = loopback.replace(/\.0\/24$/, "");
const HOSTS = [18, 28, 38];
const common = { network: { cidr: loopback, loopback }, hosts: numberedHosts(prefix, HOSTS) };
const ssh = (keyFile: string) => ({ user: "deploy", port: 2222, keyFile });

let project: TestProject;
let hosts: readonly HostileHost[];
let redis: readonly Server[];

beforeAll(async () => {
  project = await makeProject();
  const key = makeKeyPair();
  const keyFile = join(project.folder, "key");
  await writeFile(keyFile, key.private, { mode: 0o600 });
  const masters = ["redis-18", "redis-28", "redis-38"];
  await project.write(
    { ...smallCluster({ ...common, layout: { kind: "cluster", masters } }), ssh: ssh(keyFile) },
    { ...smallSentinel({ ...common, network: { cidr: loopback, loopback: nextNetwork() } }), ssh: ssh(keyFile) },
  );
  hosts = await Promise.all(HOSTS.map((number) => startHostileHost(`${prefix}.${number}`, key.public)));
  redis = await Promise.all([startHostileRedis(`${prefix}.101`, 6379, "error"), startHostileRedis(`${prefix}.102`, 6379, "status")]);
});
afterAll(async () => {
  await Promise.all((hosts ?? []).map((host) => host.stop()));
  for (const server of redis ?? []) server.close();
  await project?.remove();
});
const hasScript = spawnSync("sh", ["-c", "command -v script"]).status === 0;

const ESCAPE = "\u001b";
/** Colours that redis-lab writes: nothing else that a terminal obeys is in what it prints. */
const COLOURS = new RegExp(`${ESCAPE}\\[(?:0|1|2|7|22|27|31|32|33|36|39|29;1|31;1)m`, "g");
const OBEYED = /[^\P{Cc}\n\t]|[\p{Bidi_Control}\u2028\u2029]/u;

/** What is typed, and whether hosts or servers are quoted in what it says: it is of no use to try a verb that says nothing of theirs. */
const ASKED: Readonly<Record<"obeys" | "fails" | "no shell", readonly string[]>> = {
  obeys: [
    "exec cluster -- uptime",
    "logs cluster redis-18 --follow",
    "logs cluster --all --follow",
    "status cluster",
    "status sentinel",
    "doctor cluster",
    "cluster call cluster ping",
    "cluster check cluster",
    "cluster reset cluster redis-18 --yes",
    "cluster backup cluster backups",
  ],
  fails: ["exec cluster -- uptime", "logs cluster redis-18", "plan cluster", "up cluster", "down cluster --purge"],
  "no shell": ["exec cluster -- uptime", "logs cluster --all", "plan sentinel", "doctor cluster", "rebuild cluster --yes"],
};

/** Own options before what is for a host, and --json for the verbs that have it. */
function typed(words: string, ...options: readonly string[]): readonly string[] {
  const all = words.split(" ");
  const at = all[0] === "cluster" ? 3 : 2;
  return [...all.slice(0, at), "--target", "ssh", ...options, ...all.slice(at)];
}

describe.each(Object.entries(ASKED))("hosts of which each %s", (mood, verbs) => {
  beforeAll(() => {
    for (const host of hosts) Object.assign(host, { mood, redis: "error" });
  });

  test("a terminal behind a pipe shows what they say, and obeys none of it", async () => {
    for (const words of verbs) {
      const { stdout, stderr } = await project.run(typed(words), { env: { FORCE_COLOR: "1" } });
      const said = stdout + stderr;
      expect(said.replaceAll(COLOURS, ""), words).not.toMatch(OBEYED);
      expect(said, words).toContain(SEEN);
      expect(said, words).not.toContain("This is a fault of redis-lab");
      const json = !words.startsWith("logs");
      const plain = await project.run(typed(words, ...(json ? ["--json"] : [])), { env: { NO_COLOR: "1" } });
      expect(plain.stdout + plain.stderr, words).not.toMatch(OBEYED);
      if (json) expect(JSON.stringify(JSON.parse(plain.stdout)), words).toContain("OWNED");
    }
  });
});

describe("on a terminal", () => {
  /** Sequences of which the attack is made; a terminal in its place adds those of our own display, and CR to each line break. */
  const SENT = new RegExp(
    `${ESCAPE}[\\]\\\\]|${ESCAPE}\\[(?:6n|1;1H|8m|5m)|[^\\P{Cc}\\n\\t\\r${ESCAPE}]|safe\\r|[\\p{Bidi_Control}\\u2028]`,
    "u",
  );
  const node = `'${process.execPath}' '${MAIN}'`;

  const CASES: readonly (readonly [words: string, mood: HostileHost["mood"], redis: HostileHost["redis"], typed?: string])[] = [
    ["cli --target ssh cluster redis-18 ping", "obeys", "imitates, error"],
    ["cli --target ssh cluster redis-18 ping", "obeys", "imitates, status"],
    ["exec cluster --target ssh -- uptime", "obeys", "error"],
    ["logs cluster redis-18 --target ssh", "obeys", "error"],
    ["up cluster --target ssh", "fails", "error"],
    ["status cluster --target ssh --watch 1", "obeys", "error", "\u0003"],
  ];
  test.for(CASES)("%s: a host that %s, a server that answers with %s", async ([words, mood, redis, keys], context) => {
    if (!hasScript) return context.skip();
    for (const host of hosts) Object.assign(host, { mood, redis });
    const seen = await onTerminal(`stty cols 200; ${node} ${words}`, {
      cwd: project.folder,
      env: project.environment,
      turns: keys === undefined ? [] : [[SEEN, keys]],
    });
    expect(seen).toContain(SEEN);
    expect(seen).not.toMatch(SENT);
  });
});

test("a value that cli hands to a pipe comes byte by byte, as redis-cli gives it", async () => {
  for (const host of hosts) Object.assign(host, { mood: "obeys", redis: "imitates, status" });
  const { stdout } = await project.run(["cli", "--target", "ssh", "cluster", "redis-18", "ping"]);
  expect(stdout).toBe(`${ATTACK.replaceAll("\r", "")}\n`);
});

test("files say nothing to the terminal: plans and what redis-lab remembers", async () => {
  const plan = { format: 1, lab: ATTACK, target: "local", actions: [{ kind: ATTACK, summary: ATTACK }] };
  await writeFile(join(project.folder, "evil.json"), JSON.stringify(plan));
  await writeFile(join(project.folder, "torn.json"), ATTACK);
  const state = join(project.folder, ".redis-lab/sentinel/local/state.json");
  await mkdir(dirname(state), { recursive: true, mode: 0o700 });
  await writeFile(state, ATTACK, { mode: 0o600 });
  for (const words of [
    ["apply", "evil.json"],
    ["apply", "torn.json"],
    ["status", "sentinel", "--target", "local"],
    ["status", ATTACK.replaceAll("\0", "")],
    ["status", "cluster", `--${ATTACK}`],
  ]) {
    const { stdout, stderr, code } = await project.run(words);
    expect(stdout + stderr).not.toMatch(OBEYED);
    expect(code).not.toBe(0);
    expect(stderr).not.toContain("This is a fault of redis-lab");
  }
});

test.each(["xterm", "dumb"])("redis-trib where TERM is %s", async (TERM) => {
  for (const [address, words] of [
    [101, ["check"]],
    [101, ["info"]],
    [102, ["check"]],
    [101, ["call"]],
    [102, ["call"]],
    [101, ["fix"]],
  ] as const) {
    const args = [...words, `${prefix}.${address}:6379`, ...(words[0] === "call" ? ["ping"] : [])];
    const { stdout, stderr } = await tryRun(process.execPath, [TRIB, ...args], { env: { ...process.env, TERM, REDISCLI_AUTH: "x" } });
    expect((stdout + stderr).replaceAll(TERM === "xterm" ? COLOURS : /^$/g, ""), args.join(" ")).not.toMatch(OBEYED);
    if (address === 101) expect(stdout + stderr, args.join(" ")).toContain(SEEN);
  }
});
