import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import { addClusterVerbs } from "./cluster-program.ts";
import { type CommonOptions, openContext } from "./context.ts";
import { positive, whole } from "./values.ts";
import type { ProgramHost, Verb } from "./verb.ts";

/**
 * The command line. Verbs are described here and loaded when they run: `--help` must not wait for SSH, templates or tables.
 */
export function buildProgram(host: ProgramHost): Command {
  const program = new Command("redis-lab")
    .description("Redis labs as code: declare hosts and a layout, get a running Redis Cluster or Sentinel lab.")
    .version(packageVersion())
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError("(redis-lab --help lists the verbs, redis-lab VERB --help shows examples)")
    .addHelpText(
      "after",
      `
Examples:
  $ redis-lab up cluster                    seven hosts on this computer, in one command
  $ redis-lab up cluster --target ssh       the same on real machines
  $ redis-lab plan cluster                  what would change, with diffs; changes nothing
  $ redis-lab status cluster --watch
  $ redis-lab cli cluster redis-38 set greeting hello

Exit codes: 0 done; 1 failed, or a check found something; 2 changes pending (plan --exit-code); 64 wrong use; 130 interrupted.`,
    );

  const verb = <Options>(name: string, description: string, load: () => Promise<Verb<Options>>, examples: readonly string[]): Command =>
    program
      .command(name)
      .description(description)
      .argument("<lab>", "name of the lab")
      .addOption(new Option("-t, --target <target>", "where the lab runs: local, ssh or libvirt (default: where it is up, else local)"))
      .addOption(new Option("--labs <file>", "labs file (default: stacks/labs.ts in this folder or above; REDIS_LAB_LABS)"))
      .addHelpText("after", `\nExamples:\n${examples.map((example) => `  $ redis-lab ${example}`).join("\n")}`)
      .action(async (lab: string, ...rest: unknown[]) => {
        const command = rest.pop() as Command;
        rest.pop();
        const options = command.opts<Options & CommonOptions>();
        const words = rest.flat().filter((word): word is string => typeof word === "string");
        // `ssh LAB HOST -- uptime`: commander hands the separator on.
        if (words[1] === "--") words.splice(1, 1);
        const module = await load();
        host.exitWith(await module.run(await openContext(lab, options, host.signal), options, words));
      });

  verb("up", "bring the lab up, or to what it declares now; a second run changes nothing", () => import("./verbs/up.ts"), [
    "up cluster",
    "up sentinel --target ssh",
    "up cluster --target libvirt       on the VMs that `cdktf deploy cluster` made, which runs this itself",
    "up cluster --rotate-password      give every instance a new generated password, without downtime",
  ])
    .option("--rotate-password", "generate a new password and bring it to every instance")
    .option("--json", "one JSON document on standard output");
  verb("plan", "show what `up` would change, per host and file with a diff; changes nothing", () => import("./verbs/plan.ts"), [
    "plan cluster",
    "plan cluster --exit-code          0: nothing to do, 2: changes pending",
  ])
    .option("--exit-code", "exit with 2 when changes are pending")
    .option("--json", "one JSON document on standard output");
  verb("status", "show every instance with its role, slots, master and version", () => import("./verbs/status.ts"), [
    "status cluster",
    "status sentinel --watch",
    "status cluster --json",
  ])
    .option("-w, --watch [seconds]", "repeat until interrupted (default: every 2 seconds)", positive)
    .option("--json", "one JSON document on standard output (with --watch: one a line)");
  verb("down", "stop the lab gracefully; data and configuration stay", () => import("./verbs/down.ts"), [
    "down cluster",
    "down cluster --purge              remove data, configuration and units too; asks on a terminal",
  ])
    .option("--purge", "remove everything that redis-lab made on the hosts, data included")
    .option("-y, --yes", "do not ask")
    .option("--json", "one JSON document on standard output");
  verb("rebuild", "wipe the data and bring the lab up anew; what was compiled is kept", () => import("./verbs/rebuild.ts"), [
    "rebuild cluster                   on VMs: their disks anew from the image, in place",
    "rebuild cluster --rolling         VMs to the declared memory and CPUs, host by host; data is kept",
  ])
    .option("--rolling", "keep the data and bring VMs to the declared hardware, one host after the other")
    .option("-y, --yes", "do not ask")
    .option("--json", "one JSON document on standard output");
  verb(
    "leave",
    "make a host leave that the labs file declares no more; Terraform runs it before a host goes",
    () => import("./verbs/leave.ts"),
    ["leave cluster redis-88            its slots go to others; forgotten by all, reset and stopped"],
  )
    .argument("<host>", "name of the host; nothing is done for one that stays")
    .option("--json", "one JSON document on standard output");
  verb(
    "preflight",
    "check what would stop `cdktf deploy`, and fetch the image; Terraform runs it before it makes anything",
    () => import("./verbs/preflight.ts"),
    ["preflight cluster", "preflight cluster --json"],
  ).option("--json", "one JSON document on standard output");
  verb("render", "write all files of the hosts to a folder, without touching a host", () => import("./verbs/render.ts"), [
    "render cluster",
    "render cluster redis-18 --out files   passwords are masked unless --secrets",
  ])
    .argument("[host]", "only this host")
    .option("-o, --out <folder>", "folder to write to", "rendered")
    .option("--os <family>", "operating system to render for: rhel or debian (default: that of the lab's image)")
    .option("--secrets", "write the real passwords instead of tokens")
    .option("--json", "one JSON document on standard output");
  verb("inventory", "print the lab for another tool", () => import("./verbs/inventory.ts"), [
    "inventory cluster --format ansible > hosts.yml",
    "inventory cluster --format ssh-config",
    "inventory sentinel --format uri",
  ])
    .addOption(
      new Option("-f, --format <format>", "what to print").choices(["ssh-config", "ansible", "prometheus", "uri", "json"]).default("json"),
    )
    .option("--json", "the same as --format json");
  verb("doctor", "compare what the running hosts and instances really have with what they should", () => import("./verbs/doctor.ts"), [
    "doctor cluster",
    "doctor cluster --fix              remove what a failed deploy left in libvirt; asks on a terminal",
    "doctor cluster --json",
  ])
    .option("--fix", "remove VMs, disks and networks of the lab that Terraform does not know")
    .option("-y, --yes", "do not ask")
    .option("--json", "one JSON document on standard output");
  verb("ssh", "open a shell on a host, or run a command there", () => import("./verbs/ssh.ts"), [
    "ssh cluster redis-18",
    "ssh cluster redis-18 -- uptime",
  ])
    .argument("<host>", "name of the host")
    .argument("[command...]", "command to run there")
    .passThroughOptions();
  verb("cli", "talk to an instance as redis-cli does, with the password supplied", () => import("./verbs/cli.ts"), [
    "cli cluster redis-18",
    "cli cluster redis-78:6380 info server",
    "cli sentinel redis-18:26379 sentinel masters",
  ])
    .argument("<instance>", "HOST or HOST:PORT")
    .argument("[command...]", "command and its arguments; none starts a prompt")
    .passThroughOptions();
  verb("logs", "show the logs of a host's instances", () => import("./verbs/logs.ts"), [
    "logs cluster redis-18",
    "logs sentinel redis-18:26379 --follow",
  ])
    .argument("<host>", "HOST or HOST:PORT")
    .option("-n, --lines <count>", "how many of the last lines", whole(0), 100)
    .option("-f, --follow", "go on as lines come, until interrupted");
  addClusterVerbs(program, host);
  program
    .command("apply")
    .description("apply a plan that `redis-lab cluster VERB LAB --plan FILE` saved; refused when the cluster has changed since")
    .argument("<file>", "the plan; it names its lab and target")
    .addOption(new Option("--labs <file>", "labs file (default: stacks/labs.ts in this folder or above; REDIS_LAB_LABS)"))
    .option("--json", "one JSON document on standard output")
    .addHelpText(
      "after",
      "\nExamples:\n  $ redis-lab cluster reshard cluster --from all --to redis-18 --slots 100 --plan plan.json\n  $ redis-lab apply plan.json",
    )
    .action(async (file: string, options: CommonOptions) => {
      const { run } = await import("./verbs/apply.ts");
      host.exitWith(await run(file, options, host.signal));
    });
  program
    .command("init")
    .description("start a project of your own: labs, stacks and a test, with what they need around them")
    .argument("[folder]", "folder to make it in; nothing in it is overwritten", ".")
    .option("--json", "one JSON document on standard output")
    .addHelpText("after", "\nExamples:\n  $ redis-lab init\n  $ redis-lab init redis-labs")
    .action(async (folder: string, options: { readonly json?: boolean }) => {
      const { run } = await import("./verbs/init.ts");
      host.exitWith(await run(folder, { json: options.json ?? false }));
    });
  return program;
}

function packageVersion(): string {
  // From lib/cli in the sources, from dist/lib/cli in the package: the nearest package.json is ours in both.
  for (const up of ["../../package.json", "../../../package.json"]) {
    try {
      return String(JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8")).version);
    } catch {
      // The other place, then.
    }
  }
  return "unknown";
}
