import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { hostHex } from "../../lib/bootstrap/facts-script.ts";
import { beforeStartOf } from "../../lib/lab/before-start.ts";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { placeLab } from "../../lib/lab/placement.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { renderBeforeStart } from "../../lib/render/before-start.ts";
import { renderHost } from "../../lib/render/render.ts";
import { clusterInput, sentinelInput } from "../support/labs.ts";
import { hostOf, SECRETS } from "./placements.ts";

// The script as a crashed master runs it, with a redis-cli that says what a test wants of the copies. Real servers are in test/integration/crashed.test.ts.

const root = mkdtempSync(join(tmpdir(), "redis-lab before-start-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const replicationInput: LabInput = {
  ...sentinelInput(),
  name: "replication",
  layout: { kind: "replication", master: "redis-18", replicas: ["redis-28", "redis-38"] },
};
const STREAM = "0123456789abcdef0123456789abcdef01234567";

interface Copy {
  readonly role: "master" | "slave";
  /** @default this instance */
  readonly of?: string;
  /** Seconds without its master; -1: never seen since its start. */
  readonly down?: number;
  readonly offset?: number;
  readonly stream?: string;
  readonly former?: string;
}

/** redis-18 of a lab on a computer of its own, after a crash. */
class Crashed {
  readonly folder = mkdtempSync(join(root, "lab-"));
  readonly placement;
  readonly host;
  readonly instance;
  readonly files;

  constructor(input: LabInput, replace: readonly (readonly [RegExp, string])[] = []) {
    const lab = defineLab(input);
    this.placement = placeLab(lab, { target: "local", hostsFolder: this.folder });
    this.host = hostOf(this.placement, "redis-18");
    const [instance] = this.host.instances;
    const files = instance && beforeStartOf(this.host, instance);
    if (instance === undefined || files === undefined) throw new Error("redis-18 has a redis-server");
    this.instance = instance;
    this.files = files;
    const { paths } = this.host;
    for (const folder of [paths.bin, paths.etc, paths.data, paths.logs, paths.run]) mkdirSync(folder, { recursive: true });
    const [script] = renderBeforeStart(this.placement, this.host, instance);
    // Who listens is read from a file of the test: every instance of the lab, as this user.
    const all = replace.concat([[/\/proc\/net\/tcp \/proc\/net\/tcp6/, `"${this.folder}/sockets"`]]);
    this.sockets(
      ...this.placement.hosts.flatMap(({ address }) => [6379, 26379].map((port) => [address, port, process.getuid?.() ?? 0] as const)),
    );
    const text = all.reduce((all, [from, to]) => all.replace(from, to), script?.content ?? "");
    writeFileSync(files.script, text);
    const conf = renderHost(this.placement, this.host, SECRETS, "debian").find(({ path }) => path === instance.configFile)?.content ?? "";
    writeFileSync(instance.configFile, conf);
    writeFileSync(instance.logFile, "");
    writeFileSync(instance.pidFile, "1\n");
    // Each copy is a file; what is asked of it is kept, and SLAVEOF NO ONE and a takeover make it a master.
    writeFileSync(
      join(paths.bin, "redis-cli"),
      `#!/bin/sh
at="${this.folder}/$2"; cat > "$at.asked.new"; cat "$at.asked.new" >> "${this.folder}/asked"
case "$*" in *${SECRETS.password}*) exit 1 ;; esac
grep -q "^AUTH ${SECRETS.password}$" "$at.asked.new" || exit 1
if grep -qE '^(SLAVEOF NO ONE|CLUSTER FAILOVER TAKEOVER)$' "$at.asked.new"; then sed -i 's/role:slave/role:master/' "$at"; fi
[ -f "$at" ] && cat "$at"
`,
      { mode: 0o755 },
    );
  }

  /** The listening sockets of the computer: address, port, user id. */
  sockets(...rows: readonly (readonly [string, number, number])[]): void {
    const lines = rows.map(([address, port, uid], index) => {
      const remote = address.includes(":") ? "::" : "0.0.0.0";
      return `${index}: ${hostHex(address, port)} ${hostHex(remote, 0)} 0A 00000000:00000000 00:00000000 00000000 ${uid} 0 ${index + 9} 1 0 100 0 0 10 0\n`;
    });
    writeFileSync(join(this.folder, "sockets"), lines.join(""));
  }

  address(host: string): string {
    return hostOf(this.placement, host).address;
  }

  copy(host: string, { role, of = this.address("redis-18"), down = 0, offset = 0, stream = STREAM, former = "0" }: Copy): this {
    const lines = [
      `role:${role}`,
      ...(role === "slave"
        ? [
            `master_host:${of}`,
            "master_port:6379",
            "master_link_status:down",
            `master_link_down_since_seconds:${down}`,
            `slave_repl_offset:${offset}`,
          ]
        : []),
      `master_replid:${stream}`,
      `master_replid2:${former}`,
      "loading:0",
      "db0:keys=3,expires=0,avg_ttl=0",
    ];
    writeFileSync(join(this.folder, this.address(host)), `${lines.join("\r\n")}\r\n`);
    return this;
  }

  /** A snapshot with this offset at its head, as an integer or as text. */
  snapshot(offset: Buffer): this {
    const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
    const head = [
      Buffer.from("REDIS0008"),
      Buffer.from([250]),
      text("redis-ver"),
      text("4.0.14"),
      Buffer.from([250]),
      text("repl-stream-db"),
      Buffer.from([0xc0, 0]),
    ];
    const rest = [
      Buffer.from([250]),
      text("repl-id"),
      text(STREAM),
      Buffer.from([250]),
      text("repl-offset"),
      offset,
      Buffer.from([0xfe, 0]),
    ];
    writeFileSync(join(this.host.paths.data, "dump-6379.rdb"), Buffer.concat([...head, ...rest]));
    return this;
  }

  nodes(...lines: readonly string[]): this {
    writeFileSync(join(this.host.paths.data, "nodes-6379.conf"), `${lines.join("\n")}\nvars currentEpoch 6 lastVoteEpoch 0\n`);
    return this;
  }

  /** @returns what was decided: the last line; empty where there was nothing to say */
  async start(onLine: (line: string) => void = () => {}): Promise<string> {
    const child = spawn("sh", [this.files.script], { stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.on("data", (chunk: Buffer) => onLine(chunk.toString()));
    const [code] = await once(child, "close");
    expect(code).toBe(0);
    expect(existsSync(this.files.mark)).toBe(false);
    const note = existsSync(this.files.note) ? readFileSync(this.files.note, "utf8").trim() : "";
    if (note !== "") expect(readFileSync(this.instance.logFile, "utf8")).toContain(`redis-lab: ${note}\n`);
    return note;
  }

  get conf(): string {
    return readFileSync(this.instance.configFile, "utf8");
  }

  get asked(): string {
    return existsSync(join(this.folder, "asked")) ? readFileSync(join(this.folder, "asked"), "utf8") : "";
  }
}

const int32 = (value: number) => {
  const bytes = Buffer.alloc(5, 0xc2);
  bytes.writeInt32LE(value, 1);
  return bytes;
};
const QUICK = [/^(patience|overdue)=\d+/gm, "$1=1"] as const;

test("without a master of its own in the files, or without copies, nobody is asked", async () => {
  const replica = new Crashed(replicationInput);
  appendFileSync(replica.instance.configFile, "slaveof 127.0.2.28 6379\n");
  const fresh = new Crashed(replicationInput);
  rmSync(fresh.instance.logFile);
  const joined = new Crashed(clusterInput()).nodes(
    "aa 127.0.1.18:6379@16379 myself,slave bb 0 0 1 connected",
    "bb 127.0.1.28:6379@16379 master - 0 0 2 connected",
  );
  const alone = new Crashed(clusterInput()).nodes(
    "aa 127.0.1.18:6379@16379 myself,master - 0 0 1 connected",
    "cc 127.0.1.58:6379@16379 slave bb 0 0 2 connected",
  );
  for (const crashed of [replica, fresh, new Crashed(clusterInput()), joined, alone]) {
    expect(await crashed.start()).toBe("");
    expect(crashed.asked).toBe("");
  }
});

test("a planned stop is believed where it saved: the mark is there, and no pid file", async () => {
  const planned = (input: LabInput = replicationInput) => {
    const crashed = new Crashed(input).copy("redis-28", { role: "slave", offset: 500 }).copy("redis-38", { role: "slave" });
    rmSync(crashed.instance.pidFile);
    writeFileSync(crashed.files.mark, "");
    return crashed;
  };
  const kept = planned();
  expect(await kept.start()).toBe("");
  expect(kept.asked).toBe("");
  const killed = planned();
  writeFileSync(killed.instance.pidFile, "1\n");
  expect(await killed.start()).toContain("handed over");
  expect(await planned({ ...replicationInput, redis: { settings: { save: "" } } }).start()).toContain("handed over");
});

test.each([
  ["behind", int32(70_000), 70_001, "handed over to 127.0.2.28:6379, which has more than its disk, and joins as its replica"],
  ["level", int32(70_000), 70_000, "leads with what its disk has: 127.0.2.28:6379 has no more"],
  ["level, as text", Buffer.from("\x0a9876543210"), 9_876_543_210, "leads with what its disk has: 127.0.2.28:6379 has no more"],
  ["ahead, in one byte", Buffer.from([0xc0, 100]), 90, "leads with what its disk has: 127.0.2.28:6379 has no more"],
  [
    "behind, in two bytes",
    Buffer.from([0xc1, 0x10, 0x27]),
    10_001,
    "handed over to 127.0.2.28:6379, which has more than its disk, and joins as its replica",
  ],
])("a disk that is %s", async (_, disk, offset, decided) => {
  const crashed = new Crashed(replicationInput).snapshot(disk);
  crashed.copy("redis-28", { role: "slave", offset, down: -1 }).copy("redis-38", { role: "slave", offset: 50, down: -1 });
  expect(await crashed.start()).toBe(decided);
  const handed = decided.startsWith("handed");
  expect(/^slaveof 127\.0\.2\.28 6379$/m.test(crashed.conf)).toBe(handed);
  expect(crashed.asked.includes("SLAVEOF 127.0.2.28 6379\nCONFIG REWRITE\n")).toBe(handed);
});

test("an empty master does not lead beside a copy with keys, and one with an append-only file does", async () => {
  expect(
    await new Crashed(replicationInput).copy("redis-28", { role: "slave", down: -1 }).copy("redis-38", { role: "slave", down: -1 }).start(),
  ).toContain("handed over");
  const durable = new Crashed({ ...replicationInput, redis: { settings: { appendonly: true } } });
  writeFileSync(join(durable.host.paths.data, "appendonly-6379.aof"), "x");
  expect(await durable.copy("redis-28", { role: "slave", offset: 9 }).copy("redis-38", { role: "slave", offset: 9 }).start()).toContain(
    "leads with",
  );
});

test("it waits for the sentinels, and then joins the server that they chose", async () => {
  const crashed = new Crashed(sentinelInput());
  crashed.copy("redis-28", { role: "slave", offset: 9 }).copy("redis-38", { role: "slave", offset: 9 });
  const decided = await crashed.start((line) => {
    if (!line.includes("waits at most 20 s until it is failed over")) return;
    expect(readFileSync(crashed.files.note, "utf8")).toMatch(/^waits/);
    crashed.copy("redis-28", { role: "master" }).copy("redis-38", { role: "slave", of: crashed.address("redis-28") });
  });
  expect(decided).toMatch(/^was failed over to 127\.0\.2\.28:6379, and joins as its replica/);
  expect(crashed.conf).toMatch(/^slaveof 127\.0\.2\.28 6379$/m);
});

test("what it waits for is said once, however often it looks", async () => {
  const crashed = new Crashed(sentinelInput());
  crashed.copy("redis-28", { role: "slave", offset: 9 }).copy("redis-38", { role: "slave", offset: 9 });
  const said: string[] = [];
  const decided = crashed.start((line) => void said.push(line));
  await vi.waitUntil(() => crashed.asked.split("\n").length > 24, { timeout: 60_000 });
  crashed.copy("redis-28", { role: "master" }).copy("redis-38", { role: "slave", of: crashed.address("redis-28") });
  await decided;
  expect(said.join("").match(/waits at most/g)).toHaveLength(1);
});

test("one that was failed over while its host was down joins the server whose data come from its own", async () => {
  const crashed = new Crashed(sentinelInput()).snapshot(int32(5));
  crashed.copy("redis-28", { role: "master", former: STREAM }).copy("redis-38", { role: "slave", of: crashed.address("redis-28") });
  expect(await crashed.start()).toContain("was failed over to 127.0.2.28:6379");
});

test("a failover that is overdue is made, in a cluster only where every copy is seen", async () => {
  const lab = (...silent: readonly string[]) =>
    new Crashed(clusterInput(), [QUICK]).nodes(
      "aa 127.0.1.18:6379@16379 myself,master - 0 0 1 connected 0-5460",
      "cc 127.0.1.58:6379@16379 slave aa 0 0 1 connected",
      "-x -h:1@2 slave aa 0 0 1 connected",
      ...silent.map((host) => `dd ${host}:6379@16379,name slave aa 0 0 1 connected`),
    );
  const whole = lab().copy("redis-58", { role: "slave", offset: 9 });
  expect(await whole.start()).toBe("handed over to 127.0.1.58:6379, which has more than its disk, and joins as its replica");
  expect(whole.asked).toContain("CLUSTER FAILOVER TAKEOVER\n");
  expect(whole.conf).not.toMatch(/^slaveof/m);
  expect(await lab().copy("redis-58", { role: "master" }).start()).toMatch(/^was failed over, and joins as a replica \(waited \d+ s\)$/);
  const parted = lab("127.0.1.68").copy("redis-58", { role: "slave", offset: 9 });
  expect(await parted.start()).toMatch(
    /^starts with what its disk has, though 127\.0\.1\.58:6379 has more: .* 127\.0\.1\.68:6379 gives no answer$/,
  );
  expect(parted.asked).not.toContain("FAILOVER");
});

test("copies that give no answer are waited for, and not for ever", async () => {
  expect(await new Crashed(replicationInput, [QUICK]).start()).toBe(
    "starts with what its disk has: no other copy of its data answered within 1 s",
  );
});

test("a stop is planned only while the process runs", async () => {
  const crashed = new Crashed(replicationInput);
  const stop = async (env: NodeJS.ProcessEnv) =>
    once(spawn("sh", [crashed.files.script, "stop"], { env: { PATH: process.env["PATH"], ...env } }), "close");
  expect((await stop({}))[0]).toBe(0);
  expect(existsSync(crashed.files.mark)).toBe(false);
  expect((await stop({ MAINPID: "1" }))[0]).toBe(0);
  expect(existsSync(crashed.files.mark)).toBe(true);
});

test.each<[string, (copies: readonly string[], uid: number) => readonly (readonly [string, number, number])[]]>([
  ["at the addresses of the copies", (copies, uid) => copies.map((address) => [address, 6379, uid + 1])],
  ["at all addresses", (_, uid) => [["0.0.0.0", 6379, uid + 1]]],
  ["at all addresses of both families", (_, uid) => [["::", 6379, uid + 1]]],
  ["at the addresses, as IPv6 has them", (copies, uid) => copies.map((address) => [`::ffff:${address}`, 6379, uid + 1])],
  [
    "at the addresses, where this user listens at all",
    (copies, uid) => [["0.0.0.0", 6379, uid], ...copies.map((address) => [address, 6379, uid + 1] as const)],
  ],
  ["nowhere: no process listens", () => []],
])("another user of the computer that listens %s gets no password, and is not followed", async (_, rows) => {
  const uid = process.getuid?.() ?? 0;
  const crashed = new Crashed(replicationInput, [QUICK]).copy("redis-28", { role: "master", offset: 1e9, former: STREAM });
  crashed.sockets(
    ...rows(
      ["redis-28", "redis-38"].map((host) => crashed.address(host)),
      uid,
    ),
  );
  expect(await crashed.snapshot(int32(5)).start()).toContain("starts with what its disk has");
  expect(crashed.asked).toBe("");
  expect(crashed.conf).not.toMatch(/^slaveof/m);
  // The very address comes first, as the kernel has it.
  crashed.sockets(["::", 6379, uid + 1], ["0.0.0.0", 6379, uid + 1], [crashed.address("redis-28"), 6379, uid]);
  expect(await crashed.start()).toContain(`was failed over to ${crashed.address("redis-28")}:6379`);
});

test("on a computer of its own an instance asks whatever answers at the address of a copy", () => {
  const placement = placeLab(defineLab(replicationInput), { target: "ssh", hostsFolder: "/unused" });
  const host = hostOf(placement, "redis-18");
  const [script] = renderBeforeStart(placement, host, host.instances[0]!);
  expect(script?.content).not.toContain("/proc/net/tcp");
});
