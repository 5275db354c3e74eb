import type { ClusterActionKind, ClusterActionOf } from "../../lib/cluster/model/types.ts";

const slots = [{ first: 5, last: 7 }];

/** An action of every kind. */
export const EXAMPLES: { readonly [Kind in ClusterActionKind]: ClusterActionOf<Kind> } = {
  "set-config-epoch": { kind: "set-config-epoch", instance: "m1:6379", epoch: 4 },
  "add-slots": { kind: "add-slots", instance: "m1:6379", slots },
  forget: { kind: "forget", instance: "m1:6379", nodeId: "0123456789abcdef0123456789abcdef01234567" },
  meet: { kind: "meet", seed: "m1:6379", instance: "s1:6379" },
  "await-joined": { kind: "await-joined", instances: ["m1:6379", "m2:6379"] },
  replicate: { kind: "replicate", instance: "r1:6379", master: "m2:6379" },
  "await-formed": { kind: "await-formed", instances: ["m1:6379", "m2:6379"] },
  "forget-node": {
    kind: "forget-node",
    leaving: "r1:6379",
    nodeId: "0123456789abcdef0123456789abcdef01234567",
    by: ["m1:6379", "m2:6379"],
  },
  reset: { kind: "reset", instance: "r1:6379" },
  "fail-over": { kind: "fail-over", master: "m1:6379", to: "r1:6379" },
  "take-over": { kind: "take-over", instance: "r1:6379", how: "force" },
  "set-node-timeout": { kind: "set-node-timeout", instance: "m1:6379", ms: 5000 },
  "move-slots": { kind: "move-slots", source: "m1:6379", target: "m2:6379", slots },
  "claim-slots": { kind: "claim-slots", instance: "m1:6379", slots },
  "disown-slots": { kind: "disown-slots", instance: "m1:6379", owner: "m2:6379", slots },
  "gather-keys": { kind: "gather-keys", slot: 5, source: "m2:6379", target: "m1:6379" },
  "close-slots": { kind: "close-slots", instance: "m2:6379", owner: "m1:6379", slots },
};
