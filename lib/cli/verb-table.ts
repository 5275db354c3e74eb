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

const DRILL: VerbFamily = {
  name: "drill",
  about: "break a lab on purpose, under load, and count what it cost",
  examples: [
    "drill list cluster",
    "drill run cluster master-kill",
    'drill run sentinel master-kill --expect "lost=0,gap<15s" --runs 5',
    "drill check .redis-lab/cluster/local/drills/master-kill-20261201-150403-1",
  ],
  note: "Writing your own, and reading a report: docs/experiments.md",
  load: async () => (await import("./drill-verbs.ts")).DRILL_VERBS,
};

/** All of redis-lab's command line, in the order of `--help`: the program, and the list of verbs in the README, are derived from it. */
export const VERB_TABLE: readonly (Verb | VerbFamily)[] = [...LAB_VERBS, ...FAULT_VERBS, CLUSTER, DRILL, ...OWN_VERBS];
