import { cp, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import { type Rig, startMachines } from "./rig/rig.ts";
import { clusterOn } from "./support/labs.ts";
import { type CliResult, TestProject } from "./support/project.ts";

// A host whose cable is pulled while verbs are in the middle of a conversation with it: its redis-server is stopped (SIGSTOP), so each of them waits for an answer over an open SSH connection.
// Each ends within the bound of the keepalive, or at the first Ctrl-C, and none leaves the others half done.

const HOSTS = ["redis-18", "redis-28", "redis-38", "redis-48"] as const;
const SILENT = { name: "redis-38", address: "192.168.1.38" } as const;
/** Three questions ten seconds apart, and as much again for a busy computer. */
const BOUND_SECONDS = 120;

/** Verbs with what follows the lab. Those that change something are in a copy of the project each, as they hold its lock. */
const VERBS: readonly (readonly [verb: string, ...words: readonly string[]])[] = [
  ["status"],
  ["plan"],
  ["doctor"],
  ["up"],
  ["cli", SILENT.name, "ping"],
  ["ssh", SILENT.name, "exec sleep 3600"],
  ["exec", "--role", "master", "--", `[ $(hostname) != ${SILENT.name} ] || exec sleep 3600`],
  ["logs", SILENT.name, "--follow"],
  ["cluster check"],
  ["cluster info"],
  ["cluster topology"],
  ["cluster diff"],
  ["cluster wait", "--timeout", "5"],
  ["cluster call", "ping"],
  ["cluster fix"],
  ["cluster rebalance"],
  ["cluster reshard", "--from", "redis-18", "--to", "redis-28", "--slots", "10"],
  ["cluster backup", "backup"],
];

/** They show what they see, with who is absent: that is not a failure. */
const SHOW: ReadonlySet<string> = new Set(["plan", "cluster info", "cluster topology"]);

let rig: Rig;
let project: TestProject;
let copies: string;

beforeAll(async () => {
  rig = await startMachines({ machines: [...HOSTS] });
  project = await TestProject.create(
    await clusterOn(rig, "5.0.6", {
      hosts: numberedHosts("192.168.1", [18, 28, 38, 48]),
      // Nothing happens in the cluster by itself meanwhile.
      layout: {
        kind: "cluster",
        masters: ["redis-18", "redis-28", "redis-38"],
        replicas: { "redis-48": "redis-18" },
        standby: [],
        nodeTimeoutMs: 600_000,
      },
    }),
  );
  copies = await mkdtemp(join(tmpdir(), "redis-lab-copies-"));
  await project.up();
});

afterAll(async () => {
  await project?.remove();
  await rig?.stop();
  if (copies !== undefined) await rm(copies, { recursive: true, force: true });
});

/**
 * Starts every verb, pulls the cable once each of them is logged in, and gives what they end with. One that is logged in stands still until all are: it would give the silent server up
 * after ten seconds, and the last of so many may take longer to get there. @param then what else happens to each
 */
async function cutOff(then: (kill: (signal: NodeJS.Signals) => void) => void): Promise<(CliResult & { readonly verb: string })[]> {
  const machine = rig.machine(SILENT.name);
  await machine.exec("systemctl kill --signal=SIGSTOP redis");
  try {
    const running = await Promise.all(
      VERBS.map(async ([verb, ...words], index) => {
        const folder = await mkdtemp(join(copies, `${index}-`));
        await cp(project.folder, folder, { recursive: true, filter: (from) => !from.endsWith("/lock") });
        return { verb, ...project.start(verb, words, { folder }) };
      }),
    );
    await untilLoggedIn(running, (verb) => verb.kill("SIGSTOP"));
    await machine.linkDown();
    const cut = performance.now();
    for (const { kill } of running) kill("SIGCONT");
    for (const { kill } of running) then(kill);
    return await Promise.all(
      running.map(async ({ verb, ended }) => {
        const result = await ended;
        return { ...result, verb, seconds: (performance.now() - cut) / 1000 };
      }),
    );
  } finally {
    await machine.linkUp();
    await machine.exec("systemctl kill --signal=SIGCONT redis");
  }
}

/** Waits until the silent host has let each of them in. @param met called with each as soon as it is */
async function untilLoggedIn<T extends { readonly verb: string; readonly pid: number }>(
  verbs: readonly T[],
  met: (verb: T) => void,
): Promise<void> {
  const left = new Set(verbs);
  await waitFor(
    async () => {
      const [inodes, ports] = [await connections(), await loggedIn()];
      for (const each of left) {
        // The connection of `ssh` is that of OpenSSH's program.
        const children = await readFile(`/proc/${each.pid}/task/${each.pid}/children`, "utf8").catch(() => "");
        const files = await Promise.all([each.pid, ...children.split(" ").filter(Boolean)].map(openFiles));
        if (!files.flat().some((link) => ports.has(inodes.get(link) ?? 0))) continue;
        met(each);
        left.delete(each);
      }
      if (left.size === 0) return { done: true, value: undefined };
      return { done: false, missing: [...left].map(({ verb }) => `a login of ${verb} to ${SILENT.name}`).join(", ") };
    },
    { what: "all verbs to be logged in", timeoutMs: 240_000, intervalMs: 50 },
  );
}

/** Open connections from here to the silent host's sshd: local port by `socket:[INODE]`. State 01 in /proc/net/tcp (proc_net_tcp of the kernel's documentation). */
async function connections(): Promise<ReadonlyMap<string, number>> {
  const [a, b, c, d] = SILENT.address.split(".").map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, "0"));
  const remote = `${d}${c}${b}${a}:0016`;
  const table = await readFile("/proc/self/net/tcp", "utf8");
  return new Map(
    table.split("\n").flatMap((line): [string, number][] => {
      const [, from = "", to, state, , , , , , inode] = line.trim().split(/\s+/);
      return to === remote && state === "01" ? [[`socket:[${inode}]`, Number.parseInt(from.split(":")[1] ?? "", 16)]] : [];
    }),
  );
}

/** Ports of those whom the silent host's sshd has let in: before that a connection has a second process, which has no rights. */
async function loggedIn(): Promise<ReadonlySet<number>> {
  const text = await rig.machine(SILENT.name).exec("ss -tnpH state established '( sport = :22 )'");
  return new Set(
    text.split("\n").flatMap((line) => {
      const owners = line.match(/pid=\d+/g) ?? [];
      return owners.length === 1 ? Number(/:(\d+)\s+users/.exec(line)?.[1]) : [];
    }),
  );
}

async function openFiles(pid: number | string): Promise<readonly string[]> {
  const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
  return Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "")));
}

async function expectUntouched(): Promise<void> {
  expect((await project.run("cluster wait", ["--timeout", "60"])).code).toBe(0);
  const check = JSON.parse((await project.run("cluster check", ["--json"])).stdout);
  expect(check).toMatchObject({ ok: true, absent: [], findings: [] });
}

test("a host that goes silent in the middle of a verb: each ends by itself, with an error that names the host", async () => {
  const ends = await cutOff(() => {});
  console.log(`ended by themselves after ${ends.map(({ verb, seconds }) => `${verb} ${seconds.toFixed(0)}`).join(", ")} s`);
  for (const { verb, code, output, seconds } of ends) {
    expect(code, `${verb}\n${output}`).toBeGreaterThan(SHOW.has(verb) ? -1 : 0);
    expect(output, verb).toMatch(/redis-38|192\.168\.1\.38/);
    expect(output, verb).not.toMatch(/^\s+at |defect/m);
    expect(seconds, verb).toBeLessThan(BOUND_SECONDS);
  }
  await expectUntouched();
});

test("and at the first Ctrl-C", async () => {
  const ends = await cutOff((kill) => kill("SIGINT"));
  console.log(`ended by Ctrl-C after ${ends.map(({ verb, seconds }) => `${verb} ${seconds.toFixed(0)}`).join(", ")} s`);
  for (const { verb, code, output, seconds } of ends) {
    // That of ssh belongs to the remote side, as that of every terminal program does.
    expect(code, `${verb}\n${output}`).toBe(verb === "ssh" ? 255 : 130);
    expect(output, verb).not.toMatch(/^\s+at |defect/m);
    expect(seconds, verb).toBeLessThan(BOUND_SECONDS);
  }
  await expectUntouched();
});
