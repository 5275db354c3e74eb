import { byCount } from "../../base/text.ts";
import type { ClusterNode } from "../../redis/types.ts";
import { formatRanges } from "../model/slots.ts";
import { acquaintances, type LiveNode, naming, ownSlots, type Topology } from "../model/topology.ts";
import type { ClusterFinding } from "../model/types.ts";

/** Nodes that members know and that the lab does not. */
export function unknownNodeFindings(topology: Topology): ClusterFinding[] {
  const known = new Map<string, { node: ClusterNode; by: LiveNode[] }>();
  for (const by of topology.live.values()) {
    for (const node of acquaintances(by.view)) {
      if (topology.identify(node).kind === "member") continue;
      known.set(node.id, { node, by: [...(known.get(node.id)?.by ?? []), by] });
    }
  }
  return [...known.values()].flatMap(({ node, by }): ClusterFinding[] => {
    const identity = topology.identify(node);
    const where = node.address === "" ? "a node without an address" : `${node.address}:${node.port}`;
    const who = `${naming(by)} ${byCount(by.length, "knows", "know")} ${where} (node id ${node.id})`;
    const instance = by[0]?.id;
    switch (identity.kind) {
      case "former":
        return [
          {
            code: "extra-member",
            severity: "problem",
            instance,
            text: `${who}, which is no longer declared.`,
            next: wayOutOf(identity.id, where, topology),
          },
        ];
      case "ghost":
        return [
          {
            code: "extra-member",
            severity: "note",
            instance,
            text: `${who}, ${identity.member === undefined ? "an identity that is gone" : `a former identity of ${identity.member.id}`}.`,
          },
        ];
      case "stranger": {
        // A standby is not part of the cluster: whom it knows is reported there.
        const wanted = by.filter(({ member }) => member.role.kind !== "standby");
        if (wanted.length === 0) return [];
        return [
          {
            code: "foreign-cluster",
            severity: "refuses",
            instance: wanted[0]?.id,
            text: `${naming(wanted)} ${byCount(wanted.length, "knows", "know")} ${where} (node id ${node.id}), which is not an instance of this lab.`,
            next: `Take that node out of the cluster (\`redis-lab cluster drain LAB ${where}\` if it owns slots, then \`redis-lab cluster del-node LAB ${where}\`), or declare it in the lab, or give this lab instances of its own.`,
          },
        ];
      }
      default:
        return [];
    }
  });
}

/** A host that is declared no more leaves with all that it has; of one that stays nothing but the node is taken. */
function wayOutOf(id: string | undefined, where: string, { members }: Topology): string {
  const host = id?.split(":")[0] ?? "HOST";
  if (members.every((member) => member.id.split(":")[0] !== host))
    return `\`redis-lab up LAB\` lets it leave, as \`redis-lab leave LAB ${host}\` does: its slots go to the others first.`;
  return `Take it out of the cluster (\`redis-lab cluster drain LAB ${where}\` if it owns slots, then \`redis-lab cluster del-node LAB ${where}\`), then end it on ${host}, which keeps its files and its unit; or declare it again.`;
}

/** The commands that take a declared standby, or a node that nobody declared, out of the cluster again. */
export function removal(node: LiveNode): string {
  const out = `\`redis-lab cluster del-node LAB ${node.id}\``;
  return ownSlots(node).length === 0 ? out : `\`redis-lab cluster drain LAB ${node.id}\`, then ${out}`;
}

export function standbyFindings({ live, members }: Topology): ClusterFinding[] {
  return members.flatMap(({ id, role }): ClusterFinding[] => {
    const node = live.get(id);
    if (role.kind !== "standby" || node === undefined) return [];
    const others = acquaintances(node.view).filter(({ myself }) => !myself);
    if (others.length === 0 && ownSlots(node).length === 0) return [];
    const knows = others.map(({ address, port }) => `${address}:${port}`).join(", ");
    return [
      {
        code: "unjoined-expected",
        severity: "problem",
        instance: id,
        text: `${id} is declared standby and should not be joined, but ${knows === "" ? `owns slots ${formatRanges(ownSlots(node))}` : `knows ${knows}`}.`,
        next: `To take it out of the cluster: ${removal(node)}. To keep it there, declare it a master or a replica.`,
      },
    ];
  });
}

/** Addresses under which a member is known, other than the declared one. */
export function announceFindings({ live, formed }: Topology): ClusterFinding[] {
  return [...live.values()].flatMap(({ id, nodeId, member }): ClusterFinding[] => {
    const seen = [...live.values()].flatMap((by) =>
      acquaintances(by.view)
        .filter((node) => node.id === nodeId && node.address !== "" && !node.flags.has("noaddr"))
        .filter(({ address, port }) => address !== member.address || port !== member.port)
        .map(({ address, port }) => `${by.id === id ? "it calls itself" : `${by.id} knows it as`} ${address}:${port}`),
    );
    if (seen.length === 0) return [];
    return [
      {
        code: "wrong-announce",
        severity: formed === undefined ? "refuses" : "problem",
        instance: id,
        text: `${id} stands at ${member.address}:${member.port}, but ${seen.join(" and ")}.`,
        next: "Correct cluster-announce-ip and cluster-announce-port, and put the host's own address first in `bind`.",
      },
    ];
  });
}
