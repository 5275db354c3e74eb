import { expect, test } from "vitest";
import { SHIPPED_DRILLS } from "../../../lib/drill/scenarios/shipped.ts";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { placeLab } from "../../../lib/lab/placement.ts";
import type { LabInput } from "../../../lib/lab/schema.ts";
import { TARGETS, type TargetName } from "../../../lib/lab/targets.ts";
import { assertFits, whyNot } from "../../../lib/operations/drill/fits.ts";
import { clusterInput, sentinelInput } from "../../support/labs.ts";
import { smallReplication } from "../../support/project.ts";

function reason(name: string, input: LabInput, target: TargetName): string | undefined {
  const drill = SHIPPED_DRILLS.find((each) => each.name === name);
  if (drill === undefined) throw new Error(`there is no drill ${name}`);
  return whyNot(drill, defineLab(input), "7.0.15", TARGETS[target]);
}

test("a drill says what the lab lacks, or which target can", () => {
  expect(reason("disk-full", clusterInput(), "local")).toMatch(/^disk-full needs .*--target netns/);
  expect(reason("disk-full", clusterInput(), "netns")).toBe(
    'disk-full needs a small disk for each host: `netns: { disk: "64mb" }` in the lab',
  );
  expect(reason("disk-full", clusterInput({ netns: { disk: "64mb" } }), "netns")).toBeUndefined();
  // Machines bring disks of their own.
  expect(reason("disk-full", clusterInput(), "ssh")).toBeUndefined();
});

test("where nothing elects, what moves a master on purpose is a drill, and what waits for an election is none", () => {
  const replication = smallReplication();
  for (const name of ["planned-failover", "rolling-restart", "reboot-of-all", "master-until-started"])
    expect(reason(name, replication, "local"), name).toBeUndefined();
  expect(reason("master-kill", replication, "local")).toBe("it is for cluster, sentinel");
  expect(reason("master-until-started", sentinelInput(), "local")).toBe("it is for replication");
});

test("a replica behind another master than the declared one: refused with the way to see it", () => {
  const drill = SHIPPED_DRILLS.find(({ name }) => name === "master-kill");
  const placement = placeLab(defineLab(clusterInput()), { target: "local", hostsFolder: "/nowhere" });
  const masters = ["redis-18:6379", "redis-28:6379", "redis-38:6379"];
  const rows = (behind: readonly string[]) =>
    [
      ...masters.map((instance, index) => ({ instance, role: "master", slots: `${index}-${index}`, slotCount: 1, master: undefined })),
      ...["redis-58:6379", "redis-68:6379", "redis-48:6379"].map((instance, index) => ({
        instance,
        role: "replica",
        slots: "",
        slotCount: 0,
        master: behind[index],
      })),
    ] as unknown as Parameters<typeof assertFits>[2];
  const fits = (behind: readonly string[]) => assertFits(drill as NonNullable<typeof drill>, placement, rows(behind));
  expect(() => fits(masters)).not.toThrow();
  // After failovers each shard has a replica, another one than declared.
  expect(() => fits([...masters].reverse())).not.toThrow();
  expect(() => fits(["redis-18:6379", "redis-18:6379", "redis-38:6379"])).toThrow(
    expect.objectContaining({ code: "drill.replica-away", what: expect.stringContaining("redis-28:6379 has fewer than one replica") }),
  );
});
