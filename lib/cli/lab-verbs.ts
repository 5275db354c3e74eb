import { oneOf } from "../base/list.ts";
import { DEFAULT_KEY_COUNT, DEFAULT_RATE, DEFAULT_READS, DEFAULT_SIZE, DEFAULT_TIMEOUT_MS, KEY_SPREADS } from "../drill/load/settings.ts";
import { OS_FAMILY_NAMES } from "../lab/os.ts";
import type { InstanceAction } from "../operations/instances.ts";
import {
  anyArguments,
  argument,
  choice,
  flag,
  manyArguments,
  option,
  optionalArgument,
  optionalChoice,
  optionalValue,
  short,
  timeOption,
} from "./parameters.ts";
import { bytes, duration, milliseconds, perSecond, positive, share, whole } from "./values.ts";
import { labVerb, type Verb } from "./verb.ts";

const YES = { yes: short("-y", flag("do not ask")) };

/** `redis-lab VERB LAB …`, in the order of `--help`. */
export const LAB_VERBS: readonly Verb[] = [
  labVerb(
    {
      name: "up",
      about: "bring the lab up, or to what it declares now; a second run changes nothing",
      group: "lab",
      interrupted: "continues",
      arguments: {},
      options: { rotatePassword: flag("generate a new password and bring it to every instance") },
      examples: [
        "up cluster",
        "up sentinel --target ssh",
        "up cluster --target libvirt       on the VMs that `cdktf deploy cluster` made, which runs this itself",
        "up cluster --rotate-password      give every instance a new generated password, without downtime",
      ],
      json: "what was changed, the status afterwards, and the hosts that failed, with their errors",
    },
    async () => (await import("./verbs/up.ts")).up,
  ),
  labVerb(
    {
      name: "plan",
      about: "show what `up` would change, per host and file with a diff; changes nothing",
      group: "lab",
      interrupted: "stops",
      arguments: {},
      options: { exitCode: flag("exit with 2 when changes are pending") },
      examples: ["plan cluster", "plan cluster --exit-code          0: nothing to do, 2: changes pending"],
      json: "changes and refusals of each host and of the layout, and how many changes there are",
    },
    async () => (await import("./verbs/plan.ts")).plan,
  ),
  labVerb(
    {
      name: "status",
      about: "show every instance with its role, slots, master and version",
      group: "lab",
      interrupted: "ends",
      arguments: {},
      options: { watch: short("-w", optionalValue("[seconds]", "repeat until interrupted (default: every 2 seconds)", positive)) },
      examples: ["status cluster", "status sentinel --watch", "status cluster --json"],
      json: {
        document: "every instance, the findings, and whether the lab is healthy; with `--watch` one document a line",
        about: "one JSON document on standard output (with --watch: one a line)",
      },
    },
    async () => (await import("./verbs/status.ts")).status,
  ),
  labVerb(
    {
      name: "down",
      about: "stop the lab gracefully; data and configuration stay",
      group: "lab",
      interrupted: "continues",
      arguments: {},
      options: {
        purge: flag("remove everything that redis-lab made on the hosts, data included"),
        orphans: flag("end processes of the lab on this computer that were lost sight of, as .redis-lab was deleted while they ran"),
        ...YES,
      },
      examples: [
        "down cluster",
        "down cluster --purge              remove data, configuration and units too; asks on a terminal",
        "down cluster --orphans            after `rm -rf .redis-lab` or `git clean -fdx`; asks on a terminal",
      ],
      json: "what was stopped and removed, and the hosts that failed",
    },
    async () => (await import("./verbs/down.ts")).down,
  ),
  labVerb(
    {
      name: "rebuild",
      about: "wipe the data and bring the lab up again from nothing; what was compiled is kept",
      group: "lab",
      interrupted: "continues",
      arguments: {},
      options: { rolling: flag("keep the data and bring VMs to the declared hardware, one host after the other"), ...YES },
      examples: [
        "rebuild cluster                   on VMs: their disks made again from the image, in place",
        "rebuild cluster --rolling         VMs to the declared memory and CPUs, host by host; data is kept",
      ],
      json: "the documents of `down` and `up`; on VMs which disks were made again, and the document of `up`",
    },
    async () => (await import("./verbs/rebuild.ts")).rebuild,
  ),
  labVerb(
    {
      name: "failover",
      about: "hand the role of master to a replica, without losing an acknowledged write",
      group: "lab",
      interrupted: "stops",
      arguments: { instance: optionalArgument("HOST or HOST:PORT (in a cluster: redis-lab cluster failover)") },
      options: { force: flag("give up a master that does not answer, with what no replica has of it") },
      examples: [
        "failover sentinel                 the sentinels choose the replica",
        "failover sentinel redis-18        where there are several masters: the one that hands over",
        "failover pair redis-28            in a layout without sentinels: the replica that takes over",
      ],
      json: "the master before and the master now",
    },
    async () => (await import("./verbs/failover.ts")).failover,
  ),
  labVerb(
    {
      name: "load",
      about: "load the lab as applications do, and count what is acknowledged, refused and lost sight of",
      group: "experiments",
      interrupted: "stops",
      arguments: {},
      options: {
        rate: option("<n/s>", "operations that become due, whatever the servers answer", perSecond, DEFAULT_RATE),
        for: timeOption("how long operations become due", duration, 30_000),
        writers: option("<n>", "writers of each shard (default: as many as the rate needs)", whole(1)),
        keys: choice("<spread>", "how keys are chosen", KEY_SPREADS, "uniform"),
        keyCount: option("<n>", "keys to choose from, over all shards", whole(1), DEFAULT_KEY_COUNT),
        size: option("<bytes>", "size of a value", bytes, DEFAULT_SIZE),
        reads: option("<share>", "share of operations that read, from 0 to 1", share, DEFAULT_READS),
        pipeline: option("<n>", "operations that a writer has under way", whole(1), 1),
        ttl: option("<seconds>", "let keys expire", whole(1)),
        wait: option("<n>", "count a write as acknowledged when so many replicas have it (WAIT); else its outcome is unknown", whole(1)),
        minReplicas: option("<n>", "set min-replicas-to-write on every server until the end of the load", whole(0)),
        timeout: timeOption("longest wait for an answer", milliseconds, DEFAULT_TIMEOUT_MS),
        client: option("<command>", "the client under test, instead of redis-lab's own: docs/clients.md"),
        seed: option("<n>", "whole number from which all choices follow (default: any)", whole(0)),
        history: option("<folder>", "folder of the history (default: below .redis-lab)"),
        keep: flag("leave the keys of the load in the lab"),
        clean: flag("load nothing: remove the keys that earlier loads left, killed or with --keep"),
      },
      examples: [
        "load cluster --rate 2000/s --for 60s",
        "load sentinel --reads 0.5 --keys zipf --json",
        "load cluster --wait 1             what one replica more costs",
        "load cluster --clean              remove what killed loads left",
        "load cluster --client ./client    your own client under test (docs/clients.md)",
      ],
      json: "what was acknowledged, failed and unknown, latencies, the series of each second and the outages of each shard",
    },
    async () => (await import("./verbs/load.ts")).load,
  ),
  labVerb(
    {
      name: "leave",
      about: "make a host leave that the labs file declares no more; Terraform runs it before a host goes",
      group: "terraform",
      interrupted: "continues",
      arguments: { host: argument("name of the host; nothing is done for one that stays") },
      options: {
        keep: flag("leave data, configuration, units and settings on the machine (default: they are removed, as by `down --purge`)"),
      },
      examples: [
        "leave cluster redis-88            its slots go to others; forgotten by all, reset, stopped and cleaned",
        "leave cluster redis-88 --keep     the same, but its files stay on it",
      ],
      json: "what was decided for the host, and what was moved, removed and stopped",
    },
    async () => (await import("./verbs/leave.ts")).leave,
  ),
  labVerb(
    {
      name: "preflight",
      about:
        "put back a network or an image that VMs have lost, check what would stop `cdktf deploy`, and fetch the image; Terraform runs it before it makes anything",
      group: "terraform",
      interrupted: "continues",
      arguments: {},
      options: {},
      examples: ["preflight cluster", "preflight cluster --json"],
      json: "the findings, what was put back, and whether a deploy can begin",
    },
    async () => (await import("./verbs/preflight.ts")).preflight,
  ),
  labVerb(
    {
      name: "render",
      about: "write all files of the hosts to a folder, without touching a host",
      group: "files",
      interrupted: "continues",
      arguments: { host: optionalArgument("only this host") },
      options: {
        out: short("-o", option("<folder>", "folder to write to", String, "rendered")),
        os: option("<family>", `operating system to render for: ${oneOf(OS_FAMILY_NAMES)} (default: that of the lab's image)`),
        secrets: flag("write the real passwords instead of tokens, for this user alone"),
      },
      examples: ["render cluster", "render cluster redis-18 --out files   passwords are masked unless --secrets"],
      json: "`files`: each file that was written, with its host, path there, mode and owner",
    },
    async () => (await import("./verbs/render.ts")).render,
  ),
  labVerb(
    {
      name: "inventory",
      about: "print the lab for another tool",
      group: "files",
      interrupted: "stops",
      arguments: {},
      options: {
        format: short("-f", choice("<format>", "what to print", ["ssh-config", "ansible", "prometheus", "uri", "json"], "json")),
      },
      examples: [
        "inventory cluster --format ansible > hosts.yml",
        "inventory cluster --format ssh-config",
        "inventory sentinel --format uri",
      ],
      json: { document: "hosts, instances and addresses", about: "the same as --format json" },
    },
    async () => (await import("./verbs/inventory.ts")).inventory,
  ),
  labVerb(
    {
      name: "env",
      about: 'print variables for other clients, the password among them: eval "$(redis-lab env LAB)"',
      group: "hosts",
      interrupted: "stops",
      arguments: {},
      options: {
        secrets: flag("show the password on a terminal or in the document, too; anybody who sees the output can then log in to the lab"),
      },
      examples: [
        'env cluster   for redis-cli, redis-trib and libraries: eval "$(redis-lab env cluster)"',
        "env cluster --secrets   with the password, which stays in what the terminal and its logs keep",
      ],
      json: "the variables by name, without those that hold the password unless `--secrets`",
    },
    async () => (await import("./verbs/env.ts")).env,
  ),
  labVerb(
    {
      name: "doctor",
      about: "compare what the running hosts and instances really have with what they should",
      group: "lab",
      interrupted: "stops",
      arguments: {},
      options: {
        fix: flag(
          "remove VMs, disks and networks of the lab that Terraform does not know; what a running VM uses, or another state made, only on a terminal, where --yes does not count",
        ),
        ...YES,
      },
      examples: [
        "doctor cluster",
        "doctor cluster --fix              remove what a failed deploy left in libvirt; asks on a terminal",
        "doctor cluster --json",
      ],
      json: "the checks, the findings, and whether the lab is healthy; with `--fix` what was removed",
    },
    async () => (await import("./verbs/doctor.ts")).doctor,
  ),
  instanceVerb("stop", "stop an instance: it saves its data and ends", [
    "stop cluster redis-18:6379       a master that goes: watch its replica take over",
    "stop cluster redis-78            all instances of the host",
  ]),
  instanceVerb("start", "start an instance that does not run, and wait until it answers", ["start cluster redis-18:6379"]),
  instanceVerb("restart", "stop and start an instance; no role is handed over before", ["restart cluster redis-48:6379"]),
  instanceVerb(
    "kill",
    "kill an instance (SIGKILL), as an accident would: it saves nothing",
    ["kill cluster redis-18:6379       under systemd its unit starts it again, which is said"],
    "stops",
  ),
  labVerb(
    {
      name: "ssh",
      about: "open a shell on a host, or run a command there",
      group: "hosts",
      interrupted: "ends",
      arguments: { host: argument("name of the host"), command: anyArguments("command to run there") },
      options: {},
      passesOn: "all",
      examples: ["ssh cluster redis-18", "ssh cluster redis-18 -- uptime"],
      json: "none",
    },
    async () => (await import("./verbs/ssh.ts")).ssh,
  ),
  labVerb(
    {
      name: "shell",
      about: "run a program, or your shell, in the network of a lab on netns, where its addresses are reached",
      group: "hosts",
      interrupted: "ends",
      arguments: {
        host: optionalArgument("name of a host to be on (default: a place of its own in the lab's network, for clients)"),
        command: anyArguments("program to run there, behind `--`; none starts your shell"),
      },
      options: {},
      passesOn: "all",
      examples: [
        "shell cluster                     your shell; `exit` ends it",
        "shell cluster -- python3 client.py   your own client, with the real addresses",
        "shell cluster redis-18 -- ip addr    on a host",
      ],
      json: "none",
    },
    async () => (await import("./verbs/shell.ts")).shell,
  ),
  labVerb(
    {
      name: "exec",
      about: "run a command on all hosts, each line of output behind the name of its host",
      group: "hosts",
      interrupted: "stops",
      arguments: { command: manyArguments("command to run, behind `--`; a shell reads it") },
      options: {
        role: optionalChoice("<role>", "only hosts that have an instance of this role now", ["master", "replica", "standby", "sentinel"]),
        atOnce: option("<count>", "hosts at the same time", whole(1), 8),
      },
      examples: ["exec cluster -- uptime", "exec cluster --role master -- df -h .", "exec sentinel -- 'ls -l data | tail -n 3'"],
      json: "each host with the exit code and both outputs of the command",
    },
    async () => (await import("./verbs/exec.ts")).exec,
  ),
  labVerb(
    {
      name: "cli",
      about: "talk to an instance as redis-cli does, with the password supplied",
      group: "hosts",
      interrupted: "ends",
      arguments: {
        instance: argument("HOST or HOST:PORT"),
        command: anyArguments("command and its arguments; none starts a prompt"),
      },
      options: {},
      passesOn: "all",
      examples: [
        "cli cluster redis-18",
        "cli cluster redis-78:6380 info server",
        "cli sentinel redis-18:26379 sentinel masters",
        "cli cluster redis-18 -c set greeting hello    options of redis-cli are left to it, as are MONITOR and SUBSCRIBE",
      ],
      json: "none",
    },
    async () => (await import("./verbs/cli.ts")).cli,
  ),
  labVerb(
    {
      name: "logs",
      about: "show the logs of a host's instances, or of all instances as one log",
      group: "hosts",
      interrupted: "ends",
      arguments: { host: optionalArgument("HOST or HOST:PORT") },
      options: {
        all: short("-a", flag("all instances, merged by time")),
        lines: short("-n", option("<count>", "how many of the last lines", whole(0), 100)),
        follow: short("-f", flag("go on as lines come, until interrupted")),
      },
      examples: [
        "logs cluster redis-18",
        "logs sentinel redis-18:26379 --follow",
        "logs sentinel --all --follow      a failover, as all of them tell it",
      ],
      json: "none",
    },
    async () => (await import("./verbs/logs.ts")).logs,
  ),
];

/** A verb of `verbs/instances.ts`. */
function instanceVerb(
  name: InstanceAction,
  about: string,
  examples: readonly [string, ...string[]],
  interrupted: "stops" | "continues" = "continues",
): Verb {
  return labVerb(
    {
      name,
      about,
      group: "hosts",
      interrupted,
      arguments: { instance: argument("HOST:PORT, or HOST for all of its instances") },
      options: {},
      examples,
      json: "each instance with its process before and after",
    },
    async () => (await import("./verbs/instances.ts")).instances(name),
  );
}
