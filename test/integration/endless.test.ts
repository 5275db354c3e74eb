import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeKeyPair } from "../../lib/connection/key-pair.ts";
import { openSshConnection } from "../../lib/connection/ssh.ts";
import { numberedHosts } from "../../lib/lab/define-lab.ts";
import { nextNetwork } from "../support/addresses.ts";
import { type HostileHost, startHostileHost } from "../support/hostile-host.ts";
import { makeProject, smallReplication, type TestProject } from "../support/project.ts";

// Hosts that do not stop talking: neither the memory nor the disk of who listens is theirs.

const loopback = nextNetwork();
const prefix = loopback.replace(/\.0\/24$/, "");
const HEARD = 60e6;
const MEMORY_KB = 300_000;

let project: TestProject;
let host: HostileHost;
let keyFile: string;

beforeAll(async () => {
  project = await makeProject();
  const key = makeKeyPair();
  keyFile = join(project.folder, "key");
  await writeFile(keyFile, key.private, { mode: 0o600 });
  const network = { cidr: loopback, loopback };
  const layout = { kind: "replication", master: "redis-18", replicas: [] } as const;
  const lab = smallReplication({ network, hosts: numberedHosts(prefix, [18]), layout: { ...layout, replicas: [] } });
  await project.write({ ...lab, ssh: { user: "deploy", port: 2222, keyFile } });
  host = await startHostileHost(`${prefix}.18`, key.public);
});
afterAll(async () => {
  await host?.stop();
  await project?.remove();
});

test.each([
  ["logs replication redis-18 --follow --target ssh", "endless lines"],
  ["logs replication redis-18 --follow --target ssh", "line without end"],
  ["exec replication --target ssh -- uptime", "endless lines"],
  ["exec replication --target ssh -- uptime", "line without end"],
] as const)("%s of %s goes on for as long as it is read, in bounded memory", async (words, mood) => {
  host.mood = mood;
  const { child, ended, heard, most } = listening(words.split(" "));
  await expect.poll(heard, { timeout: 300_000, interval: 200 }).toBeGreaterThan(HEARD);
  expect(await most()).toBeLessThan(MEMORY_KB);
  child.kill("SIGINT");
  await ended;
  expect([child.exitCode, child.signalCode]).toEqual([130, null]);
});

test.each(["endless lines", "line without end", "endless start-up file"] as const)(
  "what is kept whole ends with an error: %s",
  async (mood) => {
    host.mood = mood;
    const { code, stdout } = await project.run(["exec", "replication", "--target", "ssh", "--json", "--", "uptime"]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout).hosts[0].error).toMatch(/^redis-18: the command wrote more than \d+ MB, and was ended\./);
  },
);

test("a file of a host is not larger than what is looked for", async () => {
  host.mood = "line without end";
  const options = { knownHostsFile: join(project.folder, "pins"), retries: 0 };
  const settings = { address: `${prefix}.18`, port: 2222, user: "deploy", keyFile, configFile: "none" };
  const connection = await openSshConnection("redis-18", settings, options);
  try {
    await expect(connection.download("/tmp/programs.tar.gz", join(project.folder, "back"), 2e6)).rejects.toMatchObject({
      code: "connection.too-much-output",
      what: "redis-18: download /tmp/programs.tar.gz wrote more than 2 MB, and was ended.",
    });
    await expect(connection.readFile("/etc/redis.conf")).rejects.toMatchObject({ code: "connection.too-much-output" });
  } finally {
    await connection.close();
  }
  await expect(readFile(join(project.folder, "back"))).rejects.toMatchObject({ code: "ENOENT" });
});

/** Runs a verb whose output is read and thrown away. */
function listening(args: readonly string[]) {
  let bytes = 0;
  const { child, result } = project.start(args);
  child.stdout?.removeAllListeners("data").on("data", (chunk: Buffer) => (bytes += chunk.length));
  return {
    child,
    ended: result,
    heard: () => bytes,
    /** The most memory that it ever had (VmHWM in proc(5)), in kB. */
    most: async () => Number(/^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${child.pid}/status`, "utf8"))?.[1]),
  };
}
