import fc from "fast-check";
import { expect, test } from "vitest";
import { randomFrom } from "../../../lib/base/random.ts";
import { castOf, type RoleRow, resolveTargets } from "../../../lib/drill/scenarios/roles.ts";

const row = (instance: string, role: RoleRow["role"], master = "", slotCount = 0, state: RoleRow["state"] = "up"): RoleRow => ({
  instance,
  host: instance.split(":")[0]!,
  role,
  master,
  slotCount,
  state,
});
const cluster = [
  ...["a", "b", "c"].map((name) => row(`${name}:1`, "master", "", 5_461)),
  ...["a", "b"].map((name) => row(`${name}2:1`, "replica", `${name}:1`)),
  row("e:1", "master"),
  row("s:1", "standby"),
];

test("the cast follows from the seed, and its master owns slots and has a replica", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const cast = castOf(cluster, randomFrom(seed))!;
      expect(castOf(cluster, randomFrom(seed))).toEqual(cast);
      expect(["a:1", "b:1"]).toContain(cast.master);
      expect(cast.replicas).toEqual([cast.master.replace(":", "2:")]);
      expect([...cast.otherMasters, cast.master].sort()).toEqual(["a:1", "b:1", "c:1"]);
      expect(cast.all).not.toContain("s:1");
    }),
  );
});

test("every master is drawn by some seed", () => {
  expect(new Set(Array.from({ length: 50 }, (_, seed) => castOf(cluster, randomFrom(seed))?.master))).toEqual(new Set(["a:1", "b:1"]));
});

test("roles are instances, each once; names stay what they are", () => {
  const cast = {
    master: "a:1",
    replicas: ["a2:1"],
    otherMasters: ["b:1", "c:1"],
    sentinels: ["x:2", "y:2", "z:2"],
    all: ["a:1"],
    elector: undefined,
  };
  expect(resolveTargets(["master", "all-masters", "redis-78:6380"], cast)).toEqual(["a:1", "b:1", "c:1", "redis-78:6380"]);
  expect(resolveTargets(["masters-majority"], cast)).toEqual(["a:1", "b:1"]);
  expect(resolveTargets(["sentinels-majority"], cast)).toEqual(["x:2", "y:2"]);
  expect(resolveTargets(["elector"], cast)).toEqual([]);
});

test("a lab without a master has no cast", () => expect(castOf([row("a:1", "master", "", 0, "down")], randomFrom(1))).toBeUndefined());
