import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseClusterNodes } from "../../lib/redis/cluster-nodes.ts";
import { parseServerInfo } from "../../lib/redis/commands.ts";
import { parseClusterInfo, parseInfo } from "../../lib/redis/info.ts";
import { pairsOf } from "../../lib/redis/pairs.ts";

// Transcripts of real servers: a heading, `----`, the reply.
const folder = new URL("./testdata/", import.meta.url);
const transcript = (file: string) => readFileSync(new URL(file, folder), "utf8").split("----\n")[1] ?? "";
const lines = ["4.0", "5.0", "7.0"];

describe.each(lines)("CLUSTER NODES of %s", (line) => {
  const nodes = (what: string) => parseClusterNodes(transcript(`cluster-nodes-${line}-${what}.txt`));

  test("a node alone does not know its address", () => {
    expect(nodes("alone")).toMatchObject([
      { address: "", port: 6379, busPort: 16379, myself: true, role: "master", masterId: undefined, slots: [{ first: 0, last: 5460 }] },
    ]);
  });

  test("nodes in handshake have no role yet", () => {
    const met = nodes("handshake").filter(({ myself }) => !myself);
    expect(met).toHaveLength(3);
    for (const node of met) expect(node).toMatchObject({ role: "unknown", linkState: "disconnected", slots: [], port: 6379 });
    expect(met.every(({ flags }) => flags.has("handshake"))).toBe(true);
  });

  test("open slots and the replica", () => {
    const seen = nodes("open-slots");
    const self = seen.find(({ myself }) => myself);
    const other = seen.find(({ slots }) => slots[0]?.first === 5461);
    expect(self?.migrating).toEqual(new Map([[93, other?.id]]));
    expect(self?.importing).toEqual(new Map([[5461, other?.id]]));
    expect(self?.slots).toEqual([{ first: 0, last: 5460 }]);
    const replica = seen.find(({ role }) => role === "replica");
    expect(replica?.masterId).toBe(self?.id);
    expect(replica?.flags.has("replica") && !replica.flags.has("slave")).toBe(true);
    expect(seen.every(({ address }) => address === "" || /^127\.0\.\d+\.\d$/.test(address))).toBe(true);
  });

  test("a dead master", () => {
    const dead = nodes("dead").find(({ flags }) => flags.has("fail?") || flags.has("fail"));
    expect(dead).toMatchObject({ role: "master", linkState: "disconnected", configEpoch: 3, slots: [{ first: 10923, last: 16383 }] });
  });
});

describe("CLUSTER NODES, further forms", () => {
  const id = "a".repeat(40);
  const one = (rest: string) => parseClusterNodes(`${id} ${rest}\n`)[0];

  test("a node without an address", () => {
    expect(one(":0@0 slave,fail,noaddr - 1 2 3 disconnected")).toMatchObject({ address: "", port: 0, busPort: 0, role: "replica" });
  });
  test("3.x without a bus port, 7.2 with further fields, IPv6", () => {
    expect(one("10.0.0.1:7000 master - 0 0 1 connected 5")).toMatchObject({ port: 7000, busPort: 17000, slots: [{ first: 5, last: 5 }] });
    expect(one("10.0.0.1:7000@17000,,tls-port=0,shard-id=ab master - 0 0 1 connected")).toMatchObject({
      address: "10.0.0.1",
      busPort: 17000,
    });
    expect(one("fe80::1:7000@17000 master - 0 0 1 connected")).toMatchObject({ address: "fe80::1", port: 7000 });
  });
  test("slots come in ascending order", () => {
    expect(one("10.0.0.1:1@2 master - 0 0 1 connected 9-11 3 0-1")?.slots.map(({ first }) => first)).toEqual([0, 3, 9]);
  });
  test("nodes.conf with its vars, and nothing", () => {
    expect(parseClusterNodes(`${id} :0@0 myself,master - 0 0 0 connected\nvars currentEpoch 1 lastVoteEpoch 0\n\n`)).toHaveLength(1);
    expect(parseClusterNodes("")).toEqual([]);
  });
  test("n nodes say nearly the same of each other: what differs in nothing but its times is one object in all views of a look", () => {
    const [a, b] = ["a".repeat(40), "b".repeat(40)];
    const said = (of: string, flags: string, ping: number, rest = "1 connected 0-5 9") => `${of} 10.0.0.1:1@2 ${flags} - 0 ${ping} ${rest}`;
    const known = new Map();
    const [first, second, third] = [
      [said(a, "myself,master", 0), said(b, "master", 17)],
      [said(a, "master", 18), said(b, "myself,master", 0)],
      [said(a, "master", 19), said(b, "master", 20, "1 connected 0-5")],
    ].map((lines) => parseClusterNodes(lines.join("\n"), known));
    expect(third?.[0]).toBe(second?.[0]);
    expect(first?.[0]).not.toBe(second?.[0]);
    expect(second?.[1]?.myself).toBe(true);
    expect(third?.[1]?.slots).toEqual([{ first: 0, last: 5 }]);
    expect(first?.[1]?.slots).toHaveLength(2);
  });
  test("a line whose words are not where Redis writes them is never taken for another one", () => {
    const known = new Map();
    const strange = (master: string) => parseClusterNodes(`${id}  10.0.0.1:1@2 slave ${master} 0 0 1 connected`, known)[0]?.masterId;
    expect([strange("c".repeat(40)), strange("d".repeat(40))]).toEqual(["c".repeat(40), "d".repeat(40)]);
  });
  test.each([
    "what is this",
    `${id} 10.0.0.1:x@1 master - 0 0 0 connected`,
    `${id} 10.0.0.1:1@2 master - 0 0 0 connected 5-`,
    `${id} 10.0.0.1:1@2 master -`,
  ])("%j is refused", (text) => expect(() => parseClusterNodes(text)).toThrow(/can't read/));
});

describe.each(lines)("INFO of %s", (line) => {
  test("a replica and its master", () => {
    const replica = parseServerInfo(transcript(`info-${line}-replica.txt`));
    expect(replica).toMatchObject({ mode: "cluster", role: "replica", masterPort: 6379, masterLink: "up", syncing: false, loading: false });
    expect(replica.version.text.startsWith(line)).toBe(true);
    const master = parseServerInfo(transcript(`info-${line}-master.txt`));
    expect(master).toMatchObject({ role: "master", masterHost: undefined, masterLink: undefined });
    expect(master.replicas).toMatchObject([{ port: 6379, state: "online" }]);
    expect(master.replicas[0]?.offset).toBeGreaterThan(0);
    expect(master.raw["executable"]).toBe("/apps/redis/bin/redis-server");
  });

  test("CLUSTER INFO", () => {
    expect(parseClusterInfo(transcript(`cluster-info-${line}.txt`))).toMatchObject({
      slotsAssigned: 16384,
      knownNodes: 4,
      size: 3,
      myEpoch: 2,
    });
  });
});

test("INFO with colons in values, and of a sentinel", () => {
  expect(parseInfo("# Server\r\na:b:c\r\n\r\nempty:\r\n")).toEqual({ a: "b:c", empty: "" });
  expect(parseServerInfo("redis_version:7.0.15\r\nredis_mode:sentinel\r\n")).toMatchObject({ mode: "sentinel", role: "master", keys: 0 });
  expect(parseServerInfo("db0:keys=2,expires=0,avg_ttl=0\r\ndb3:keys=40,expires=1,avg_ttl=9\r\n").keys).toBe(42);
});

test("pairs", () => {
  expect(pairsOf(["a", "1", "b", 2])).toEqual({ a: "1", b: "2" });
  for (const wrong of [["a"], "a", null, [["a"], "b"]]) expect(() => pairsOf(wrong)).toThrow(/can't read/);
});

test("every transcript is used", () => {
  expect(readdirSync(folder).filter((file) => !/^(cluster-nodes|cluster-info|info)-(4\.0|5\.0|7\.0)(-\w+)?/.test(file))).toEqual([]);
});
