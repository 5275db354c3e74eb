import { type Command, Option } from "commander";
import { type CommonOptions, openContext } from "./context.ts";
import { bytes, countOrAll, milliseconds, number, positive, whole } from "./values.ts";
import type { ProgramHost, Verb } from "./verb.ts";

/** What a cluster verb's module exports: its work by the name of the verb. */
export interface ClusterVerb {
  run(...of: Parameters<Verb<Readonly<Record<string, unknown>>>["run"]>): Promise<number>;
}

/** Adds `redis-lab cluster VERB LAB …`. Verbs are described here and loaded when they run. */
export function addClusterVerbs(program: Command, host: ProgramHost): void {
  const cluster = program
    .command("cluster")
    .description("look at, change and mend the running cluster of a lab")
    .enablePositionalOptions()
    .addHelpText(
      "after",
      `
Examples:
  $ redis-lab cluster check cluster
  $ redis-lab cluster reshard cluster --from all --to redis-18 --slots 1000 --dry-run
  $ redis-lab cluster rebalance cluster --weight redis-18=2 --plan plan.json && redis-lab apply plan.json
  $ redis-lab cluster fix cluster
  $ redis-lab cluster failback cluster

With the arguments and the text of redis-trib.rb: redis-trib --help`,
    );
  const verb = (name: string, description: string, load: () => Promise<ClusterVerb>, examples: readonly string[]): Command =>
    cluster
      .command(name)
      .description(description)
      .argument("<lab>", "name of the lab")
      .addOption(new Option("-t, --target <target>", "where the lab runs: local, ssh or libvirt (default: where it is up, else local)"))
      .addOption(new Option("--labs <file>", "labs file (default: stacks/labs.ts in this folder or above; REDIS_LAB_LABS)"))
      .addOption(new Option("--json", "one JSON document on standard output"))
      .addHelpText("after", `\nExamples:\n${examples.map((example) => `  $ redis-lab cluster ${example}`).join("\n")}`)
      .action(async (lab: string, ...rest: unknown[]) => {
        const command = rest.pop() as Command;
        rest.pop();
        const options = command.opts<CommonOptions & Readonly<Record<string, unknown>>>();
        const words = rest.flat().filter((word): word is string => typeof word === "string");
        const module = await load();
        host.exitWith(await module.run(await openContext(lab, options, host.signal), options, words));
      });
  const planned = (command: Command) =>
    command
      .option("--dry-run", "stop after the plan")
      .option("--plan <file>", "stop after the plan and save it, for `redis-lab apply FILE`");
  const throttled = (command: Command) =>
    command
      .option("--max-latency <time>", "what a PING to source and target may take meanwhile, for example 5ms", milliseconds)
      .option("--max-keys <rate>", "keys per second", positive)
      .option("--max-bytes <rate>", "bytes per second, for example 10mb", bytes);
  const moving = (command: Command) =>
    throttled(
      planned(command)
        .option("--timeout <ms>", "longest time for one MIGRATE; large keys get more", whole(1), 60_000)
        .option("--pipeline <keys>", "most keys in one MIGRATE", whole(1))
        .option("--slots-at-once <count>", "slots on their way at the same time, for each pair of masters", whole(1)),
    ).option("--replace", "keep the source's value of a key that both have; the other one is saved to a file");

  verb("check", "who owns which slots, and everything that is not right", () => import("./verbs/cluster/check.ts"), [
    "check cluster",
    "check cluster --json",
  ]);
  verb("info", "masters with their keys, slots and replicas", () => import("./verbs/cluster/info.ts"), ["info cluster"]);
  verb("topology", "shards as text, JSON or a picture", () => import("./verbs/cluster/topology.ts"), [
    "topology cluster",
    "topology cluster --format svg > slots.svg",
  ]).addOption(new Option("-f, --format <format>", "what to print").choices(["text", "json", "svg"]).default("text"));
  verb("diff", "where the cluster is not what the lab declares; exits with 1 where it is not", () => import("./verbs/cluster/diff.ts"), [
    "diff cluster",
  ]);
  verb("wait", "wait until every slot has an owner, none is open and all nodes agree", () => import("./verbs/cluster/wait.ts"), [
    "wait cluster --timeout 60",
  ]).option("--timeout <seconds>", "longest wait", positive, 60);
  planned(
    verb("create", "form the declared cluster of instances that run; `up` does it as well", () => import("./verbs/cluster/create.ts"), [
      "create cluster",
    ]),
  );
  moving(
    verb("fix", "put every slot right: one owner, not open, each key once", () => import("./verbs/cluster/fix.ts"), [
      "fix cluster --dry-run",
      "fix cluster",
    ]),
  ).option("--fix-with-unreachable-masters", "go on although masters with slots are gone: what they hold is given up");
  moving(
    verb("reshard", "move slots to a master", () => import("./verbs/cluster/reshard.ts"), [
      "reshard cluster --from redis-28,redis-38 --to redis-18 --slots 500",
      "reshard cluster --from all --to redis-18 --slots 500 --max-latency 5ms",
    ]),
  )
    .requiredOption("--from <nodes>", "masters that give slots, with commas between them, or `all`")
    .requiredOption("--to <node>", "master that gets them")
    .requiredOption("--slots <count>", "how many", number);
  moving(
    verb("rebalance", "give every master its share", () => import("./verbs/cluster/rebalance.ts"), [
      "rebalance cluster --use-empty-masters",
      "rebalance cluster --weight redis-18=2 --weight redis-28=0.5",
      "rebalance cluster --by keys --threshold 5",
    ]),
  )
    .option("--weight <node=weight...>", "share of a master in relation to the others (default: 1; 0 empties it)")
    .option("--threshold <percent>", "difference that is left as it is", number, 2)
    .option("--use-empty-masters", "masters without slots take part")
    .option("--simulate", "the same as --dry-run, as redis-cli calls it")
    .addOption(new Option("--by <load>", "what is made even").choices(["slots", "keys", "memory", "ops"]).default("slots"));
  moving(
    verb("drain", "move all slots away from masters, to the others", () => import("./verbs/cluster/drain.ts"), ["drain cluster redis-38"]),
  ).argument("<nodes...>", "masters to empty");
  planned(
    verb("add-node", "let an empty node join: a declared standby, or any by its address", () => import("./verbs/cluster/add-node.ts"), [
      "add-node cluster redis-78:6379",
      "add-node cluster redis-78:6380 --replica-of redis-18",
    ]),
  )
    .argument("<node>", "HOST:PORT of the lab, or ADDRESS:PORT")
    .option("--replica-of <node>", "make it a replica of this master")
    .option("--replica", "make it a replica of the master that has the fewest");
  planned(
    verb(
      "del-node",
      "make a node leave: forgotten by all, its replicas behind others, itself empty",
      () => import("./verbs/cluster/del-node.ts"),
      ["del-node cluster redis-78:6380", "del-node cluster 3c3a0c74"],
    ),
  ).argument("<node>", "HOST:PORT, ADDRESS:PORT, or the beginning of a node id; it may be dead");
  moving(
    verb("replace-node", "put a fresh node into the place of another one", () => import("./verbs/cluster/replace-node.ts"), [
      "replace-node cluster redis-38 redis-78:6379",
    ]),
  )
    .argument("<node>", "node that goes")
    .argument("<by>", "empty node that comes");
  planned(
    verb("replicate", "send a replica, or a master without slots, behind a master", () => import("./verbs/cluster/replicate.ts"), [
      "replicate cluster redis-58 redis-28",
    ]),
  )
    .argument("<node>", "node that follows")
    .argument("<master>", "master that it follows");
  planned(
    verb("failover", "hand a shard over without losing an acknowledged write", () => import("./verbs/cluster/failover.ts"), [
      "failover cluster redis-58",
      "failover cluster redis-58 --force    its master is gone",
    ]),
  )
    .argument("<node>", "replica that takes over, or master that hands over")
    .option("--force", "without its master; what it did not get is lost")
    .option("--takeover", "without anybody's vote; for a cluster that has lost its majority");
  planned(
    verb(
      "failback",
      "declared masters lead their shards again, replicas follow their declared masters",
      () => import("./verbs/cluster/failback.ts"),
      ["failback cluster"],
    ),
  );
  verb("reset", "make an empty node of one that nobody knows any more", () => import("./verbs/cluster/reset.ts"), [
    "reset cluster redis-78:6379",
  ])
    .argument("<node>", "HOST:PORT or ADDRESS:PORT")
    .option("--flush", "delete its keys")
    .option("-y, --yes", "do not ask");
  verb("resume", "finish a move that was interrupted", () => import("./verbs/cluster/resume.ts"), ["resume cluster"]).option(
    "--dry-run",
    "show what there is to finish",
  );
  verb("rollback", "bring back what an interrupted move left on its way", () => import("./verbs/cluster/rollback.ts"), [
    "rollback cluster",
  ]).option("--dry-run", "show what there is to bring back");
  throttled(
    verb(
      "import",
      "bring the keys of another server, or of an RDB or AOF file, into the cluster",
      () => import("./verbs/cluster/import.ts"),
      [
        "import cluster --from 10.0.0.9:6379 --copy --max-latency 5ms",
        "import cluster --from 10.0.0.9:6379 --from-password-file old-password --databases all",
        "import cluster --from /var/lib/redis/dump.rdb",
      ],
    ),
  )
    .requiredOption("--from <source>", "HOST:PORT of a server, or an RDB or AOF file of this computer")
    .option("--copy", "leave the keys at the source (default: a key is deleted there once the cluster has it)")
    .option("--replace", "overwrite keys that the cluster has with another value (default: both stay, and are reported)")
    .option(
      "--databases <list>",
      "databases of the source, with commas between them, or `all`: a cluster has database 0 alone (default: 0)",
    )
    .option("--from-user <name>", "ACL user of the source")
    .option("--from-password-file <file>", "its password; or REDIS_LAB_FROM_PASSWORD")
    .option("--from-askpass", "ask for its password")
    .option("--this-node", "the source is a node of another cluster: take its keys alone")
    .option("--server <file>", "redis-server that loads a file (default: the lab's own, compiled here)");
  verb("backup", "an RDB of every master and a manifest, in a new folder", () => import("./verbs/cluster/backup.ts"), [
    "backup cluster backups/monday",
    "backup cluster backups/monday --check --load",
  ])
    .argument("<folder>", "folder that is made, or that is checked")
    .option("--check", "check a backup that was made before")
    .option("--load", "with --check: load each file into a redis-server of this computer and count its keys")
    .option("--server <file>", "redis-server for --load (default: the lab's own, compiled here)");
  throttled(
    verb(
      "restore",
      "bring a backup into the cluster, of the same or another number of masters",
      () => import("./verbs/cluster/restore.ts"),
      ["restore cluster backups/monday"],
    ),
  )
    .argument("<folder>", "folder that `backup` made")
    .option("--replace", "the cluster has keys: overwrite those of the same name")
    .option("--compare <count>", "how many keys of each file are compared afterwards, or `all`", countOrAll, 1000)
    .option("--server <file>", "redis-server that loads the files (default: the lab's own, compiled here)");
  planned(
    verb("set-timeout", "set cluster-node-timeout on every node", () => import("./verbs/cluster/set-timeout.ts"), [
      "set-timeout cluster 5000",
    ]),
  ).argument("<ms>", "milliseconds");
  verb("call", "send one command to every node", () => import("./verbs/cluster/call.ts"), [
    "call cluster config get maxmemory",
    "call cluster --only-masters dbsize",
  ])
    .option("--only-masters", "masters alone")
    .option("--only-replicas", "replicas alone")
    .argument("<command...>", "command and its arguments")
    .allowUnknownOption();
}
