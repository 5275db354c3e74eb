import { oneOf } from "../base/list.ts";
import { FAULT_NAMES, FAULT_WORDS } from "../fault/words.ts";
import { anyArguments, flag, option, optionalArgument, short } from "./parameters.ts";
import { duration, milliseconds, number, whole } from "./values.ts";
import { labVerb, type Verb } from "./verb.ts";

/** What each fault is takes more than a line of `--help`: `--list` says it. */
const EXAMPLES = FAULT_NAMES.map((name) => `fault cluster ${name} ${FAULT_WORDS[name].example}`);

/** The verbs that break a lab and repair it. */
export const FAULT_VERBS: readonly Verb[] = [
  labVerb(
    {
      name: "fault",
      about: "break a lab on purpose: a fault, whom it meets, and for how long; the hosts heal themselves",
      group: "experiments",
      interrupted: "stops",
      arguments: {
        fault: optionalArgument(`${oneOf(FAULT_NAMES)} (default: say what is open)`),
        targets: anyArguments(
          "hosts, instances or roles at that moment; of a partition one side or two, each a list with commas, on netns also with `client`",
        ),
      },
      options: {
        list: flag("say of each fault what it takes and how it is undone, and which roles there are"),
        for: option("<time>", "when the hosts heal themselves, for example 30s or 2m (default: the fault's own, see --list)", duration),
        oneWay: flag("only what the hosts that are named send is lost"),
        busOnly: flag("only the bus of the cluster"),
        keepClients: flag("clients of the lab still reach the hosts"),
        reject: flag("connections are reset, where packets would be dropped"),
        percent: option("<number>", "packets of a hundred that are lost (default: 10)", whole(1)),
        delay: option("<time>", "how late packets are (default: 100ms)", milliseconds),
        every: option("<time>", "one turn of flapping, half of which it stands still (default: 4s)", milliseconds),
        by: option("<seconds>", "by how much the clock jumps (default: 60)", number),
        yes: short("-y", flag("do not ask, where the lab is not marked as disposable")),
      },
      examples: [
        "fault cluster           what is open",
        "fault cluster --list    what each fault does, and which roles there are",
        ...EXAMPLES,
      ],
      json: "what was done to whom, between which moments and until when; or the faults that are open, or those that there are",
    },
    async () => (await import("./verbs/fault.ts")).fault,
  ),
  labVerb(
    {
      name: "heal",
      about: "undo every fault of a lab at once",
      group: "experiments",
      interrupted: "continues",
      arguments: {},
      options: {},
      examples: ["heal cluster"],
      json: "the faults that were undone, and the hosts on which something is left",
    },
    async () => (await import("./verbs/fault.ts")).heal,
  ),
];
