import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { sentinelMonitor, sentinelSetPassword } from "../../lib/redis/sentinel-commands.ts";
import { awaitFormed } from "../../lib/sentinel/apply.ts";
import { checkSentinel } from "../../lib/sentinel/check.ts";
import { currentMaster } from "../../lib/sentinel/master.ts";
import { observeSentinel } from "../../lib/sentinel/observe.ts";
import type { SentinelWanted } from "../../lib/sentinel/types.ts";
import { PASSWORD, SHORT_DOWN_AFTER, TestLayout } from "./layout.ts";

const THREE = { servers: ["a", "b", "c"], sentinels: ["a", "b", "c"] };

describe.concurrent("forming a layout of real servers", () => {
  test("from bare to formed; a second plan is empty; settings follow the declaration", async ({ onTestFinished }) => {
    const lab = new TestLayout();
    onTestFinished(() => lab.stop());
    const wanted = await lab.bare(THREE);
    const plan = await lab.up(wanted);
    expect(plan.actions.map(({ action }) => action.kind)).toEqual([
      ...Array(2).fill("replicate"),
      ...Array(3).fill(["monitor", "set", "set", "set"]).flat(),
      "await-formed",
    ]);
    const observation = await observeSentinel(wanted, lab.access);
    expect(checkSentinel(observation, wanted)).toEqual([]);
    expect((await lab.plan(wanted)).actions).toEqual([]);
    const ids = [...observation.sentinels.values()].map((one) => (one.reachable ? one.myId : ""));
    expect(ids.every((id) => /^[0-9a-f]{40}$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(3);
    // The role is in the file, so that it survives a restart.
    expect(await readFile(lab.running.get("b:6379")!.configFile, "utf8")).toMatch(/^\w+of 127\.\S+ 6379$/m);
    expect(lab.events.join("\n")).not.toContain(PASSWORD);

    const changed: SentinelWanted = {
      ...wanted,
      masters: [{ ...wanted.masters[0]!, quorum: 3, downAfterMs: 25_000, parallelSyncs: 2, failoverTimeoutMs: 30_000 }],
    };
    expect(checkSentinel(observation, changed).map(({ code }) => code)).toEqual(Array(12).fill("setting-differs"));
    const settings = await lab.up(changed);
    expect(settings.actions.filter(({ action }) => action.kind === "set")).toHaveLength(12);
    expect(settings.actions.some(({ action }) => action.kind === "monitor" || action.kind === "replicate")).toBe(false);
    expect((await lab.plan(changed)).actions).toEqual([]);

    // A declared replica more, and one with keys of its own.
    const joining = await lab.server("d");
    const more: SentinelWanted = {
      ...changed,
      masters: [{ ...changed.masters[0]!, replicas: [...changed.masters[0]!.replicas, joining] }],
    };
    await lab.call("d:6379", "SET", "mine", "1");
    const refused = await lab.plan(more);
    expect(refused.actions).toEqual([]);
    expect(refused.findings.filter(({ severity }) => severity === "refuses").map(({ code }) => code)).toEqual(["has-data"]);
    await lab.call("d:6379", "FLUSHALL");
    expect((await lab.plan(more)).actions[0]).toMatchObject({
      action: { kind: "replicate", instance: "d:6379", master: "a:6379" },
      reason: "join",
    });
    await lab.up(more);
    expect((await lab.plan(more)).actions).toEqual([]);
  });

  test("two masters watched by sentinels on hosts of their own", async ({ onTestFinished }) => {
    const lab = new TestLayout();
    onTestFinished(() => lab.stop());
    const one = await lab.bare({ servers: ["a", "b"], sentinels: ["s", "t", "u"] });
    const [master, replica] = await Promise.all([lab.server("x"), lab.server("y")]);
    const second = { ...one.masters[0]!, name: "other", master, replicas: [replica] };
    const wanted: SentinelWanted = { ...one, masters: [...one.masters, second] };
    await lab.up(wanted);
    expect((await lab.plan(wanted)).actions).toEqual([]);
    const observation = await observeSentinel(wanted, lab.access);
    expect(checkSentinel(observation, wanted)).toEqual([]);
    expect(currentMaster(observation, wanted, "other")?.id).toBe("x:6379");
    // The lab declares one of them no more: it is told, and left alone.
    expect(checkSentinel(observation, one).map(({ code, severity }) => `${code} ${severity}`)).toEqual(
      Array(3).fill("watched-in-excess note"),
    );
  });

  test("a replica that a failover left at another server is sent to the master: sentinels would take the time of a failover", async ({
    onTestFinished,
  }) => {
    const { lab, wanted } = await TestLayout.formed(THREE, onTestFinished);
    const patient: SentinelWanted = { ...wanted, masters: [{ ...wanted.masters[0]!, failoverTimeoutMs: 3_600_000 }] };
    await lab.up(patient);
    const other = lab.running.get("b:6379")!;
    await lab.call("c:6379", "SLAVEOF", other.address, "6379");
    await awaitFormed("mymaster", patient, lab.access, lab.options);
    const observation = await observeSentinel(patient, lab.access);
    expect(observation.servers.get("c:6379")).toMatchObject({ role: "replica", masterAddress: wanted.masters[0]!.master.address });
    expect(await readFile(lab.running.get("c:6379")!.configFile, "utf8")).toContain(`of ${wanted.masters[0]!.master.address} 6379`);
  });

  test("a sentinel that left, and one that was copied, are found", async ({ onTestFinished }) => {
    const { lab, wanted } = await TestLayout.formed({ servers: ["a", "b"], sentinels: ["a", "b", "c"] }, onTestFinished);
    const ghost = await lab.sentinel("ghost");
    await lab.up({ ...wanted, sentinels: [...wanted.sentinels, ghost] });
    await lab.running.get(ghost.id)!.stop({ signal: "SIGKILL" });
    const findings = await waitFor(
      async () => {
        const seen = checkSentinel(await observeSentinel(wanted, lab.access), wanted);
        const down = seen.filter(({ code, text }) => code === "ghost-sentinel" && text.includes("down"));
        return down.length === 3 && seen.length === 3
          ? { done: true, value: seen }
          : { done: false, missing: seen.map(({ text }) => text).join(" ") };
      },
      { what: "the ghost on three sentinels", timeoutMs: 60_000 },
    );
    expect(findings.every(({ code, text }) => code === "ghost-sentinel" && text.includes(`${ghost.address}:26379`))).toBe(true);
    expect((await lab.plan(wanted)).actions).toEqual([]);

    const observation = await observeSentinel(wanted, lab.access);
    const first = observation.sentinels.get("a:26379");
    const id = first?.reachable ? first.myId : "";
    const copy = await lab.sentinel("copy", `sentinel myid ${id}`);
    const withCopy: SentinelWanted = { ...wanted, sentinels: [...wanted.sentinels, copy] };
    // In one turn: see sentinelMonitor.
    const client = await lab.access.client(copy.id);
    await Promise.all([
      sentinelMonitor(client, "mymaster", wanted.masters[0]!.master, 2),
      sentinelSetPassword(client, "mymaster", PASSWORD),
    ]);
    await waitFor(
      async () => {
        const refusing = (await lab.plan(withCopy)).findings.filter(({ severity }) => severity === "refuses");
        return refusing.some(({ code }) => code === "same-sentinel-id")
          ? { done: true, value: refusing }
          : { done: false, missing: "finding" };
      },
      { what: "the copied id", timeoutMs: 60_000 },
    );
  });

  test("a sentinel that was installed again is not taken for the one that was there before", async ({ onTestFinished }) => {
    const { lab, wanted } = await TestLayout.formed({ servers: ["a", "b"], sentinels: ["a", "b", "c"] }, onTestFinished);
    await lab.running.get("c:26379")!.stop({ signal: "SIGKILL" });
    lab.running.delete("c:26379");
    await lab.sentinel("c");
    await lab.up(wanted);
    // The others know the new one when the wait is over, not some seconds later. Up to 6.2 they count the one before as a ghost from then on.
    const observation = await observeSentinel(wanted, lab.access);
    const own = observation.sentinels.get("c:26379");
    const digits = own?.reachable ? own.myId.slice(0, 8) : "";
    expect(digits).toMatch(/^[0-9a-f]{8}$/);
    const known = ["a:26379", "b:26379"].map((id) => {
      const said = observation.sentinels.get(id);
      const others = said?.reachable ? said.masters.flatMap(({ otherSentinels }) => otherSentinels) : [];
      return others.filter(({ address }) => address === lab.instances.get("c:26379")!.address).map(({ runId }) => runId.slice(0, 8));
    });
    expect(known).toEqual([expect.arrayContaining([digits]), expect.arrayContaining([digits])]);
    const others = checkSentinel(observation, wanted).filter(({ code }) => code !== "ghost-sentinel");
    expect(others).toEqual([]);
  });

  test("what keeps it from being formed is said, with the probable reason", async ({ onTestFinished }) => {
    const lab = new TestLayout();
    onTestFinished(() => lab.stop());
    // Down is what a master soon is that answers a sentinel with errors only.
    const wanted = await lab.bare({ servers: ["a", "b"], sentinels: ["a", "b", "c"], downAfterMs: SHORT_DOWN_AFTER });
    const wrong = { ...lab.options, secrets: { password: "another-password" }, timeoutMs: 15_000 };
    const { applySentinel } = await import("../../lib/sentinel/apply.ts");
    const failure = await applySentinel(await lab.plan(wanted), wanted, lab.access, wrong).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({ code: "sentinel.not-formed" });
    expect(String(failure)).toMatch(/wrong auth-pass/);
    expect(`${failure}${lab.events.join()}`).not.toContain("another-password");
    // With the right one it goes on where it stopped: the password is told again to the sentinels that see nobody.
    const calm: SentinelWanted = { ...wanted, masters: wanted.masters.map((watched) => ({ ...watched, downAfterMs: 30_000 })) };
    await lab.up(calm);
    expect((await lab.plan(calm)).actions).toEqual([]);
  });

  test("a run that ended between the master and its password is continued", async ({ onTestFinished }) => {
    const lab = new TestLayout();
    onTestFinished(() => lab.stop());
    const wanted = await lab.bare({ servers: ["a", "b"], sentinels: ["a", "b", "c"], downAfterMs: 30_000 });
    const { address } = wanted.masters[0]!.master;
    for (const { id } of wanted.sentinels) await lab.call(id, "SENTINEL", "MONITOR", "mymaster", address, "6379", "2");
    // They are connected to it by now, without a password.
    await expect
      .poll(async () => /cmd=(ping|info|auth|subscribe)/.test(String(await lab.call("a:6379", "CLIENT", "LIST"))), { timeout: 60_000 })
      .toBe(true);
    await lab.up(wanted);
    expect((await lab.plan(wanted)).actions).toEqual([]);
  });
});
