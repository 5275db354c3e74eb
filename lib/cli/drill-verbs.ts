import { argument, choice, flag, listOption, manyArguments, option, short } from "./parameters.ts";
import { positive, varied, whole } from "./values.ts";
import { drillVerb, historyVerb, type Verb } from "./verb.ts";

const RUNNING = {
  expect: option("<terms>", 'what has to hold, for example "lost=0,gap<20s,p99<50ms"; wins over the drill\'s own, term by term'),
  runs: option("<n>", "how often it is run, each time with the next seed", whole(1), 1),
  seed: option("<n>", "whole number from which targets and moments follow", whole(0), 1),
  rate: option("<n>", "operations a second of the load (default: the drill's own, else 200)", positive),
  yes: short("-y", flag("do not ask, which it does on a terminal for labs that are not marked `disposable`")),
};

/** `redis-lab drill VERB …`, in the order of `--help`. */
export const DRILL_VERBS: readonly Verb[] = [
  drillVerb(
    {
      name: "list",
      about: "the drills that the lab can run, and what is expected of its version",
      group: "experiments",
      interrupted: "stops",
      arguments: {},
      options: { metrics: flag("the figures that an expectation can name, in place of the drills") },
      examples: ["list cluster", "list cluster --metrics"],
      json: "every drill with its layouts, what is expected and why, and why the lab can't run it",
    },
    async () => (await import("./verbs/drill/running.ts")).list,
  ),
  drillVerb(
    {
      name: "run",
      about: "run drills: load, fault, recovery and verdict; exits with 1 where one does not hold",
      group: "experiments",
      interrupted: "stops",
      arguments: { names: manyArguments("names of drills, one after the other") },
      options: RUNNING,
      examples: [
        "run cluster master-kill",
        'run sentinel master-kill --expect "lost=0,gap<15s" --runs 5 --seed 7',
        "run cluster planned-failover rolling-restart --json",
      ],
      json: "every run with its verdict, figures and time line, and how the figures are spread over the runs",
    },
    async () => (await import("./verbs/drill/running.ts")).run,
  ),
  drillVerb(
    {
      name: "matrix",
      about: "run a drill under every combination of settings, and show what safety costs; the lab is put back afterwards",
      group: "experiments",
      interrupted: "stops",
      arguments: { name: argument("name of a drill") },
      options: {
        set: listOption("<name=values...>", "values to try: node-timeout, down-after, wait, or any directive of redis.conf", varied),
        ...RUNNING,
      },
      examples: [
        "matrix cluster master-kill --set node-timeout=2000,5000 --set wait=0,1",
        "matrix sentinel master-hang-long --set min-replicas-to-write=0,1",
      ],
      json: "every combination with the spread of its figures and whether all runs held",
    },
    async () => (await import("./verbs/drill/running.ts")).matrix,
  ),
  historyVerb(
    {
      name: "check",
      about: "judge the history of a drill again, also of one that was killed",
      group: "experiments",
      interrupted: "stops",
      arguments: { history: argument("folder of the history") },
      options: { expect: RUNNING.expect },
      examples: ["check .redis-lab/cluster/local/drills/master-kill-20261201-150403-1", 'check HISTORY --expect "lost=0"'],
      json: "the verdict, figures and time line",
    },
    async () => (await import("./verbs/drill/judging.ts")).check,
  ),
  historyVerb(
    {
      name: "report",
      about: "print the reports of histories, for people, for a page or for a CI system",
      group: "experiments",
      interrupted: "stops",
      arguments: { histories: manyArguments("folders of histories") },
      options: { format: short("-f", choice("<format>", "what to print", ["text", "markdown", "junit"], "text")) },
      examples: ["report HISTORY", "report .redis-lab/cluster/local/drills/* --format junit > drills.xml"],
      json: "the verdict, figures and time line of each",
    },
    async () => (await import("./verbs/drill/judging.ts")).report,
  ),
];
