import { anyArguments, argument, flag, optionalArgument, optionalChoice, short } from "./parameters.ts";
import { LABS_OPTION, ownVerb, type Verb } from "./verb.ts";

/** Verbs that are given no lab. */
export const OWN_VERBS: readonly Verb[] = [
  ownVerb(
    {
      name: "list",
      about: "list the labs of the labs file: where they are up, since when, and what runs of them",
      group: "project",
      interrupted: "stops",
      arguments: {},
      options: { all: short("-a", flag("running local labs of other folders of this computer, too")), ...LABS_OPTION },
      examples: ["list", "list --all"],
      json: "every lab with its target, state, layout and version, and how many instances run",
    },
    async () => (await import("./verbs/list.ts")).list,
  ),
  ownVerb(
    {
      name: "apply",
      about: "apply a plan that `redis-lab cluster VERB LAB --plan FILE` saved; refused when the cluster has changed since",
      group: "project",
      interrupted: "resume",
      arguments: { file: argument("the plan; it names its lab and target") },
      options: {
        yes: short("-y", flag("do not ask, which it does on a terminal once the plan is shown")),
        dryRun: flag("check the plan and show all that it does, and change nothing"),
        ...LABS_OPTION,
      },
      examples: [
        "cluster reshard cluster --from all --to redis-18 --slots 100 --plan plan.json",
        "apply plan.json",
        "apply plan.json --dry-run          what it would do, whatever the file says of it",
      ],
      json: "the plan, and what it changed",
    },
    async () => (await import("./verbs/apply.ts")).apply,
  ),
  ownVerb(
    {
      name: "init",
      about: "start a project of your own: labs, stacks and a test, with what they need around them",
      group: "project",
      interrupted: "continues",
      arguments: { folder: optionalArgument("folder to make it in; nothing in it is overwritten", ".") },
      options: { cdktn: flag("with cdktn, the fork that goes on from the archived cdktf; its CLI needs Node 22.19") },
      examples: ["init", "init redis-labs", "init --cdktn"],
      json: "the folder and its files",
    },
    async () => (await import("./verbs/init.ts")).init,
  ),
  ownVerb(
    {
      name: "completion",
      about: "make your shell complete verbs, labs, hosts and instances with Tab",
      group: "project",
      interrupted: "stops",
      arguments: {
        what: argument("install, or print for the script alone"),
        words: anyArguments("of the shells' own question: a command line that is being typed"),
      },
      options: { shell: optionalChoice("<shell>", "bash, zsh or fish (default: that of SHELL)", ["bash", "zsh", "fish"]) },
      examples: ["completion install", "completion print --shell zsh"],
      json: "the shell, the file that was written and the start-up file that names it",
    },
    async () => (await import("./verbs/completion.ts")).completion,
  ),
];
