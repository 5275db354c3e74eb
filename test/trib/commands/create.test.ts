import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { connectRedis } from "../../../lib/redis/client.ts";
import { CALLS_FROM_OWN_ADDRESS, dial, Lab } from "../../cluster/support.ts";
import { freePorts } from "../../support/addresses.ts";
import { nextAddress, startServer, type TestServer } from "../../support/redis.ts";
import { at, call, create, removeFolders, slotsOf, trib } from "../support.ts";

let lab: Lab;
const servers: TestServer[] = [];
beforeAll(async () => {
  lab = await Lab.start(["m1", "m2", "m3", "s1"]);
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop({ signal: "SIGKILL" })));
  await lab.reset();
});
afterAll(async () => {
  await lab.stop();
  await removeFolders();
});

async function started(options: NonNullable<Parameters<typeof startServer>[0]> = {}): Promise<string> {
  const server = await startServer(options);
  servers.push(server);
  return `${server.address}:${server.port}`;
}

/** Nodes without a password, all at one address. */
async function nodesAt(address: string, ports: readonly number[]): Promise<void> {
  for (const port of ports) await started({ address, port, config: `cluster-enabled yes\ncluster-config-file nodes-${port}.conf` });
}

const three = () => ["m1", "m2", "m3"].map((name) => at(lab, name));

test("without replicas, and without a question under --yes", async () => {
  const { code, out } = await trib(["create", ...three(), "--cluster-yes"]);
  expect(code).toBe(0);
  expect(out).not.toContain("Can I set");
  expect(await slotsOf(lab)).toMatchObject({ m1: "0-5460", m2: "5461-10922", m3: "10923-16383" });
});

test("declined: nothing is done", async () => {
  const { code, out } = await trib(["create", ...three()], { answers: ["no"] });
  expect([code, out.split("\n").at(-2)]).toEqual([1, "Can I set the above configuration? (type 'yes' to accept): *** Aborting..."]);
  expect(await slotsOf(lab)).toMatchObject({ m1: "none", m2: "none", m3: "none" });
});

test("replicas on the hosts of their masters are named, and names are resolved, as nodes tell each other addresses alone", async () => {
  const ports = await freePorts("127.0.0.1", 6);
  await nodesAt("127.0.0.1", ports);
  const nodes = ports.map((port) => `localhost:${port}`);
  const [one, two, three, four, five, six] = nodes;
  const { code, out } = await trib(["create", "--replicas", "1", ...nodes], { answers: ["yes"], environment: {} });
  expect(code).toBe(0);
  expect(out).toContain(`Using 3 masters:
${one}
${two}
${three}
Adding replica ${five} to ${one}
Adding replica ${six} to ${two}
Adding replica ${four} to ${three}
>>> Trying to optimize slaves allocation for anti-affinity
[WARNING] Some slaves are in the same host as their master
`);
  const checked = await trib(["check", `${two}`], { environment: {} });
  // The node that was asked is called as it was typed, the others as the cluster knows them.
  expect(checked.out).toContain(`>>> Performing Cluster Check (using node ${two})\n`);
  expect(checked.out).toMatch(new RegExp(`M: \\w+ 127\\.0\\.0\\.1:${ports[0]}\n`));
});

test("IPv6", async () => {
  const ports = await freePorts("::1", 3);
  await nodesAt("::1", ports);
  const [one = 0, two, three = 0] = ports;
  const created = await trib(["create", "--yes", `[::1]:${one}`, `::1:${two}`, `::1:${three}@${three + 10_000}`], { environment: {} });
  // They have just been started, and may not serve keys yet.
  expect([created.code, created.err]).toEqual([0, expect.stringMatching(/^(redis-trib: .* cluster_state:fail as yet; .*\n)?$/)]);
  const { code, out } = await trib(["check", `::1:${one}`], { environment: {} });
  expect([code, out.match(/^M: \w+ ::1:2\d{4}$/gm)?.length]).toEqual([0, 3]);
});

describe("a node that can't be taken", () => {
  const said = (line: string) => `>>> Creating cluster\n${line}\n`;

  test("an address that is none", async () => {
    const { code, out } = await trib(["create", "redis-18", ...three()]);
    expect([code, out]).toEqual([1, said("Invalid IP or Port (given as redis-18) - use IP:Port format")]);
  });

  test("a name that leads nowhere", async () => {
    const { code, out, err } = await trib(["create", "no-such-host.invalid:6379", ...three()]);
    expect([code, out]).toEqual([1, said("[ERR] Sorry, can't connect to node no-such-host.invalid:6379")]);
    expect(err).toContain("The name no-such-host.invalid leads to no address");
  });

  test("nobody is there", async () => {
    const node = `${nextAddress()}:6379`;
    const { code, out, err } = await trib(["create", node, ...three()]);
    expect([code, out]).toEqual([1, said(`[ERR] Sorry, can't connect to node ${node}`)]);
    expect(err).toContain("the connection was refused");
  });

  test("it is given twice", async () => {
    const { code, out } = await trib(["create", ...three(), at(lab, "m2")]);
    expect([code, out]).toEqual([1, said(`[ERR] Node ${at(lab, "m2")} is given twice.`)]);
  });

  test("a wrong password is named, and tried once", async () => {
    const { code, out, err } = await trib(["create", ...three()], { environment: { REDISCLI_AUTH: "wrong" } });
    expect([code, out]).toEqual([1, said(`[ERR] Sorry, can't connect to node ${at(lab, "m1")}`)]);
    expect(err).toMatch(/refused the password that it was given\. Give the right one: --password-file FILE/);
  });

  test("no password, where one is asked for", async () => {
    const { code, out, err } = await trib(["create", ...three()], { environment: {} });
    expect([code, out]).toEqual([1, said(`[ERR] Sorry, can't connect to node ${at(lab, "m1")}`)]);
    expect(err).toMatch(/NOAUTH Authentication required\. Give the right one: --password-file FILE/);
  });

  test("cluster support is off", async () => {
    const node = await started();
    const { code, out } = await trib(["create", node, ...three()]);
    expect([code, out]).toEqual([1, said(`[ERR] Node ${node} is not configured as a cluster node.`)]);
  });

  test("it hangs", async () => {
    const server = lab.servers.get("s1:6379");
    server?.process.kill("SIGSTOP");
    const { code, out, err } = await trib(["create", at(lab, "s1"), ...three()]);
    server?.process.kill("SIGCONT");
    expect([code, out]).toEqual([1, said(`[ERR] Sorry, can't connect to node ${at(lab, "s1")}`)]);
    expect(err).toMatch(/did not answer AUTH within 5000 ms/);
  });

  test("it loads its data", async () => {
    const first = await startServer({ config: CALLS_FROM_OWN_ADDRESS ? "enable-debug-command local" : "" });
    const client = await connectRedis(first, dial, { passwords: [], timeoutMs: 60_000 });
    // Takes a second to load.
    await client.call(["DEBUG", "POPULATE", 1_500_000]);
    await client.call(["SAVE"]);
    client.close();
    await first.stop({ signal: "SIGKILL", keep: true });
    const node = await started({
      address: first.address,
      folder: first.folder,
      config: "cluster-enabled yes\ncluster-config-file nodes.conf",
    });
    const { code, out, err } = await trib(["create", node, ...three()]);
    expect([code, out]).toEqual([1, said(`[ERR] Sorry, can't connect to node ${node}`)]);
    expect(err).toMatch(/still loading its data|LOADING/);
  });

  test("slots that it is not to have; those that a create that was cut off gave it may stay", async () => {
    await call(lab, "m2", "CLUSTER", "ADDSLOTS", "0");
    const foreign = await trib(["create", "--yes", ...three()]);
    expect(foreign.code).toBe(1);
    expect(foreign.out).toMatch(/\[ERR\] Node \S+ owns 1 slots that it is not to have\. Reset it \(CLUSTER RESET\) first\.\n$/);
    await call(lab, "m2", "CLUSTER", "DELSLOTS", "0");
    await call(lab, "m1", "CLUSTER", "ADDSLOTS", "0", "1");
    await create(lab, ["m1", "m2", "m3"]);
    expect(await slotsOf(lab)).toMatchObject({ m1: "0-5460" });
  });

  test("a number of replicas that is none", async () => {
    const { code, out } = await trib(["create", "--replicas", "two", ...three()]);
    expect([code, out]).toEqual([1, "[ERR] --replicas two: a whole number from 0 to 1000 is needed.\n"]);
  });
});
