import fc from "fast-check";
import { expect, test } from "vitest";
import { allocateNodes, type Candidate } from "../../../lib/cluster/plan/allocate.ts";
import { randomFrom } from "../../support/random.ts";

function nodes(hosts: readonly string[], hypervisors: Readonly<Record<string, string>> = {}): Candidate[] {
  return hosts.map((host, index) => ({
    id: `n${index + 1}`,
    host,
    ...(hypervisors[host] !== undefined && { hypervisor: hypervisors[host] }),
  }));
}

const random = () => randomFrom(7);

test("six hosts: the first three are masters, and the replicas are those that redis-trib gives them", () => {
  const { masters, replicas, initialScore } = allocateNodes(nodes(["a", "b", "c", "d", "e", "f"]), { replicas: 1, random: random() });
  expect(masters).toEqual([
    { id: "n1", slots: { first: 0, last: 5460 } },
    { id: "n2", slots: { first: 5461, last: 10922 } },
    { id: "n3", slots: { first: 10923, last: 16383 } },
  ]);
  expect(replicas).toEqual([
    { id: "n5", master: "n1" },
    { id: "n6", master: "n2" },
    { id: "n4", master: "n3" },
  ]);
  expect(initialScore).toBe(0);
});

test("a seventh becomes a second replica of the first", () => {
  const { replicas } = allocateNodes(nodes(["a", "b", "c", "d", "e", "f", "g"]), { replicas: 1, random: random() });
  expect(replicas.filter(({ master }) => master === "n1").map(({ id }) => id)).toEqual(["n5", "n4"]);
});

test("two nodes on each of three hosts: no replica is beside its master", () => {
  const { masters, replicas, score } = allocateNodes(nodes(["a", "a", "b", "b", "c", "c"]), { replicas: 1, random: random() });
  expect(masters.map(({ id }) => id)).toEqual(["n1", "n3", "n5"]);
  expect(score).toBe(0);
  expect(replicas).toHaveLength(3);
});

test("hosts of one hypervisor are neighbours", () => {
  const { replicas, score } = allocateNodes(nodes(["a", "b", "c", "d", "e", "f"], { a: "x", b: "y", c: "x", d: "y", e: "x", f: "y" }), {
    replicas: 1,
    random: random(),
  });
  expect(score).toBe(0);
  const side: Readonly<Record<string, string>> = { n1: "x", n2: "y", n3: "x", n4: "y", n5: "x", n6: "y" };
  for (const { id, master } of replicas) expect(side[id]).not.toBe(side[master]);
});

test("one host for all: it can't be avoided, and the score says so", () => {
  const { initialScore, score } = allocateNodes(nodes(["a", "a", "a", "a", "a", "a"]), { replicas: 1, random: random() });
  expect([initialScore, score]).toEqual([30_000, 30_000]);
});

test("everybody gets a place, masters have as many replicas as asked for, and no swap makes it worse", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { minLength: 3, maxLength: 18 }),
      fc.integer({ min: 0, max: 3 }),
      fc.nat(),
      (hosts, replicas, seed) => {
        const all = nodes(hosts);
        const made = allocateNodes(all, { replicas, random: randomFrom(seed) });
        expect([...made.masters, ...made.replicas].map(({ id }) => id).sort()).toEqual(
          made.masters.length === 0 ? [] : all.map(({ id }) => id).sort(),
        );
        for (const { id } of made.masters)
          expect(made.replicas.filter(({ master }) => master === id).length).toBeGreaterThanOrEqual(replicas);
        expect(made.score).toBeLessThanOrEqual(made.initialScore);
        expect(allocateNodes(all, { replicas, random: randomFrom(seed) })).toEqual(made);
      },
    ),
    { numRuns: 60 },
  );
});

test("what was given before the swaps is told as well", () => {
  const { initial, initialScore, score } = allocateNodes(nodes(["a", "a", "a", "a", "a", "a"]), { replicas: 1, random: random() });
  expect(initial).toEqual([
    { id: "n5", master: "n1" },
    { id: "n6", master: "n2" },
    { id: "n4", master: "n3" },
  ]);
  expect([initialScore, score]).toEqual([30_000, 30_000]);
});
