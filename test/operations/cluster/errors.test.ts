import { describe, expect, test } from "vitest";
import { LabError } from "../../../lib/base/error.ts";
import { commandRefused, nodesGone } from "../../../lib/cluster/model/errors.ts";
import { afterMoves } from "../../../lib/operations/cluster/errors.ts";

const so = { lab: "cluster", verb: "reshard", planned: 500, moved: 500, open: false };
const said = (error: unknown, about = so) => {
  const told = afterMoves(error, about);
  return told instanceof LabError ? `${told.code}: ${told.what} → ${told.next}` : told;
};

describe("an error after all slots were moved", () => {
  test("names what was moved, who is gone and what to do, and that a second run would be a second move", () => {
    expect(said(nodesGone([{ id: "redis-28:6379", why: "connection refused" }], 5))).toBe(
      "cluster.nodes-gone: All 500 slots of the plan were moved. redis-28:6379 gives no answer: connection refused. The other 5 nodes agree. → `redis-lab up LAB` starts what is down; `redis-lab status LAB` shows who has which role now. Do not run the same reshard again for it: that would move another 500 slots.",
    );
  });

  test("no advice of the error itself says to run it again; a verb that continues may say so", () => {
    const error = commandRefused("redis-28:6379", "CLUSTER MEET", "ERR");
    expect(said(error)).toContain("→ `redis-lab cluster check cluster` shows what is not right. Do not run the same reshard again");
    expect(said(error, { ...so, verb: "rebalance" })).toContain("Run the same command again: it looks at the cluster first");
  });

  test("Ctrl-C in the wait for agreement", () => {
    expect(said(new DOMException("aborted", "AbortError"))).toMatch(
      /^cluster.interrupted: All 500 slots .* → `redis-lab cluster wait cluster` waits .* Do not run the same reshard again for it/,
    );
  });
});

test("before its end a move that left a journal is resumed", () => {
  const half = { ...so, moved: 0, open: true };
  expect(said(commandRefused("redis-28:6379", "CLUSTER SETSLOT", "ERR"), half)).toContain("`redis-lab cluster resume cluster` finishes");
  const interrupted = new DOMException("aborted", "AbortError");
  expect(afterMoves(interrupted, half)).toBe(interrupted);
});
