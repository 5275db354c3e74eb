import type { LabFault } from "./errors.ts";
import { instancesOf } from "./instances.ts";
import { duplicates } from "./layouts/references.ts";
import { layoutRow } from "./layouts.ts";
import type { HypervisorSettings, Lab, SshSettings } from "./schema.ts";
import { type SpreadProblem, spread, spreadCost, voteLimit, votesByBin } from "./spread.ts";

/** Which hypervisor runs the VM of which host. */
export interface HypervisorAssignment {
  /** By host name; every host of the lab, except those whose `hypervisor` is unknown. */
  readonly hypervisors: ReadonlyMap<string, HypervisorSettings>;
  /** What no assignment could avoid, and what the hypervisors must have for it, in sentences. */
  readonly warnings: readonly string[];
  /** Hypervisors that are none or can't work together, and hosts that are pinned to where they must not be although it could be avoided. */
  readonly faults: readonly LabFault[];
}

/** A breach of what the assignment is to keep, with the hosts that are in it. */
interface Breach {
  readonly kind: "pairs" | "votes";
  readonly text: string;
  readonly hosts: readonly string[];
}

const known = new WeakMap<Lab, HypervisorAssignment>();

/**
 * Assigns hosts to hypervisors: none has a master beside its replica, and none has so many of the sentinels (or, in a cluster, of the masters) that no majority is left
 * without it; besides, as many hosts as the others. `hypervisor` of a host is kept. On a single hypervisor nothing can be kept apart, and nothing is said about it.
 * Pure, and stable: a host that is appended to the lab moves no other, unless that alone keeps the above. One that is taken out of the middle may move those after it;
 * a lab with several hypervisors, and data on them, names the hypervisor of each host.
 */
export function assignHypervisors(lab: Lab): HypervisorAssignment {
  const before = known.get(lab);
  if (before !== undefined) return before;
  const assignment = assign(lab);
  known.set(lab, assignment);
  return assignment;
}

function assign(lab: Lab): HypervisorAssignment {
  const { hypervisors } = lab.libvirt;
  const numberOf = (name: string) => hypervisors.findIndex((each) => each.name === name);
  const hosts = lab.hosts.filter(({ hypervisor }) => hypervisor === undefined || numberOf(hypervisor) >= 0);
  const names = hosts.map(({ name }) => name);
  const problem: SpreadProblem = {
    bins: hypervisors.length,
    pins: hosts.map(({ hypervisor }) => (hypervisor === undefined ? undefined : numberOf(hypervisor))),
    apart: masterPairs(lab).map(([replica, master]) => [names.indexOf(replica), names.indexOf(master)] as const),
    votes: names.map((name) => votesOf(lab, name)),
  };
  const bins = spread(problem);
  const assigned = new Map(
    hosts.flatMap(({ name }, index) => {
      const hypervisor = hypervisors[bins[index] ?? 0];
      return hypervisor === undefined ? [] : [[name, hypervisor] as const];
    }),
  );
  const breaches = hypervisors.length < 2 ? [] : breachesOf(lab, problem, bins, names);
  const isAvoidable = avoidable(problem, bins);
  const used = new Set(assigned.values());
  const pins = new Map(lab.hosts.flatMap(({ name, hypervisor }, index) => (hypervisor === undefined ? [] : [[name, index] as const])));
  return {
    hypervisors: assigned,
    warnings: [
      ...breaches
        .filter(({ kind }) => !isAvoidable[kind])
        .map(({ text }) => `${text} No way was found to spread the hosts over ${hypervisors.length} hypervisors that avoids it.`),
      ...routedWarnings(lab, used),
    ],
    faults: [
      ...checkHypervisors(lab, used),
      ...breaches
        .filter(({ kind }) => isAvoidable[kind])
        .map(({ text, hosts: involved }) => {
          const own = involved.flatMap((name) => pins.get(name) ?? []);
          // Pins elsewhere may leave no other place for hosts that have none.
          const index = Math.max(...(own.length > 0 ? own : pins.values()));
          return {
            code: "lab.hypervisor-breach",
            at: `hosts[${index}].hypervisor`,
            text: `${text} It can be avoided: name another one, or leave the field out`,
          };
        }),
    ],
  };
}

/** Whether hosts that name no hypervisor could be spread with fewer breaches of a kind. */
function avoidable(problem: SpreadProblem, bins: readonly number[]): Readonly<Record<Breach["kind"], boolean>> {
  if (problem.pins.every((pin) => pin === undefined)) return { pairs: false, votes: false };
  const free = { ...problem, pins: problem.pins.map(() => undefined) };
  const [cost, least] = [spreadCost(problem, bins), spreadCost(free, spread(free))];
  return { pairs: cost.pairs > least.pairs, votes: cost.votes > least.votes };
}

/** Hosts of a replica and of its master, once each; a pair on one host can't be parted by a hypervisor. */
function masterPairs(lab: Lab): readonly (readonly [replica: string, master: string])[] {
  const instances = instancesOf(lab);
  const pairs = instances.flatMap(({ host, role }) => {
    if (!("master" in role)) return [];
    const master = instances.find(({ id }) => id === role.master)?.host;
    return master === undefined || master === host ? [] : [[host, master] as const];
  });
  const once = new Map(pairs.map((pair) => [[...pair].sort().join(" "), pair]));
  return [...once.values()];
}

function votesOf(lab: Lab, host: string): number {
  const electors = layoutRow(lab.layout).electors;
  return instancesOf(lab).filter((instance) => instance.host === host && instance.role.kind === electors?.role).length;
}

function breachesOf(lab: Lab, problem: SpreadProblem, bins: readonly number[], names: readonly string[]): readonly Breach[] {
  const hypervisorOf = (bin: number | undefined) => lab.libvirt.hypervisors[bin ?? 0]?.name;
  const pairs = problem.apart.flatMap(([replica, master]): Breach[] => {
    if (bins[replica] === undefined || bins[replica] !== bins[master]) return [];
    const hosts = [names[replica] ?? "", names[master] ?? ""];
    const text = `${hosts[0]} has the replica of a master on ${hosts[1]}, and both are on ${hypervisorOf(bins[replica])}: they would be lost together.`;
    return [{ kind: "pairs", text, hosts }];
  });
  const electors = layoutRow(lab.layout).electors?.plural;
  const all = problem.votes.reduce((sum, each) => sum + each, 0);
  const votes = votesByBin(problem, bins).flatMap((count, bin): Breach[] => {
    if (count <= voteLimit(problem)) return [];
    const hosts = names.filter((_, item) => bins[item] === bin && (problem.votes[item] ?? 0) > 0);
    const text = `${hypervisorOf(bin)} has ${count} of the ${all} ${electors} (${hosts.join(", ")}): without it no majority is left to fail over.`;
    return [{ kind: "votes", text, hosts }];
  });
  return [...pairs, ...votes];
}

/** Faults of the hypervisors themselves, whatever is assigned to them; those of networks for the ones that are used. */
function checkHypervisors(lab: Lab, used: ReadonlySet<HypervisorSettings>): readonly LabFault[] {
  const { hypervisors, network } = lab.libvirt;
  const at = "libvirt.hypervisors";
  const names = hypervisors.map(({ name }) => name);
  const uris = [...used].map(({ uri }) => uri);
  return [
    ...lab.hosts.flatMap(({ hypervisor }, index) =>
      hypervisor === undefined || names.includes(hypervisor)
        ? []
        : [
            {
              code: "lab.unknown-hypervisor",
              at: `hosts[${index}].hypervisor`,
              text: `there is no hypervisor "${hypervisor}" (known: ${names.join(", ")})`,
            },
          ],
    ),
    ...duplicates(names).map((name) => ({ code: "lab.duplicate-hypervisor", at, text: `two hypervisors are named "${name}"` })),
    ...duplicates(hypervisors.map(({ uri, pool }) => `${uri} with pool ${pool}`)).map((place) => ({
      code: "lab.duplicate-hypervisor",
      at,
      text: `two hypervisors are ${place}, so what is on both would be on one computer`,
    })),
    ...hypervisors.flatMap(({ uri }, index) =>
      /^qemu\+ssh:\/\/(?![^@/]+@)/.test(uri)
        ? [
            {
              code: "lab.hypervisor-without-user",
              at: `${at}[${index}].uri`,
              text: `Terraform's provider would log in without a user name; write qemu+ssh://USER@HOST/system (received ${JSON.stringify(uri)})`,
            },
          ]
        : [],
    ),
    ...(network.mode === "nat" && used.size > 1
      ? [
          {
            code: "lab.nat-across-hypervisors",
            at: "libvirt.network",
            text: `VMs behind the nat of one hypervisor can't reach those of another, and hosts are on ${used.size}; use a network of mode \`routed\` or \`bridge\``,
          },
        ]
      : []),
    ...(network.mode === "routed"
      ? duplicates(uris).map((uri) => ({
          code: "lab.duplicate-hypervisor",
          at,
          text: `the lab's network would be made twice at ${uri}; name that computer once, or use a network of mode \`bridge\``,
        }))
      : []),
  ];
}

/** Each hypervisor gets the lab's network: a VM takes those of the others for neighbours and asks for them by ARP. */
function routedWarnings(lab: Lab, used: ReadonlySet<HypervisorSettings>): readonly string[] {
  if (lab.libvirt.network.mode !== "routed" || used.size < 2) return [];
  return [
    `${[...used].map(({ name }) => name).join(", ")} each get a routed network ${lab.network.cidr}: for their VMs to reach each other, every hypervisor needs a route to each VM of the others, and proxy ARP. A \`bridge\` needs neither.`,
  ];
}

/** A hypervisor on another computer (`qemu+ssh://USER@HOST:PORT/system?keyfile=…`) is the jump host to its VMs. */
export function jumpTo({ uri }: Pick<HypervisorSettings, "uri">): Pick<SshSettings, "jump" | "jumpKeyFile"> {
  const [, user, host, port, , query = ""] = /^qemu\+ssh:\/\/(?:([^@/]+)@)?([^:/?]+)(?::(\d+))?(\/[^?]*)?(?:\?(.*))?$/.exec(uri) ?? [];
  if (host === undefined) return {};
  const jump = `${user === undefined ? "" : `${user}@`}${host}${port === undefined ? "" : `:${port}`}`;
  const keyFile = new URLSearchParams(query).get("keyfile");
  return { jump, ...(keyFile !== null && keyFile !== "" && { jumpKeyFile: keyFile }) };
}
