import { invalidPlan } from "./errors.ts";
import type { ClusterLook } from "./look.ts";
import { eachSlot, SLOT_COUNT } from "./slots.ts";
import { ownSlots } from "./topology.ts";
import type { ClusterPlan } from "./types.ts";

/**
 * Goes through a plan as the cluster would, without knowing how it was made, and refuses what must not happen: slots from who does not have them, slots or replicas to who is no master, a node
 * that is forgotten or reset with slots, a slot without an owner at the end that had one. Every plan is checked by it before it is applied. Pure.
 *
 * @throws LabError `cluster.invalid-plan`, a defect of the planner
 */
export function assertPlanValid(plan: ClusterPlan, { topology, cluster }: ClusterLook): void {
  const faults: string[] = [];
  const owners = new Map<number, string>();
  const roles = new Map([...topology.live.values()].map((node) => [node.id, node.self.role]));
  const inside = new Set(cluster.live.map(({ id }) => id));
  for (const node of cluster.live) for (const slot of eachSlot(ownSlots(node))) owners.set(slot, node.id);
  const covered = owners.size;
  const owns = (id: string) => [...owners.values()].includes(id);
  const master = (id: string, why: string) => {
    if (roles.get(id) !== "master") faults.push(`${id} is no master and ${why}`);
    if (!inside.has(id)) faults.push(`${id} is not in the cluster and ${why}`);
  };
  for (const { action } of plan.actions) {
    switch (action.kind) {
      case "move-slots":
        master(action.target, "gets slots");
        if (action.source === action.target) faults.push(`${action.source} gives slots to itself`);
        for (const slot of eachSlot(action.slots)) {
          if (owners.get(slot) !== action.source) faults.push(`slot ${slot} is taken from ${action.source}, which does not have it`);
          owners.set(slot, action.target);
        }
        break;
      case "claim-slots":
        master(action.instance, "claims slots");
        for (const slot of eachSlot(action.slots)) owners.set(slot, action.instance);
        break;
      case "add-slots":
        for (const slot of eachSlot(action.slots)) {
          if (owners.has(slot)) faults.push(`slot ${slot} is given to ${action.instance} and belongs to ${owners.get(slot)}`);
          owners.set(slot, action.instance);
        }
        break;
      case "gather-keys":
        if (owners.get(action.slot) !== action.target)
          faults.push(`keys of slot ${action.slot} are brought to ${action.target}, which does not own it`);
        break;
      case "meet":
        inside.add(action.instance);
        break;
      case "replicate":
        if (owns(action.instance)) faults.push(`${action.instance} owns slots and is made a replica`);
        if (roles.get(action.master) !== "master")
          faults.push(`${action.instance} is made a replica of ${action.master}, which is no master`);
        roles.set(action.instance, "replica");
        break;
      case "fail-over":
        if (roles.get(action.to) !== "replica") faults.push(`${action.to} takes over and is no replica`);
        roles.set(action.to, "master");
        roles.set(action.master, "replica");
        for (const [slot, owner] of owners) if (owner === action.master) owners.set(slot, action.to);
        break;
      case "take-over":
        roles.set(action.instance, "master");
        break;
      case "forget-node":
        if (owns(action.leaving)) faults.push(`${action.leaving} owns slots and is forgotten`);
        inside.delete(action.leaving);
        break;
      case "reset":
        if (owns(action.instance)) faults.push(`${action.instance} owns slots and is reset`);
        break;
      case "set-config-epoch":
      case "forget":
      case "disown-slots":
      case "close-slots":
      case "set-node-timeout":
      case "await-joined":
      case "await-formed":
        break;
    }
  }
  if (owners.size < Math.min(covered, SLOT_COUNT)) faults.push("slots are left without an owner");
  if (faults.length > 0) throw invalidPlan(faults);
}
