import { describe, expect, test } from "vitest";
import { runProgram } from "../../../lib/base/process.ts";
import type { FaultContext } from "../../../lib/fault/row.ts";
import { iptablesRules, isolate, linesBetween, nftTable, partition } from "../../../lib/fault/rows/network.ts";
import { placeLab } from "../../../lib/lab/placement.ts";
import { cluster, sentinel } from "../../../stacks/labs.ts";

const placement = placeLab(cluster, { target: "ssh", hostsFolder: "/nowhere" });
const host = (name: string) => placement.hosts.find((each) => each.name === name)!;
const context = (first: string, others: readonly string[], more: Partial<FaultContext> = {}): FaultContext => ({
  id: "0123abcd",
  placement,
  touched: [{ host: host(first), instances: [] }],
  others: others.map(host),
  clients: [],
  options: {},
  forMs: 1000,
  ...more,
});

const LINES = linesBetween(host("redis-18"), [{ address: "192.168.1.28", ports: [6379, 16379] }], [6379, 16379]);
const DROP = { reject: false };

describe("the rules", () => {
  test("each names an address and a port of the lab, at the end that has it", () => {
    expect(nftTable("0123abcd", LINES, DROP)).toBe(`table ip redis_lab_0123abcd {
  chain in {
    type filter hook input priority -150; policy accept;
    ip saddr 192.168.1.28 tcp dport { 6379, 16379 } drop
    ip saddr 192.168.1.28 tcp sport { 6379, 16379 } drop
  }
  chain out {
    type filter hook output priority -150; policy accept;
    ip daddr 192.168.1.28 tcp sport { 6379, 16379 } drop
    ip daddr 192.168.1.28 tcp dport { 6379, 16379 } drop
  }
}
`);
  });

  test("the same in the words of iptables, fifteen ports a rule", () => {
    expect(iptablesRules(LINES, DROP).map(({ words }) => words.join(" "))).toEqual([
      "-s 192.168.1.28 -p tcp -m multiport --dports 6379,16379 -j DROP",
      "-s 192.168.1.28 -p tcp -m multiport --sports 6379,16379 -j DROP",
      "-d 192.168.1.28 -p tcp -m multiport --sports 6379,16379 -j DROP",
      "-d 192.168.1.28 -p tcp -m multiport --dports 6379,16379 -j DROP",
    ]);
    const many = Array.from({ length: 20 }, (_, index) => 7000 + index);
    expect(iptablesRules([{ direction: "in", peer: "192.168.1.28", end: "own", ports: many }], DROP)).toHaveLength(2);
  });

  test("resets and chances", () => {
    expect(nftTable("1", LINES, { reject: true })).toContain("} tcp flags & rst == 0 reject with tcp reset");
    expect(nftTable("1", LINES, { reject: false, percent: 20 })).toContain("numgen random mod 100 < 20 drop");
    expect(iptablesRules(LINES, { reject: true, percent: 5 })[0]?.words.join(" ")).toMatch(
      / -m statistic --mode random --probability 0\.05 -m tcp ! --tcp-flags RST RST -j REJECT --reject-with tcp-reset$/,
    );
  });

  test("one way is what the host sends, and no host is cut from itself", () => {
    const lines = linesBetween(
      host("redis-18"),
      [
        { address: "192.168.1.18", ports: [1] },
        { address: "192.168.1.28", ports: [2] },
      ],
      [3],
      ["out"],
    );
    expect(lines).toEqual([
      { direction: "out", peer: "192.168.1.28", end: "own", ports: [3] },
      { direction: "out", peer: "192.168.1.28", end: "peer", ports: [2] },
    ]);
  });
});

/** What a part puts in, by either program. */
const made = (given: FaultContext, row = partition) =>
  row
    .plan(given)
    .map(({ make }) => make)
    .join("\n");

describe("the rows", () => {
  test("never the port of SSH, never an address that is not of the lab, never a port without an address", () => {
    const text = made(context("redis-78", ["redis-18", "redis-28"]));
    const rules = text.split("\n").filter((line) => /\b(drop|DROP)\b/.test(line));
    expect(rules.length).toBeGreaterThan(8);
    for (const rule of rules) {
      expect(rule).toMatch(/192\.168\.1\.(18|28)/);
      expect(rule).toMatch(/\b(6379|6380|16379|16380)\b/);
      expect(rule).not.toMatch(/\b22\b/);
    }
  });

  test("the bus alone", () => {
    const text = made(context("redis-18", ["redis-28"], { options: { busOnly: true } }));
    expect(text).toContain("16379");
    expect(text).not.toMatch(/[^1]6379/);
  });

  test("a layout without a bus refuses", () => {
    const other = placeLab(sentinel, { target: "ssh", hostsFolder: "/nowhere" });
    const [first, second] = other.hosts;
    const given = context("redis-18", [], {
      placement: other,
      touched: [{ host: first!, instances: [] }],
      others: [second!],
      options: { busOnly: true },
    });
    expect(() => partition.plan(given)).toThrow(expect.objectContaining({ code: "fault.no-bus" }));
  });

  test("clients go with the others, unless they are kept", () => {
    const clients = ["192.168.1.254"];
    expect(made(context("redis-18", ["redis-28"], { clients }), isolate)).toContain("192.168.1.254");
    expect(made(context("redis-18", ["redis-28"], { clients, options: { keepClients: true } }), isolate)).not.toContain("192.168.1.254");
  });

  test("every script is one that sh can read", async () => {
    for (const row of [partition, isolate])
      for (const { make, undo, check } of row.plan(context("redis-78", ["redis-18"])))
        for (const script of [make, undo ?? "", check ?? ""]) {
          const { exitCode, stderr } = await runProgram("sh", ["-n", "-c", script], { environment: process.env, timeoutMs: 60_000 });
          expect([exitCode, stderr]).toEqual([0, ""]);
        }
  });
});
