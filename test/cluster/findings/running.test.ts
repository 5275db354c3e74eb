import { expect, test } from "vitest";
import { runningFindings } from "../../../lib/cluster/findings/running.ts";
import { healthOf } from "../../../lib/redis/health.ts";
import { draw } from "../drawn.ts";

/** What is noted of m1, that has given so many full synchronisations in 100 s, with the link of its replica as it is. */
function noted(fullSyncs: number, link: "up" | "down") {
  const { topology, cluster } = draw(["m1 1 0-16383", "r1 of m1"]);
  const live = cluster.live.map((node) =>
    node.self.role === "master"
      ? { ...node, health: healthOf({ role: "master", sync_full: String(fullSyncs), uptime_in_seconds: "100" }) }
      : { ...node, masterLink: link },
  );
  return runningFindings(topology, { ...cluster, live }).filter(({ severity }) => severity === "note");
}

test("a master whose replica begins again and again is noted; one whose replicas are in step after some restarts and resets is not", () => {
  expect(noted(5, "down")).toMatchObject([
    {
      code: "resyncing",
      instance: "m1:6379",
      text: expect.stringMatching(/^m1:6379 has sent all of its data 5 times in 100 s: a replica/),
    },
  ]);
  expect(noted(5, "up")).toEqual([]);
  expect(noted(2, "down")).toEqual([]);
  expect(noted(17, "up")).toMatchObject([{ code: "resyncing" }]);
});
