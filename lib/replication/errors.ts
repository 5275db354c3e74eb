import { LabError } from "../base/error.ts";
import { plural } from "../base/text.ts";
import type { ReplicationFinding } from "./model.ts";

export const planRefused = (findings: readonly ReplicationFinding[]): LabError =>
  ofFindings("replication.refused", "Nothing was changed", findings, "Run `redis-lab doctor LAB`.");

export const notFormed = (findings: readonly ReplicationFinding[]): LabError =>
  ofFindings(
    "replication.not-formed",
    "Not all replicas are in step",
    findings,
    "Run the same command again: it continues where it stopped.",
  );

/** @param otherwise what to do where no finding says it */
function ofFindings(code: string, what: string, findings: readonly ReplicationFinding[], otherwise: string): LabError {
  const next = findings.find((finding) => finding.next !== undefined)?.next ?? otherwise;
  return new LabError({ code, kind: "refused", what: `${what}: ${findings.map(({ text }) => text).join(" ")}`, next });
}

export function becameData(instance: string, keys: number): LabError {
  return new LabError({
    code: "replication.has-data",
    kind: "refused",
    what: `${instance} is a master with ${plural(keys, "key")} and was to become a replica.`,
    why: "A new replica throws its own data away.",
    next: `Save or flush the data of ${instance}, then run the same command again.`,
  });
}

/** @param findings of a layout that has no master that answers */
export function noMaster(findings: readonly ReplicationFinding[]): LabError {
  const { text, next } = findings.find(({ code }) => code === "no-master") ?? { text: "No server is the master.", next: undefined };
  return new LabError({ code: "replication.no-master", kind: "refused", what: text, next: next ?? "Look at it: redis-lab status LAB" });
}

export function masterAnswers(lab: string, master: string): LabError {
  const what = `${master} is the master and answers, so nothing needs to be given up.`;
  return new LabError({
    code: "replication.master-answers",
    kind: "refused",
    what,
    next: `Without --force nothing is lost: redis-lab failover ${lab}`,
  });
}

export function notReady(lab: string, what: string): LabError {
  return new LabError({
    code: "replication.not-ready",
    kind: "refused",
    what: `The role of master was not handed over. ${what}`,
    why: "A failover that may lose acknowledged writes is not begun. Nothing was changed.",
    next: `Look at \`redis-lab status ${lab}\`, repair what it names, and run the same command again.`,
  });
}

export function fenceIneffective(lab: string, instance: string): LabError {
  return new LabError({
    code: "replication.no-fence",
    kind: "refused",
    what: `min-replicas-max-lag is 0 on ${instance}, so writes can't be fenced off by a number of replicas.`,
    why: "Without the fence, acknowledged writes could be lost. Nothing was changed.",
    next: `Set min-replicas-max-lag (10 by default) in the settings of ${lab}, run \`redis-lab up ${lab}\`, and try again.`,
  });
}

export function failoverFailed(lab: string, what: string, state: "lifted" | "left", cause: unknown): LabError {
  const [after, next] =
    state === "lifted"
      ? ["The old master takes writes again", `Look at \`redis-lab status ${lab}\` and try again.`]
      : ["The old master still refuses writes", `Run \`redis-lab up ${lab}\`: it continues the hand-over, or takes the fence back.`];
  return new LabError({
    code: "replication.failover-failed",
    kind: "environment",
    what: `The hand-over was not completed: ${what.replace(/\.$/, "")}.`,
    why: `${after}, and no acknowledged write is lost.`,
    next,
    cause,
  });
}
