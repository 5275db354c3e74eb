import { LabError } from "../base/error.ts";
import type { SentinelFinding } from "./types.ts";

export function unknownInstance(id: string): LabError {
  return new LabError({
    code: "sentinel.unknown-instance",
    kind: "refused",
    what: `The sentinel layout names ${id}, which no host of the lab carries.`,
    next: "Add the instance to its host in the labs file, or correct the name in the layout.",
  });
}

export function unknownName(name: string, known: readonly string[]): LabError {
  return new LabError({
    code: "sentinel.unknown-name",
    kind: "usage",
    what: `No master of the lab is watched under the name ${name}.`,
    why: `Its names are ${known.join(", ")}.`,
    next: "Use one of these names, or add the master to the layout.",
  });
}

export function planRefused(findings: readonly SentinelFinding[]): LabError {
  return new LabError({
    code: "sentinel.refused",
    kind: "refused",
    what: `The sentinel layout can't be formed: ${findings.map(({ text }) => text).join(" ")}`,
    next: findings.find(({ next }) => next !== undefined)?.next ?? "Run `redis-lab doctor LAB`.",
  });
}

export function becameData(instance: string, keys: number): LabError {
  return new LabError({
    code: "sentinel.has-data",
    kind: "refused",
    what: `${instance} is a master with ${keys} key(s) and was to become a replica.`,
    why: "A new replica throws its own data away.",
    next: `Save or flush the data of ${instance}, then run the same command again.`,
  });
}

export function replyFailed(instance: string, command: string, reply: string): LabError {
  return new LabError({
    code: "sentinel.command-failed",
    kind: "refused",
    what: `${instance} answered ${command} with: ${reply}.`,
    next: "Look at `redis-lab logs LAB HOST`, then run the same command again: it continues where it stopped.",
  });
}

export function notFormed(name: string, seconds: number, gaps: readonly string[], reasons: readonly string[]): LabError {
  return new LabError({
    code: "sentinel.not-formed",
    kind: "environment",
    what: `Waited ${seconds} s until every sentinel sees the whole layout of ${name}; not seen: ${gaps.join("; ")}.`,
    why: reasons.length > 0 ? `Probably: ${reasons.join("; ")}.` : undefined,
    next: "Fix the reason and run the same command again: it continues where it stopped.",
  });
}

export function notReadyForFailover(name: string, seconds: number, missing: string): LabError {
  return new LabError({
    code: "sentinel.not-ready",
    kind: "refused",
    what: `Waited ${seconds} s until ${name} is ready for a planned failover; still: ${missing}.`,
    why: "A failover that may lose acknowledged writes is not begun. Nothing was changed.",
    next: "Run `redis-lab doctor LAB`, fix what it names, and try again.",
  });
}

export function fenceIneffective(instance: string): LabError {
  return new LabError({
    code: "sentinel.no-fence",
    kind: "refused",
    what: `min-replicas-max-lag is 0 on ${instance}, so writes can't be fenced off by a number of replicas.`,
    why: "Without the fence, some seconds of acknowledged writes would be lost in the failover. Nothing was changed.",
    next: `Set min-replicas-max-lag (10 by default) on ${instance} and try again.`,
  });
}

export function failoverFailed(name: string, what: string, fence: "lifted" | "left", cause?: unknown): LabError {
  return new LabError({
    code: "sentinel.failover-failed",
    kind: "environment",
    what: `The planned failover of ${name} failed: ${what}.`,
    why:
      fence === "lifted"
        ? "Writes are allowed again and no acknowledged write is lost."
        : "The old master still refuses writes: its setting could not be put back.",
    next: fence === "lifted" ? "Look at the logs of the sentinels and try again." : "Run `redis-lab up LAB`: it puts the setting back.",
    cause,
  });
}

/** An instance that may not leave. */
export function stays(refusals: readonly { readonly text: string; readonly next: string }[]): LabError {
  return new LabError({
    code: "sentinel.stays",
    kind: "refused",
    what: refusals.map(({ text }) => text).join(" "),
    next: [...new Set(refusals.map(({ next }) => next))].join(" "),
  });
}

export function notForgotten(instances: readonly string[], detail?: string): LabError {
  return new LabError({
    code: "sentinel.not-forgotten",
    kind: "environment",
    what: `Some sentinels still count ${instances.join(" and ")}.${detail === undefined ? "" : ` ${detail}`}`,
    why: "An instance that still runs is found again by every sentinel that was made to forget it.",
    next: "Look at `redis-lab status`, then run the same command again: it continues.",
  });
}
