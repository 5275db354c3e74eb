import { describe, expect, test } from "vitest";
import { checkSentinel } from "../../lib/sentinel/check.ts";
import { leaveSentinel, planLeave, type SentinelLeaveContext } from "../../lib/sentinel/leave.ts";
import { observeSentinel } from "../../lib/sentinel/observe.ts";
import type { SentinelLayoutObservation, SentinelView, SentinelWanted } from "../../lib/sentinel/types.ts";
import { redisVersion } from "../support/versions.ts";
import { TestLayout } from "./layout.ts";

/** The layout without some hosts; where the declared master is one of them, the first replica that stays is declared in its place. */
function without(all: SentinelWanted, hosts: readonly string[]): SentinelLeaveContext {
  const stays = ({ host }: { readonly host: string }) => !hosts.includes(host);
  const masters = all.masters.flatMap((watched) => {
    const [master, ...replicas] = [watched.master, ...watched.replicas].filter(stays);
    return master === undefined ? [] : [{ ...watched, master, replicas }];
  });
  const instances = [...all.sentinels, ...all.masters.flatMap(({ master, replicas }) => [master, ...replicas])];
  return {
    all,
    declared: { masters, sentinels: all.sentinels.filter(stays) },
    leaving: new Set(instances.filter((instance) => !stays(instance)).map(({ id }) => id)),
  };
}

describe("the plan", () => {
  const at = (host: string, port: number) => ({ id: `${host}:${port}`, host, address: `10.0.0.${host.charCodeAt(0)}`, port });
  const [a, b, c] = [at("a", 6379), at("b", 6379), at("c", 6379)];
  const wanted: SentinelWanted = {
    sentinels: ["a", "b", "c"].map((host) => at(host, 26379)),
    masters: [{ name: "mymaster", master: a, replicas: [b, c], quorum: 2, downAfterMs: 1000, parallelSyncs: 1, failoverTimeoutMs: 20_000 }],
  };

  /** A healthy layout with `master` as the master; `down` hosts do not answer. */
  function seen(options: { readonly master?: string; readonly down?: readonly string[]; readonly keys?: number } = {}) {
    const { master = "a", down = [], keys = 0 } = options;
    const address = at(master, 6379).address;
    const view = (sentinel: string): SentinelView => ({
      name: "mymaster",
      address,
      port: 6379,
      flags: new Set(["master"]),
      quorum: 2,
      downAfterMs: 1000,
      parallelSyncs: 1,
      failoverTimeoutMs: 20_000,
      configEpoch: 1,
      replicas: [a, b, c]
        .filter(({ host }) => host !== master)
        .map((server) => ({ ...server, flags: new Set(["replica"]), link: "up", follows: `${address}:6379` })),
      otherSentinels: wanted.sentinels
        .filter(({ id }) => id !== sentinel)
        .map((other) => ({ ...other, runId: other.host.repeat(40), flags: new Set(["sentinel"]) })),
      quorumOk: true,
      quorumText: "OK",
    });
    const observation: SentinelLayoutObservation = {
      servers: new Map(
        [a, b, c].map(({ id, host }) => [
          id,
          down.includes(host)
            ? { id, reachable: false, error: "no answer" }
            : {
                id,
                reachable: true,
                version: redisVersion("4.0.14"),
                role: host === master ? "master" : "replica",
                masterAddress: host === master ? undefined : address,
                masterPort: host === master ? undefined : 6379,
                masterLink: host === master ? undefined : "up",
                syncing: false,
                loading: false,
                offset: 100,
                connectedReplicas: host === master ? 2 : 0,
                keys,
                fencedFrom: undefined,
                streamId: "",
                formerStreamId: undefined,
                minReplicas: 0,
              },
        ]),
      ),
      sentinels: new Map(
        wanted.sentinels.map(({ id, host }) => [
          id,
          down.includes(host)
            ? { id, reachable: false, error: "no answer" }
            : { id, reachable: true, version: redisVersion("4.0.14"), myId: host.repeat(40), masters: [view(id)] },
        ]),
      ),
    };
    return observation;
  }

  test("a replica and its sentinel stop, then the others forget them one by one", () => {
    const { actions, refusals, stillKnownBy } = planLeave(seen(), without(wanted, ["c"]));
    expect({ refusals, stillKnownBy }).toEqual({ refusals: [], stillKnownBy: [] });
    expect(actions.map(({ action }) => action)).toEqual([
      { kind: "stop", instances: ["c:26379", "c:6379"] },
      { kind: "reset", sentinel: "a:26379", name: "mymaster" },
      { kind: "reset", sentinel: "b:26379", name: "mymaster" },
    ]);
  });

  test("a master hands its role over first; one that is dead has to be replaced by the sentinels before", () => {
    const context = without(wanted, ["a"]);
    expect(planLeave(seen({ keys: 7 }), context).actions.map(({ action }) => action.kind)).toEqual(["fail-over", "stop", "reset", "reset"]);
    expect(planLeave(seen({ down: ["a"] }), context).refusals[0]?.text).toBe(
      "a:6379 does not answer, and is still the master of mymaster; the host stays.",
    );
    const after = planLeave(seen({ master: "b", down: ["a"] }), context);
    expect(after.refusals).toEqual([]);
    expect(after.actions.map(({ action }) => action.kind)).toEqual(["reset", "reset"]);
  });

  test("the last copy of a dataset stays", () => {
    const context = without(wanted, ["a"]);
    const dropped = { ...context, declared: { ...context.declared, masters: [] } };
    expect(planLeave(seen({ keys: 7 }), dropped).refusals[0]?.text).toContain("a:6379 is a master with 7 keys");
    expect(planLeave(seen({ keys: 0 }), dropped).actions.map(({ action }) => action.kind)).toEqual(["stop"]);
  });

  test("votes that are missed keep a sentinel; one that does not answer has none to take away", () => {
    expect(planLeave(seen({ down: ["b"] }), without(wanted, ["c"])).refusals[0]?.text).toBe(
      "Without c:26379 1 of 2 sentinels that watch mymaster would answer, and 2 are needed (quorum 2, majority 2); the host stays.",
    );
    const { refusals, stillKnownBy, actions } = planLeave(seen({ down: ["b", "c"] }), without(wanted, ["c"]));
    expect(refusals).toEqual([]);
    expect(stillKnownBy).toEqual(["b:26379"]);
    expect(actions.map(({ action }) => action)).toEqual([{ kind: "reset", sentinel: "a:26379", name: "mymaster" }]);
  });

  test("a master that nobody can name keeps its servers", () => {
    const observation = seen();
    const sentinels = new Map(
      [...observation.sentinels].map(([id, said]) => [
        id,
        said.reachable ? { ...said, masters: said.masters.map((view) => ({ ...view, address: "10.9.9.9" })) } : said,
      ]),
    );
    expect(planLeave({ ...observation, sentinels }, without(wanted, ["c"])).refusals[0]?.text).toMatch(/takes 10\.9\.9\.9:6379 for it/);
  });
});

describe.concurrent("on real servers", () => {
  const HOSTS = { servers: ["a", "b", "c"], sentinels: ["a", "b", "c", "d"] };

  test("the host of the master leaves: its role is handed over, and no ghost is left", async ({ onTestFinished }) => {
    const { lab, wanted: all } = await TestLayout.formed(HOSTS, onTestFinished);
    await lab.call("a:6379", "SET", "key", "kept");
    const context = without(all, ["a"]);
    const stop = async (ids: readonly string[]) => {
      for (const id of ids) await lab.running.get(id)?.stop();
    };
    const { done, stillKnownBy } = await leaveSentinel(context, lab.access, { ...lab.options, stop });
    expect(stillKnownBy).toEqual([]);
    expect(done).toEqual([
      "hand over the role of master of mymaster",
      "stop a:26379 and a:6379",
      ...["b", "c", "d"].map((host) => `make ${host}:26379 forget who left mymaster`),
    ]);
    // Nobody is counted that is not declared, and nothing is missing: at once, without a wait.
    const observation = await observeSentinel(context.declared, lab.access);
    expect(checkSentinel(observation, context.declared).map(({ text }) => text)).toEqual([]);
    for (const host of ["b", "c"]) expect(await lab.call(`${host}:6379`, "GET", "key")).toBe("kept");
    expect((await leaveSentinel(context, lab.access, { ...lab.options, stop })).done).toEqual([]);
  });

  test("a host that is dead is forgotten, and a sentinel that was off meanwhile is named", async ({ onTestFinished }) => {
    const { lab, wanted: all } = await TestLayout.formed(HOSTS, onTestFinished);
    for (const id of ["c:6379", "c:26379"]) await lab.running.get(id)?.stop({ signal: "SIGKILL" });
    lab.running.get("d:26379")?.process.kill("SIGSTOP");
    lab.patienceMs = 5_000;
    const context = without(all, ["c"]);
    const stop = async () => Promise.reject(new Error("nothing runs that could be stopped"));
    const { done, stillKnownBy } = await leaveSentinel(context, lab.access, { ...lab.options, stop });
    expect(done).toEqual(["a", "b"].map((host) => `make ${host}:26379 forget who left mymaster`));
    expect(stillKnownBy).toEqual(["d:26379"]);
    lab.running.get("d:26379")?.process.kill("SIGCONT");
    lab.patienceMs = 60_000;
    // It has answered all that it was asked before.
    expect(await lab.call("d:26379", "PING")).toBe("PONG");
    const later = await leaveSentinel(context, lab.access, { ...lab.options, stop });
    expect(later).toEqual({ done: ["make d:26379 forget who left mymaster"], stillKnownBy: [] });
    await lab.healthy(context.declared);
  });
});
