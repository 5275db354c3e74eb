import { LabError } from "../error.ts";

/** The plan was made with findings that forbid it, or was not made for what is there. */
export function refusedPlan(reasons: readonly string[]): LabError {
  return new LabError({
    code: "cluster.refused",
    what: `The cluster is left as it is: ${reasons.join(" ")}`,
    next: "Mend what is named above, then run the same command again.",
  });
}

export function unknownInstance(id: string): LabError {
  return new LabError({
    code: "cluster.unknown-instance",
    what: `No instance ${id} belongs to this cluster.`,
    next: "Name an instance of the lab as HOST:PORT.",
  });
}

export function slotTaken(instance: string, slots: string, owner: string): LabError {
  return new LabError({
    code: "cluster.slot-taken",
    what: `${instance} can't take the slots ${slots}: it believes that ${owner} owns them.`,
    why: "Slots that a node believes to be another's are not taken from it: keys could be lost.",
    next: "Look at `redis-lab status`; if the other node is gone for good, wipe the data of this cluster and create it anew.",
  });
}

export function commandRefused(instance: string, command: string, reply: string): LabError {
  return new LabError({
    code: "cluster.command-refused",
    what: `${instance} refused ${command}: ${reply}`,
    next: "Run the same command again: it looks at the cluster first and continues with what is missing.",
  });
}

/** The nodes can't find each other, with the reasons by name. */
export function notJoined(
  missing: string,
  reasons: readonly { readonly text: string; readonly next: string }[],
  seconds: number,
): LabError {
  const what = `The nodes did not join within ${seconds} s (${missing}).`;
  if (reasons.length === 0) {
    return new LabError({
      code: "cluster.not-joined",
      what,
      why: "Every bus port can be reached from every host and all announced addresses are right, so no cause could be named.",
      next: "Look for `cluster` in the logs of the nodes (`redis-lab logs LAB HOST`), then run the same command again.",
    });
  }
  return new LabError({
    code: "cluster.not-joined",
    what,
    why: reasons.map(({ text }) => text).join(" "),
    next: [...new Set(reasons.map(({ next }) => next))].join(" "),
  });
}

export function notFormed(
  missing: string,
  reasons: readonly { readonly text: string; readonly next: string }[],
  seconds: number,
): LabError {
  const error = notJoined(missing, reasons, seconds);
  return new LabError({
    code: "cluster.not-formed",
    what: `The nodes did not agree within ${seconds} s (${missing}).`,
    ...(error.why !== undefined && { why: error.why }),
    next: error.next,
  });
}

export function notAMaster(instance: string, why: string): LabError {
  return new LabError({
    code: "cluster.not-a-master",
    what: `${instance} can't be failed over: ${why}.`,
    next: "Look at `redis-lab status` for the present masters.",
  });
}

export function noHealthyReplica(instance: string, seen: readonly string[]): LabError {
  return new LabError({
    code: "cluster.no-healthy-replica",
    what: `${instance} has no replica that could take over: ${seen.length === 0 ? "it has none at all" : seen.join("; ")}.`,
    why: "A planned failover hands a shard to a replica that is reachable and in step with its master; anything else could lose acknowledged writes.",
    next: "Bring a replica of this master up and wait until its link is up, then run the same command again.",
  });
}

export function notPromoted(instance: string, replica: string, seconds: number, missing: string): LabError {
  return new LabError({
    code: "cluster.not-promoted",
    what: `The planned failover of ${instance} to ${replica} was not complete after ${seconds} s; not seen: ${missing}.`,
    next: "Look at `redis-lab status`, then run the same command again.",
  });
}

/** An instance that may not leave. */
export function stays(refusals: readonly { readonly text: string; readonly next: string }[]): LabError {
  return new LabError({
    code: "cluster.stays",
    what: refusals.map(({ text }) => text).join(" "),
    next: [...new Set(refusals.map(({ next }) => next))].join(" "),
  });
}

export function notForgotten(instances: readonly string[], seconds: number): LabError {
  return new LabError({
    code: "cluster.not-forgotten",
    what: `After ${seconds} s some nodes still know ${instances.join(" and ")}.`,
    why: "A node that was not told passes it on to the others by gossip.",
    next: "Look at `redis-lab status`, then run the same command again: it continues.",
  });
}

export function proofFailed(what: string, why?: string): LabError {
  return new LabError({
    code: "cluster.proof-failed",
    what,
    ...(why !== undefined && { why }),
    next: "Look at `redis-lab status` and `redis-lab doctor`.",
  });
}

export function mastersGone(instances: readonly string[]): LabError {
  return new LabError({
    code: "cluster.masters-gone",
    what: `${instances.join(" and ")} ${instances.length === 1 ? "owns slots and can't be reached" : "own slots and can't be reached"}; nothing was fixed.`,
    why: "Their slots would be given to others, and the keys in them would be lost when they come back.",
    next: "Bring them up, or let their replicas take over. If they are gone for good: fix with --fix-with-unreachable-masters.",
  });
}

export function corruptJournal(file: string, line: number, reason: string): LabError {
  return new LabError({
    code: "cluster.corrupt-journal",
    what: `Line ${line} of ${file} can't be read: ${reason}.`,
    why: "It is the journal of a move of slots that did not come to its end; somebody changed it, or the disk was full.",
    next: "Run `fix`, which needs no journal, then remove the file.",
  });
}

/** The cluster is in no state to be changed. */
export function notReady(findings: readonly { readonly text: string }[]): LabError {
  return new LabError({
    code: "cluster.not-ready",
    what: findings.map(({ text }) => text).join(" "),
    why: "Slots are only moved, and nodes only added or removed, in a cluster in which every slot has an owner, none is open and all nodes agree.",
    next: "`check` lists what is wrong, `fix` mends it, `wait` waits for what passes by itself.",
  });
}

type Named = { readonly id: string; readonly nodeId: string };

export function unknownNode(reference: string, nodes: readonly Named[]): LabError {
  return new LabError({
    code: "cluster.unknown-node",
    what: `No node "${reference}" is in this cluster.`,
    next: `Name one of ${nodes.map(({ id }) => id).join(", ")}, or at least four characters of a node id.`,
  });
}

export function ambiguousNode(reference: string, nodes: readonly Named[]): LabError {
  return new LabError({
    code: "cluster.ambiguous-node",
    what: `"${reference}" may be ${nodes.map(({ id, nodeId }) => `${id} (${nodeId.slice(0, 12)}…)`).join(" or ")}.`,
    next: "Give HOST:PORT, or more of the node id.",
  });
}

export function notAMasterNode(reference: string, id: string, master: string | undefined): LabError {
  return new LabError({
    code: "cluster.not-a-master-node",
    what: `"${reference}" is ${id}, which is a replica${master === undefined ? "" : ` of ${master}`}.`,
    why: "Only masters own slots.",
    next: master === undefined ? "Name a master." : `Name ${master}, or make ${id} the master first (failover).`,
  });
}

/** A request that does not fit the cluster: wrong numbers, or nodes in the wrong places. */
export function badRequest(what: string, next: string): LabError {
  return new LabError({ code: "cluster.bad-request", what, next });
}

export function notEmptyNode(instance: string, why: string): LabError {
  return new LabError({
    code: "cluster.not-empty",
    what: `${instance} is not empty: ${why}.`,
    why: "What it has would be lost, or two clusters would be joined into one.",
    next: "`reset` makes an empty node of it, once it is certain that nothing on it is needed.",
  });
}

export function invalidPlan(faults: readonly string[]): LabError {
  return new LabError({
    code: "cluster.invalid-plan",
    what: `The plan is not applied: ${faults.slice(0, 5).join("; ")}${faults.length > 5 ? `; and ${faults.length - 5} more` : ""}.`,
    why: "It would break the cluster. That is a fault of redis-lab and not of yours.",
    next: "Report it, with the plan (--plan FILE) and the output of `redis-lab cluster topology LAB --format json`.",
  });
}

export function unreadablePlan(file: string, reason: string): LabError {
  return new LabError({
    code: "cluster.unreadable-plan",
    what: `${file} is no plan of redis-lab: ${reason}.`,
    next: "Make one with `redis-lab cluster VERB LAB --plan FILE`.",
  });
}

export function editedPlan(file: string): LabError {
  return new LabError({
    code: "cluster.edited-plan",
    what: `${file} was changed after it was made.`,
    why: "A plan that somebody edited was checked by nobody.",
    next: "Make another one with the options that you want: `redis-lab cluster VERB LAB --plan FILE`.",
  });
}

export function stalePlan(made: string, gone: readonly string[], come: readonly string[]): LabError {
  const lines = [...gone.map((line) => `- ${line}`), ...come.map((line) => `+ ${line}`)];
  return new LabError({
    code: "cluster.stale-plan",
    what: `The cluster is no longer the one that the plan of ${made} was made for:\n${lines.join("\n")}`,
    why: "Its slots, roles or epochs have changed since: what was right then may lose keys now.",
    next: "Make the plan anew.",
  });
}

export function stillKnown(instance: string, by: readonly string[]): LabError {
  return new LabError({
    code: "cluster.still-known",
    what: `${instance} can't be reset: ${by.slice(0, 3).join(", ")}${by.length > 3 ? ` and ${by.length - 3} more` : ""} ${by.length === 1 ? "knows" : "know"} it.`,
    why: "It would come back as a stranger at the address of a node that the others miss.",
    next: "`del-node` makes it leave and resets it.",
  });
}
