import { LabError } from "../../base/error.ts";
import { byCount } from "../../base/text.ts";
import type { Silence } from "../../redis/silence.ts";

/** The plan was made with findings that forbid it, or was not made for what is there. */
export function refusedPlan(refusals: readonly { readonly text: string; readonly next?: string | undefined }[]): LabError {
  const nexts = new Set(refusals.flatMap(({ next }) => next ?? []));
  return new LabError({
    code: "cluster.refused",
    kind: "refused",
    what: `The cluster is left as it is: ${refusals.map(({ text }) => text).join(" ")}`,
    next:
      nexts.size > 0
        ? `${[...nexts].join(" ")} Then run the same command again.`
        : "Fix what is named above, then run the same command again.",
  });
}

/** No node answers: what a cluster is does not follow from that. */
export function nothingAnswers({ text, next }: Silence): LabError {
  return new LabError({ code: "cluster.nothing-answers", kind: "environment", what: text, next });
}

export function unknownInstance(id: string): LabError {
  return new LabError({
    code: "cluster.unknown-instance",
    kind: "refused",
    what: `No instance ${id} belongs to this cluster.`,
    next: "Name an instance of the lab as HOST:PORT.",
  });
}

export function slotTaken(instance: string, slots: string, owner: string): LabError {
  return new LabError({
    code: "cluster.slot-taken",
    kind: "refused",
    what: `${instance} can't take the slots ${slots}: it believes that ${owner} owns them.`,
    why: "Slots that a node believes to be another's are not taken from it: keys could be lost.",
    next: "Look at `redis-lab status`; if the other node is gone for good, wipe the data of this cluster and create it again.",
  });
}

export function commandRefused(instance: string, command: string, reply: string): LabError {
  return new LabError({
    code: "cluster.command-refused",
    kind: "refused",
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
      kind: "environment",
      what,
      why: "Every bus port can be reached from every host and all announced addresses are right, so no cause could be named.",
      next: "Look for `cluster` in the logs of the nodes (`redis-lab logs LAB HOST`), then run the same command again.",
    });
  }
  return new LabError({
    code: "cluster.not-joined",
    kind: "environment",
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
    kind: "environment",
    what: `The nodes did not agree within ${seconds} s (${missing}).`,
    why: error.why,
    next: error.next,
  });
}

type Gone = { readonly id: string; readonly why: string };

/** All is done but for nodes that went away meanwhile. */
export function nodesGone(gone: readonly Gone[], others: number): LabError {
  return new LabError({
    code: "cluster.nodes-gone",
    kind: "environment",
    what: `${gone.map(goneText).join(" ")} The other ${others} nodes agree.`,
    next: "`redis-lab up LAB` starts what is down; `redis-lab status LAB` shows who has which role now.",
  });
}

/** The reasons why nodes that give no answer can't agree, for `notJoined` and `notFormed`. */
export function goneReasons(gone: readonly Gone[]): readonly { readonly text: string; readonly next: string }[] {
  return gone.map((each) => ({ text: goneText(each), next: "`redis-lab up LAB` starts what is down." }));
}

function goneText({ id, why }: Gone): string {
  return `${id} gives no answer: ${why.replace(/[.]$/, "")}.`;
}

export function notAMaster(instance: string, why: string): LabError {
  return new LabError({
    code: "cluster.not-a-master",
    kind: "refused",
    what: `${instance} can't be failed over: ${why}.`,
    next: "Look at `redis-lab status` for the present masters.",
  });
}

export function noHealthyReplica(instance: string, seen: readonly string[]): LabError {
  return new LabError({
    code: "cluster.no-healthy-replica",
    kind: "refused",
    what: `${instance} has no replica that could take over: ${seen.length === 0 ? "it has none at all" : seen.join("; ")}.`,
    why: "A planned failover hands a shard to a replica that is reachable and in step with its master; anything else could lose acknowledged writes.",
    next: "Bring a replica of this master up and wait until its link is up, then run the same command again.",
  });
}

export function notPromoted(instance: string, replica: string, seconds: number, missing: string): LabError {
  return new LabError({
    code: "cluster.not-promoted",
    kind: "environment",
    what: `The planned failover of ${instance} to ${replica} was not complete after ${seconds} s; not seen: ${missing}.`,
    next: "Look at `redis-lab status`, then run the same command again.",
  });
}

/** An instance that may not leave. */
export function stays(refusals: readonly { readonly text: string; readonly next: string }[]): LabError {
  return new LabError({
    code: "cluster.stays",
    kind: "refused",
    what: refusals.map(({ text }) => text).join(" "),
    next: [...new Set(refusals.map(({ next }) => next))].join(" "),
  });
}

/** @param by who knows it still */
export function notForgotten(
  { id, nodeIds }: { readonly id: string; readonly nodeIds: ReadonlySet<string> },
  by: readonly string[],
  seconds: number,
): LabError {
  const again = [...nodeIds].map((nodeId) => `\`redis-lab cluster del-node LAB ${nodeId}\``);
  return new LabError({
    code: "cluster.not-forgotten",
    kind: "environment",
    what: `After ${seconds} s ${by.length === 0 ? "some nodes" : by.join(", ")} still ${by.length === 1 ? "knows" : "know"} ${id}.`,
    why: "A node that knows it passes it on to the others by gossip, and they accept it a minute after they have forgotten it.",
    next: `Make them forget it: ${again.join(" and ")}.`,
  });
}

export function proofFailed(what: string, why?: string): LabError {
  return new LabError({
    code: "cluster.proof-failed",
    kind: "environment",
    what,
    why,
    next: "Look at `redis-lab status` and `redis-lab doctor`.",
  });
}

/** @param lost what is known of each master, and what leads on */
export function mastersGone(lost: readonly { readonly text: string; readonly next: string }[]): LabError {
  return new LabError({
    code: "cluster.masters-gone",
    kind: "refused",
    what: `${lost.map(({ text }) => text).join(" ")} These slots are left as they are.`,
    why: "Given to others they would be empty, and what the master or a replica of it still has would be lost when it comes back.",
    next: [...new Set(lost.map(({ next }) => next))].join(" "),
  });
}

export function corruptJournal(file: string, line: number, reason: string): LabError {
  return new LabError({
    code: "cluster.corrupt-journal",
    kind: "refused",
    what: `Line ${line} of ${file} can't be read: ${reason}.`,
    why: "It is the journal of a move of slots that did not come to its end; it was changed by hand, or its disk is broken.",
    next: "Run `fix`: it needs no journal, puts every slot right, and sets this file aside.",
  });
}

/** The cluster is in no state to be changed, or not in the one that was waited for. */
export function notReady(
  findings: readonly { readonly text: string; readonly next?: string | undefined }[],
  asked: "to change" | "to wait" = "to change",
): LabError {
  const nexts = [...new Set(findings.flatMap(({ next }) => next ?? []))];
  return new LabError({
    code: "cluster.not-ready",
    kind: "refused",
    what: findings.map(({ text }) => text).join(" "),
    why:
      asked === "to wait"
        ? undefined
        : "Slots are only moved, and nodes only added or removed, in a cluster in which every slot has an owner, none is open and all nodes agree.",
    next:
      nexts.length > 0
        ? nexts.slice(0, 3).join("\n")
        : "`redis-lab cluster check LAB` lists what is wrong, `redis-lab cluster fix LAB` fixes it.",
  });
}

type Named = { readonly id: string; readonly nodeId: string };

export function unknownNode(reference: string, nodes: readonly Named[]): LabError {
  return new LabError({
    code: "cluster.unknown-node",
    kind: "usage",
    what: `No node "${reference}" is in this cluster.`,
    next: `Name one of ${nodes.map(({ id }) => id).join(", ")}, or at least four characters of a node id.`,
  });
}

export function ambiguousNode(reference: string, nodes: readonly Named[]): LabError {
  return new LabError({
    code: "cluster.ambiguous-node",
    kind: "usage",
    what: `"${reference}" may be ${nodes.map(({ id, nodeId }) => `${id} (${nodeId.slice(0, 12)}…)`).join(" or ")}.`,
    next: "Give HOST:PORT, or more of the node id.",
  });
}

export function notAMasterNode(reference: string, id: string, master: string | undefined): LabError {
  return new LabError({
    code: "cluster.not-a-master-node",
    kind: "refused",
    what: `"${reference}" is ${id}, which is a replica${master === undefined ? "" : ` of ${master}`}.`,
    why: "Only masters own slots.",
    next: master === undefined ? "Name a master." : `Name ${master}, or make ${id} the master first (failover).`,
  });
}

/** A request that no cluster could carry out: wrong numbers, or nodes in the wrong places. */
export function badRequest(what: string, next: string): LabError {
  return new LabError({ code: "cluster.bad-request", kind: "usage", what, next });
}

/** A request that another cluster could carry out, or this one later: nodes are not in the state that it needs. */
export function notPossibleNow(what: string, next: string): LabError {
  return new LabError({ code: "cluster.bad-request", kind: "refused", what, next });
}

export function notEmptyNode(instance: string, why: string): LabError {
  return new LabError({
    code: "cluster.not-empty",
    kind: "refused",
    what: `${instance} is not empty: ${why}.`,
    why: "What it has would be lost, or two clusters would be joined into one.",
    next: "`reset` makes an empty node of it, once it is certain that nothing on it is needed.",
  });
}

export function invalidPlan(faults: readonly string[]): LabError {
  return new LabError({
    code: "cluster.invalid-plan",
    kind: "defect",
    what: `The plan is not applied: ${faults.slice(0, 5).join("; ")}${faults.length > 5 ? `; and ${faults.length - 5} more` : ""}.`,
    why: "It would break the cluster. That is a fault of redis-lab and not of yours.",
    next: "Report it, with the plan (--plan FILE) and the output of `redis-lab cluster topology LAB --format json`.",
  });
}

export function unreadablePlan(file: string, reason: string): LabError {
  return new LabError({
    code: "cluster.unreadable-plan",
    kind: "usage",
    what: `${file} is not a plan of redis-lab: ${reason}.`,
    next: "Make one with `redis-lab cluster VERB LAB --plan FILE`.",
  });
}

export function editedPlan(file: string): LabError {
  return new LabError({
    code: "cluster.edited-plan",
    kind: "refused",
    what: `${file} was changed after it was made.`,
    why: "A plan that was edited by hand has not been checked.",
    next: "Make another one with the options that you want: `redis-lab cluster VERB LAB --plan FILE`.",
  });
}

/** A saved plan that fits the cluster and would break it: redis-lab saves none of that kind. */
export function harmfulPlan(made: string, faults: readonly string[]): LabError {
  return new LabError({
    code: "cluster.harmful-plan",
    kind: "refused",
    what: `The plan of ${made} is not applied: ${faults.slice(0, 5).join("; ")}${faults.length > 5 ? `; and ${faults.length - 5} more` : ""}.`,
    why: "It would break the cluster, and redis-lab saves no such plan: the file was changed after it was made.",
    next: "Ask who changed it, and make another one: `redis-lab cluster VERB LAB --plan FILE`.",
  });
}

export function stalePlan(made: string, gone: readonly string[], come: readonly string[]): LabError {
  const lines = [...gone.map((line) => `- ${line}`), ...come.map((line) => `+ ${line}`)];
  return new LabError({
    code: "cluster.stale-plan",
    kind: "refused",
    what: `The cluster is no longer the one that the plan of ${made} was made for:\n${lines.join("\n")}`,
    why: "Its slots, roles or epochs have changed since: what was right then may lose keys now.",
    next: "Make the plan again.",
  });
}

export function stillKnown(instance: string, by: readonly string[]): LabError {
  return new LabError({
    code: "cluster.still-known",
    kind: "refused",
    what: `${instance} can't be reset: ${by.slice(0, 3).join(", ")}${by.length > 3 ? ` and ${by.length - 3} more` : ""} ${byCount(by.length, "knows", "know")} it.`,
    why: "It would come back as a stranger at the address of a node that the others miss.",
    next: "`del-node` makes it leave and resets it.",
  });
}
