import { expect, test } from "vitest";
import { fallenSilent } from "../../../lib/cluster/gossip/forget.ts";
import { draw } from "../drawn.ts";

test("a node that answered once and misses a look is named until it answers again", () => {
  const up = draw(["m1 1 0-8191", "m2 2 8192-16383", "m3 0 down"]).topology.observation;
  const down = draw(["m1 1 0-8191", "m2 2 8192-16383 down", "m3 0 down"]).topology.observation;
  const answered = new Set<string>();
  expect(fallenSilent(down, answered)).toEqual([]);
  expect(fallenSilent(up, answered)).toEqual([]);
  expect(fallenSilent(down, answered)).toEqual(["m2:6379"]);
  expect(fallenSilent(up, answered)).toEqual([]);
});
