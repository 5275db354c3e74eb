import { raw, sh } from "../../connection/quote.ts";
import { portsOf } from "../../lab/instances.ts";
import type { PlacedHost, Placement } from "../../lab/placement.ts";
import { noBus } from "../errors.ts";
import { CANNOT, type FaultContext, type FaultRow, type HostPart, type TargetNeed } from "../row.ts";
import { ENDED, keepDownScript, signalScript, startAgainScript } from "../scripts.ts";

// Faults of the network, made on the host itself: a table of nft of our own, or two chains of iptables, which are removed as a whole. Rules name an address and TCP ports of the lab, each time both, so that
// SSH, the computer that runs redis-lab and whatever else is on the host are never met.

const OWN_NETWORK: TargetNeed = { has: ({ network }) => network !== "computer", what: "hosts with a network of their own" };
const FIREWALL = "nft or iptables";

/** One kind of packet: with which host, in which direction, and the port of the lab that is at its one end. */
export interface Line {
  readonly direction: "in" | "out";
  readonly peer: string;
  /** Whose ports these are: of the host itself or of the peer. */
  readonly end: "own" | "peer";
  readonly ports: readonly number[];
}

type Ports = (host: PlacedHost) => readonly number[];

function labPorts({ lab }: Placement, busOnly: boolean): Ports {
  return ({ instances }) =>
    instances.flatMap((instance) => portsOf(lab.layout, instance).filter((port) => !busOnly || port !== instance.port));
}

/** All packets between a host and others that have to do with the lab: to its instances and to theirs, each with the answers. */
export function linesBetween(
  host: PlacedHost,
  peers: readonly { readonly address: string; readonly ports: readonly number[] }[],
  ownPorts: readonly number[],
  directions: readonly Line["direction"][] = ["in", "out"],
): readonly Line[] {
  return peers
    .flatMap(({ address, ports }) =>
      directions.flatMap((direction): Line[] => [
        { direction, peer: address, end: "own", ports: ownPorts },
        { direction, peer: address, end: "peer", ports },
      ]),
    )
    .filter(({ ports, peer }) => ports.length > 0 && peer !== host.address);
}

/** What happens to a packet: it is lost, always or by chance, or its connection is reset. */
export interface PacketFate {
  readonly reject: boolean;
  /** @default 100 */
  readonly percent?: number | undefined;
}

/** The rules in the words of nft. */
export function nftTable(id: string, lines: readonly Line[], { reject, percent = 100 }: PacketFate): string {
  const rule = ({ direction, peer, end, ports }: Line) => {
    // The port of the host itself is where what comes in is going, and where what goes out comes from.
    const port = (direction === "in") === (end === "own") ? "dport" : "sport";
    const chance = percent === 100 ? "" : `numgen random mod 100 < ${percent} `;
    const address = direction === "in" ? "saddr" : "daddr";
    // The resets themselves have to pass.
    const fate = reject ? "tcp flags & rst == 0 reject with tcp reset" : "drop";
    return `ip ${address} ${peer} tcp ${port} { ${ports.join(", ")} } ${chance}${fate}`;
  };
  const chain = (direction: Line["direction"], hook: string) =>
    `  chain ${direction} {\n    type filter hook ${hook} priority -150; policy accept;\n${lines
      .filter((line) => line.direction === direction)
      .map((line) => `    ${rule(line)}\n`)
      .join("")}  }\n`;
  return `table ip redis_lab_${id} {\n${chain("in", "input")}${chain("out", "output")}}\n`;
}

/** The same as arguments of iptables 1.4.21 (CentOS 7) and later, without the chain before them. */
export function iptablesRules(
  lines: readonly Line[],
  { reject, percent = 100 }: PacketFate,
): readonly { readonly direction: Line["direction"]; readonly words: readonly string[] }[] {
  return lines.flatMap((line) =>
    // A match of several ports holds fifteen.
    chunks(line.ports, 15).map((ports) => {
      const { direction, peer, end } = line;
      const port = (direction === "in") === (end === "own") ? "--dports" : "--sports";
      const chance = percent === 100 ? [] : ["-m", "statistic", "--mode", "random", "--probability", (percent / 100).toFixed(2)];
      const then = reject ? ["-m", "tcp", "!", "--tcp-flags", "RST", "RST", "-j", "REJECT", "--reject-with", "tcp-reset"] : ["-j", "DROP"];
      return {
        direction,
        words: [direction === "in" ? "-s" : "-d", peer, "-p", "tcp", "-m", "multiport", port, ports.join(","), ...chance, ...then],
      };
    }),
  );
}

const chunks = <T>(items: readonly T[], size: number): readonly (readonly T[])[] =>
  items.length === 0 ? [] : [items.slice(0, size), ...chunks(items.slice(size), size)];

const CHECK = sh`if nft list tables >/dev/null 2>&1 || iptables -S INPUT >/dev/null 2>&1; then exit 0; fi
echo 'neither nft nor iptables works there: install nftables or iptables'; exit ${CANNOT}`;

/** Puts the rules in: with nft all of them at once, with iptables by the two jumps that come last. */
function cutScript(id: string, lines: readonly Line[], verdict: PacketFate): string {
  const chains = { in: `RL_${id}_I`, out: `RL_${id}_O` };
  const rules = iptablesRules(lines, verdict).map(({ direction, words }) => sh`iptables $w -A ${chains[direction]} ${words} || exit 1`);
  return sh`if nft list tables >/dev/null 2>&1; then
  printf '%s' ${nftTable(id, lines, verdict)} | nft -f - || exit 1
else
  w=; if iptables -w -S INPUT >/dev/null 2>&1; then w=-w; fi
  iptables $w -N ${chains.in} && iptables $w -N ${chains.out} || exit 1
  ${raw(rules.join("\n  "))}
  iptables $w -I INPUT 1 -j ${chains.in} && iptables $w -I OUTPUT 1 -j ${chains.out} || exit 1
fi`;
}

/** Takes them out, with whichever program put them in. What is still there afterwards is a failure. */
function joinScript(id: string): string {
  const table = `redis_lab_${id}`;
  const one = (chain: string, builtin: string) => sh`while iptables $w -D ${builtin} -j ${chain} 2>/dev/null; do :; done
  iptables $w -F ${chain} 2>/dev/null; iptables $w -X ${chain} 2>/dev/null
  if iptables $w -S ${chain} >/dev/null 2>&1; then exit 1; fi`;
  return sh`nft delete table ip ${table} 2>/dev/null
if nft list table ip ${table} >/dev/null 2>&1; then exit 1; fi
if command -v iptables >/dev/null 2>&1; then
  w=; if iptables -w -S INPUT >/dev/null 2>&1; then w=-w; fi
  ${raw(one(`RL_${id}_I`, "INPUT"))}
  ${raw(one(`RL_${id}_O`, "OUTPUT"))}
fi`;
}

const namesOf = (hosts: readonly { readonly name: string }[]) => hosts.map(({ name }) => name).join(", ");

/** The rules on every host that is touched, towards all others. */
function cut(
  { id, placement, touched, options, others, clients, reversed = false }: FaultContext,
  verdict: PacketFate,
): readonly HostPart[] {
  const busOnly = options.busOnly === true;
  const ports = labPorts(placement, busOnly);
  if (busOnly && touched.every(({ host }) => ports(host).length === 0)) throw noBus(placement.lab.layout.kind);
  const alsoClients = clients.length > 0 && options.keepClients !== true && !busOnly;
  const directions = options.oneWay === true ? ([reversed ? "in" : "out"] as const) : undefined;
  const end = verdict.percent === undefined ? (verdict.reject ? "is reset" : "is dropped") : `loses ${verdict.percent} of 100 packets`;
  return touched.map(({ host }) => {
    const peers = others.filter(({ name }) => name !== host.name);
    const lines = linesBetween(
      host,
      // A client has no port of the lab.
      [
        ...peers.map((peer) => ({ address: peer.address, ports: ports(peer) })),
        ...(alsoClients ? clients : []).map((address) => ({ address, ports: [] })),
      ],
      ports(host),
      directions,
    );
    const who = [...(peers.length > 0 ? [namesOf(peers)] : []), ...(alsoClients ? ["the lab's clients"] : [])].join(" and ");
    const way = reversed ? `from ${who} to ${host.name}` : `from ${host.name} to ${who}`;
    return {
      host: host.name,
      check: CHECK,
      make: cutScript(id, lines, verdict),
      undo: joinScript(id),
      says: [
        `${busOnly ? "the bus of the cluster" : "what belongs to the lab"} ${directions === undefined ? `between ${host.name} and ${who}` : way} ${end}`,
      ],
    };
  });
}

export const partition: FaultRow = {
  of: "sides",
  options: ["oneWay", "busOnly", "keepClients", "reject"],
  defaultMs: 60_000,
  needs: OWN_NETWORK,
  programs: FIREWALL,
  undone: "its table of nft, or its chains of iptables, are removed",
  plan: (context) => cut(context, { reject: context.options.reject === true }),
};

export const isolate: FaultRow = {
  of: "hosts",
  options: ["oneWay", "busOnly", "keepClients", "reject"],
  defaultMs: 60_000,
  needs: OWN_NETWORK,
  programs: FIREWALL,
  undone: "its table of nft, or its chains of iptables, are removed",
  plan: (context) => cut(context, { reject: context.options.reject === true }),
};

export const loss: FaultRow = {
  of: "hosts",
  options: ["percent", "oneWay", "busOnly", "keepClients"],
  defaultMs: 60_000,
  needs: OWN_NETWORK,
  programs: FIREWALL,
  undone: "its table of nft, or its chains of iptables, are removed",
  plan: (context) => {
    const percent = Math.min(100, Math.max(1, Math.round(context.options.percent ?? 10)));
    return cut(context, { reject: false, percent });
  },
};

/** netem on a dummy device shows whether the kernel has it. The handle is ours; a queue that is set at the root already is in the way. */
export const slow: FaultRow = {
  of: "hosts",
  options: ["delay"],
  defaultMs: 60_000,
  needs: OWN_NETWORK,
  programs: "tc, and a kernel with netem",
  takes: "queue",
  undone: "its queue is removed from the network card",
  plan: (context) => {
    const delay = context.options.delay ?? 100;
    const ports = labPorts(context.placement, false);
    return context.touched.map(({ host }) => {
      const [first] = context.others;
      const device = sh`d=$(ip -4 -o route get ${first?.address ?? host.address} | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')`;
      const filters = context.others.flatMap((peer) => [
        ...ports(peer).map((port) => sh`match ip dst ${`${peer.address}/32`} match ip protocol 6 0xff match ip dport ${port} 0xffff`),
        ...ports(host).map((port) => sh`match ip dst ${`${peer.address}/32`} match ip protocol 6 0xff match ip sport ${port} 0xffff`),
      ]);
      return {
        host: host.name,
        check: sh`${raw(device)}
if ! command -v tc >/dev/null 2>&1; then echo 'there is no tc there: install iproute'; exit ${CANNOT}; fi
modprobe sch_netem >/dev/null 2>&1
ip link add ${`rl${context.id}`} type dummy >/dev/null 2>&1
tc qdisc add dev ${`rl${context.id}`} root netem delay 1ms >/dev/null 2>&1; rc=$?
ip link del ${`rl${context.id}`} >/dev/null 2>&1
if [ "$rc" != 0 ]; then echo 'its kernel has no netem'; exit ${CANNOT}; fi
case $(tc qdisc show dev "$d" root) in *' netem '* | *' prio '* | *' htb '* | *' tbf '*) echo "$d has a queue of others"; exit ${CANNOT} ;; esac`,
        make: sh`${raw(device)}
printf '%s\n' "$d" > "$f/device"
tc qdisc add dev "$d" root handle 7ed1: prio bands 4 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1 || exit 1
tc qdisc add dev "$d" parent 7ed1:4 handle 7ed2: netem delay ${`${delay}ms`} || exit 1
${raw(filters.map((match) => sh`tc filter add dev "$d" parent 7ed1: protocol ip prio 1 u32 ${raw(match)} flowid 7ed1:4 || exit 1`).join("\n"))}`,
        undo: sh`if [ -r "$f/device" ]; then read -r d < "$f/device"; case $(tc qdisc show dev "$d") in *7ed1:*) tc qdisc del dev "$d" root || exit 1 ;; esac; fi`,
        says: [`what ${host.name} sends to ${namesOf(context.others)} is ${delay} ms late`],
      };
    });
  },
};

export const powerOff: FaultRow = {
  of: "hosts",
  options: [],
  defaultMs: 60_000,
  needs: OWN_NETWORK,
  programs: FIREWALL,
  undone: "the cables are put back, and the instances are started",
  plan: (context) =>
    cut(context, { reject: false }).map((part, index) => {
      const touched = context.touched[index];
      if (touched === undefined) return part;
      const { host, instances } = touched;
      const live = instances.filter(({ process }) => process !== undefined);
      return {
        ...part,
        make: [part.make, signalScript("KILL", live), ENDED, keepDownScript(context.placement, live)].join("\n"),
        undo: [sh`(${raw(part.undo ?? ":")}) || exit 1`, startAgainScript(context.placement, host, live)].join("\n"),
        says: [...part.says, `${live.map(({ instance }) => instance.id).join(", ") || "none of its instances"} killed`],
      };
    }),
};
