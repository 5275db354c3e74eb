import pLimit from "p-limit";
import { byCount } from "../../base/text.ts";
import { BUS_OFFSET } from "../../lab/layouts/cluster.ts";
import { pairsOf } from "../../redis/pairs.ts";
import { reasonUnreachable } from "../../redis/reply-error.ts";
import type { InstanceAccess } from "../../redis/types.ts";
import type { LiveNode } from "../model/topology.ts";
import { acquaintances } from "../model/topology.ts";

/** Why nodes do not find each other. Closed set; `text` names the instances and what to fix. */
export interface BusFault {
  readonly kind: "bus-port-closed" | "bus-port-filtered" | "wrong-announce" | "bind-order" | "handshake-stuck";
  readonly instance: string;
  readonly text: string;
  readonly next: string;
}

const PROBES_AT_ONCE = 16;

/**
 * Names the reasons why nodes do not join: wrong announced addresses, the wrong first word of `bind`, bus ports that can't be reached from another host (tried from each
 * host to each other, so in both directions). `handshake-stuck` is the only one that may be a matter of time; all others stay until they are fixed.
 */
export async function findBusFaults(nodes: readonly LiveNode[], access: InstanceAccess): Promise<BusFault[]> {
  const faults = [
    ...nodes.flatMap((node) => wrongAnnounce(node, nodes)),
    ...(await bindOrders(nodes, access)),
    ...(await ports(nodes, access)),
  ];
  if (faults.length > 0) return faults;
  const callers = strangeCallers(nodes);
  return callers.length > 0 ? callers : nodes.flatMap((node) => stuckHandshakes(node, nodes));
}

function wrongAnnounce({ id, nodeId, member, self }: LiveNode, nodes: readonly LiveNode[]): BusFault[] {
  const next = `Set cluster-announce-ip, cluster-announce-port and cluster-announce-bus-port of ${id} to where it really listens, or leave them out.`;
  if (self.address !== "" && (self.address !== member.address || self.port !== member.port)) {
    return [
      {
        kind: "wrong-announce",
        instance: id,
        text: `${id} announces itself as ${self.address}:${self.port}, but it stands at ${member.address}:${member.port}.`,
        next,
      },
    ];
  }
  const seen = nodes.flatMap((by) =>
    acquaintances(by.view)
      .filter((node) => node.id === nodeId && node.address !== "" && node.address !== member.address)
      .map(({ address }) => ({ by: by.id, address })),
  )[0];
  if (seen === undefined) return [];
  return [
    {
      kind: "wrong-announce",
      instance: id,
      text: `${seen.by} knows ${id} as ${seen.address}, but it stands at ${member.address}.`,
      next: `Let ${id} call the others from ${member.address}: first in \`bind\`, from Redis 7.0 on in \`bind-source-addr\`.`,
    },
  ];
}

/** `bind 127.0.0.1 IP`: the first address is the source of all connections to the bus, and from loopback nobody else can be reached. */
async function bindOrders(nodes: readonly LiveNode[], access: InstanceAccess): Promise<BusFault[]> {
  const found = await Promise.all(
    nodes.map(async ({ id, member: { address } }): Promise<BusFault[]> => {
      const [bind, source] = await Promise.all([configOf(id, "bind", access), configOf(id, "bind-source-addr", access)]);
      const [first, ...others] = (bind ?? "").split(" ").map((word) => word.replace(/^-/, ""));
      if (bind === undefined || first === undefined || !/^(127\.|::1$)/.test(first) || first === address) return [];
      // Who has bind-source-addr takes it as the source, and the order of `bind` means nothing.
      const listens = others.includes(address);
      if (listens && source !== undefined) return [];
      const consequence = listens
        ? `it calls the other nodes from ${first}, where they can't answer it`
        : `its bus does not listen at ${address}`;
      return [
        {
          kind: "bind-order",
          instance: id,
          text: `${id} has \`bind ${bind}\`: ${consequence}.`,
          next: `Write \`bind ${address} ${first}\`, with its own address first, and restart ${id}.`,
        },
      ];
    }),
  );
  return found.flat();
}

/** A setting of an instance; undefined where CONFIG is not to be had. */
async function configOf(id: string, name: string, access: InstanceAccess): Promise<string | undefined> {
  try {
    return pairsOf(await (await access.client(id)).call(["CONFIG", "GET", name]))[name];
  } catch (error) {
    reasonUnreachable(error);
    return undefined; // a renamed CONFIG or a node that went away: one thing less that can be named
  }
}

/** Tries the bus port of every node from every other host. */
async function ports(nodes: readonly LiveNode[], access: InstanceAccess): Promise<BusFault[]> {
  const limit = pLimit(PROBES_AT_ONCE);
  const results = await Promise.all(
    nodes.map(async (to): Promise<BusFault[]> => {
      const { address, port } = to.member;
      // A different announced bus port is right where a cluster-port or a mapping says so; it is believed as long as a server answers there.
      const announced = to.self.busPort === 0 ? port + BUS_OFFSET : to.self.busPort;
      const tries = await Promise.all(
        nodes
          .filter((from) => from !== to)
          .map((from) => limit(async () => ({ from, result: await access.probe(from.id, address, announced) }))),
      );
      const failed = tries.filter(({ result }) => result !== "open");
      if (failed.length === 0) return [];
      if (announced !== port + BUS_OFFSET) {
        return [
          {
            kind: "wrong-announce",
            instance: to.id,
            text: `${to.id} announces the bus port ${announced}, where nothing answers; its bus is expected at ${port + BUS_OFFSET}.`,
            next: `Set cluster-announce-bus-port of ${to.id} to ${port + BUS_OFFSET}, or leave it out.`,
          },
        ];
      }
      return [closedPort(to, announced, failed, tries.length)];
    }),
  );
  return results.flat();
}

function closedPort(to: LiveNode, busPort: number, failed: readonly { from: LiveNode; result: string }[], tried: number): BusFault {
  const refused = failed.every(({ result }) => result === "refused");
  const from =
    failed.length === tried && tried > 1 ? "every other host" : [...new Set(failed.map((attempt) => attempt.from.member.host))].join(", ");
  const results = [...new Set(failed.map(({ result }) => result))].join(", ");
  return {
    kind: refused ? "bus-port-closed" : "bus-port-filtered",
    instance: to.id,
    text: `The cluster bus port ${to.member.address}:${busPort} of ${to.id} ${refused ? "is closed" : "is filtered"} as seen from ${from} (${results}).`,
    next: `Open TCP port ${busPort} on ${to.member.host} for all hosts of the lab: nodes talk to each other there, on their port + ${BUS_OFFSET}.`,
  };
}

/** A node that is met answers to the address from which it was called; where that is not an address of an instance, the caller leaves by a wrong one. */
function strangeCallers(nodes: readonly LiveNode[]): BusFault[] {
  const calls = nodes.flatMap(({ id, view }) =>
    view
      .filter(({ flags, address }) => flags.has("handshake") && !nodes.some(({ member }) => member.address === address))
      .map(({ address }) => ({ id, address })),
  );
  return [...new Set(calls.map(({ address }) => address))].map((address) => {
    const called = [...new Set(calls.filter((call) => call.address === address).map(({ id }) => id))];
    return {
      kind: "wrong-announce",
      instance: called[0] ?? "",
      text: `${called.join(", ")} ${byCount(called.length, "was", "were")} called from ${address}, which is not an address of an instance of this lab: the caller announces it, or its connections leave from there.`,
      next: "Let every instance call from its own address: first in `bind`, from Redis 7.0 on in `bind-source-addr`, or announced by cluster-announce-ip.",
    };
  });
}

function stuckHandshakes({ id, view }: LiveNode, nodes: readonly LiveNode[]): BusFault[] {
  const waiting = view.filter(({ flags }) => flags.has("handshake"));
  return waiting.map(({ address, port }) => {
    const known = nodes.find(({ member }) => member.address === address && member.port === port);
    return {
      kind: "handshake-stuck",
      instance: id,
      text: `${id} is still shaking hands with ${known?.id ?? `${address}:${port}`}.`,
      next: "Look for `handshake` in the logs of both nodes.",
    };
  });
}
