import { describe, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { instancesOf, portsOf } from "../../lib/lab/instances.ts";
import { LAYOUTS, type LayoutKind, layoutRow } from "../../lib/lab/layouts.ts";
import { type Lab, labSchema } from "../../lib/lab/schema.ts";
import { cluster, sentinel } from "../../stacks/labs.ts";

const replication = defineLab({
  ...sentinel,
  name: "replication",
  layout: { kind: "replication", master: "redis-18", replicas: ["redis-28", "redis-38"] },
});
const LABS: Readonly<Record<LayoutKind, Lab>> = { cluster, sentinel, replication };

describe.each(Object.keys(LAYOUTS) as LayoutKind[])("%s", (kind) => {
  const lab = LABS[kind];
  const row = layoutRow(lab.layout);

  test("its schema is a form of `layout`", () => {
    expect(labSchema.entries.layout.options.map((option) => option.entries.kind.literal)).toContain(kind);
    expect(lab.layout.kind).toBe(kind);
  });

  test("after a crash every server knows where its copies may be, and how long a failover takes at most", () => {
    for (const { id } of instancesOf(lab)) {
      const { copies, failoverOverdueMs } = row.restart(lab, id);
      if (copies !== "nodes-file") expect(copies).not.toContain(id);
      if (row.electors === undefined) expect(failoverOverdueMs).toBe(0);
    }
    const [first = ""] = instancesOf(lab).map(({ id }) => id);
    expect(row.restart(lab, first)).toEqual(
      {
        cluster: { copies: "nodes-file", failoverOverdueMs: 35_000 },
        sentinel: { copies: ["redis-28:6379", "redis-38:6379"], failoverOverdueMs: 20_000 },
        replication: { copies: ["redis-28:6379", "redis-38:6379"], failoverOverdueMs: 0 },
      }[kind],
    );
  });

  test("every instance has a role, ports and no fault; what it elects with is a declared role", () => {
    expect(row.faults(lab)).toEqual([]);
    const instances = instancesOf(lab);
    expect(instances.length).toBeGreaterThan(2);
    for (const instance of instances) expect(portsOf(lab.layout, instance)[0]).toBe(instance.port);
    if (row.electors !== undefined) expect(instances.map(({ role }) => role.kind)).toContain(row.electors.role);
  });

  test("a former member is in the layout and makes no fault", () => {
    const [first] = lab.hosts;
    const former = { id: "redis-99:6379", port: 6379, kind: "redis" as const, monitor: "mymaster" };
    expect(row.isServer(former)).toBe(true);
    const grown = {
      ...lab,
      hosts: [...lab.hosts, { ...first!, name: "redis-99", address: "192.168.1.99", instances: [{ port: 6379, settings: {} }] }],
      layout: row.withFormer(lab.layout, [former]),
    };
    expect(instancesOf(grown)).toHaveLength(instancesOf(lab).length + 1);
    expect(row.faults(grown)).toEqual([]);
  });
});
