import { expect, test } from "vitest";
import { LabError } from "../../lib/base/error.ts";
import type { HostPlan } from "../../lib/bootstrap/plan.ts";
import { hostFailure } from "../../lib/operations/host-failure.ts";
import type { LabPlan } from "../../lib/operations/plan.ts";
import { formatPlan } from "../../lib/report/plan.ts";

const ADDRESSES = new Map(Array.from({ length: 96 }, (_, index) => [`redis-${index + 1}`, `10.0.0.${index + 1}`] as const));

function hostOf(number: number, more: Partial<HostPlan> = {}, maxmemory = "1gb"): HostPlan {
  const [host, address] = [`redis-${number}`, `10.0.0.${number}`];
  const diff = `+# instance ${host}:6379\n+bind ${address} 127.0.0.1\n+maxmemory ${maxmemory}\n${host} stands at the begin of a line\n`;
  return {
    host,
    changes: [
      { step: "folders", subject: "/apps", reason: "absent", summary: `make /hosts/${host}/apps` },
      { step: "files", subject: "redis.conf", reason: "absent", summary: "write redis.conf", diff },
      { step: "start", subject: `${host}:6379`, reason: "stopped", summary: `start ${host}:6379` },
    ],
    reconfigure: [],
    restarts: [],
    notApplicable: [],
    notes: [],
    refusals: [],
    ...more,
  };
}

function planOf(hosts: readonly HostPlan[]): LabPlan {
  return {
    lab: "big",
    target: "ssh",
    kind: "cluster",
    declaredVersion: "4.0.14",
    version: "4.0.14",
    changes: hosts.length * 3,
    hosts,
    unreachable: [],
    layout: { actions: [], findings: [] },
  };
}

const shown = (hosts: readonly HostPlan[]) => formatPlan(planOf(hosts), ADDRESSES).split("\n");

test("96 hosts that differ in name and address alone are one diff and a list of names", () => {
  const lines = shown([...ADDRESSES.keys()].map((_, index) => hostOf(index + 1)));
  expect(lines.filter((line) => line.includes("+maxmemory"))).toHaveLength(1);
  expect(lines.length).toBeLessThan(12);
  const names = [...ADDRESSES.keys()].slice(1).join(", ");
  expect(lines).toContain(`  = the same on 95 other hosts: ${names}`);
  expect(lines.at(-1)).toBe("big on ssh: 288 to change");
});

test("one value that differs is shown with its host, wherever it stands", () => {
  const lines = shown([hostOf(1), hostOf(11), hostOf(2, {}, "2gb"), hostOf(12)]);
  expect(lines.filter((line) => line.includes("+maxmemory")).map((line) => line.trim())).toEqual(["+maxmemory 1gb", "+maxmemory 2gb"]);
  expect(lines).toContain("  = the same on 2 other hosts: redis-11, redis-12");
  expect(lines).toContain("redis-2");
});

test("the name of another host is not a name of its own", () => {
  const follows = (master: string) => ({ notes: [`follows ${master}`] });
  const lines = shown([hostOf(1, follows("redis-1")), hostOf(11, follows("redis-1"))]);
  expect(lines.filter((line) => line.includes("+maxmemory"))).toHaveLength(2);
});

test("what is refused is shown for each host, and a host without changes not at all", () => {
  const refusals = [{ code: "no-space", text: "no space", next: "make some" }];
  const nothing = { changes: [] };
  expect(shown([hostOf(1, { ...nothing, refusals }), hostOf(2, { ...nothing, refusals }), hostOf(3, nothing), hostOf(4, nothing)])).toEqual(
    [
      "redis-1",
      "  refused no space",
      "          make some",
      "redis-2",
      "  refused no space",
      "          make some",
      "big on ssh: 12 to change",
    ],
  );
});

const host: HostPlan = { host: "redis-18", changes: [], reconfigure: [], restarts: [], notApplicable: [], notes: [], refusals: [] };
const failure = hostFailure(
  "redis-28",
  undefined,
  new LabError({
    code: "connection.no-sudo",
    kind: "environment",
    what: "guest may not run commands as root.",
    why: "sudo asked.",
    next: "Add a line.",
  }),
);

function failedPlan(changes: Partial<LabPlan>): LabPlan {
  const layout = { actions: [], findings: [] };
  return {
    lab: "lab",
    target: "ssh",
    kind: "cluster",
    declaredVersion: "7.0.15",
    version: "7.0.15",
    changes: 0,
    hosts: [host],
    unreachable: [],
    layout,
    ...changes,
  };
}

test("a host that could not be looked at is told with its reason and what to do, and counts as nothing that is as it should be", () => {
  expect(formatPlan(failedPlan({ unreachable: [failure], changes: 2 }), ADDRESSES).split("\n")).toEqual([
    "failed  redis-28: guest may not run commands as root.",
    "        sudo asked.",
    "        Add a line.",
    "lab on ssh: 2 to change on the hosts that could be looked at; 1 host could not",
  ]);
  expect(formatPlan(failedPlan({ unreachable: [failure], hosts: [] }), ADDRESSES)).toMatch(/^lab on ssh: no host could be looked at$/m);
  expect(formatPlan(failedPlan({}), ADDRESSES)).toBe("lab on ssh: nothing to change");
});
