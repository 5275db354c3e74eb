import { FAULT_VERBS } from "./fault-verbs.ts";
import { LAB_VERBS } from "./lab-verbs.ts";
import { OWN_VERBS } from "./own-verbs.ts";
import type { Verb, VerbFamily } from "./verb.ts";

const CLUSTER: VerbFamily = {
  name: "cluster",
  about: "look at, change and fix the running cluster of a lab",
  examples: [
    "cluster check cluster",
    "cluster reshard cluster --from all --to redis-18 --slots 1000 --dry-run",
    "cluster rebalance cluster --weight redis-18=2 --plan plan.json && redis-lab apply plan.json",
    "cluster fix cluster",
    "cluster failback cluster",
  ],
  note: "With the arguments and the text of redis-trib.rb: redis-trib --help",
  load: async () => (await import("./cluster-verbs.ts")).CLUSTER_VERBS,
};

/** All of redis-lab's command line, in the order of `--help`: the program, and the list of verbs in the README, are derived from it. */
export const VERB_TABLE: readonly (Verb | VerbFamily)[] = [...LAB_VERBS, ...FAULT_VERBS, CLUSTER, ...OWN_VERBS];
