import { LabError } from "../../base/error.ts";

export function notPlain(master: string, why: string): LabError {
  return new LabError({
    code: "drill.no-failover",
    kind: "refused",
    what: `${master} can't be failed over so: ${why}.`,
    next: "Choose a drill that the lab can run: `redis-lab drill list LAB`.",
  });
}

export function notHealthyBefore(lab: string, problems: readonly string[]): LabError {
  return new LabError({
    code: "drill.not-healthy",
    kind: "refused",
    what: `${lab} is not healthy: ${problems[0] ?? "status says so"}`,
    why: "A drill tells what its fault cost; of a lab that is not well before nobody could say what came of what.",
    next: "See what is wrong and bring it into order: `redis-lab status LAB`, then `redis-lab up LAB`.",
  });
}

export function doesNotFit(drill: string, lab: string, why: string): LabError {
  return new LabError({
    code: "drill.does-not-fit",
    kind: "usage",
    what: `${lab} can't run ${drill}: ${why}.`,
    next: "See which drills it can run: `redis-lab drill list LAB`.",
  });
}

export function replicaAway(drill: string, lab: string, master: string, replicas: number): LabError {
  return new LabError({
    code: "drill.replica-away",
    kind: "refused",
    what: `${lab} can't run ${drill} now: ${master} has fewer than ${replicas === 1 ? "one replica" : `${replicas} replicas`}, and the lab declares that many for each shard.`,
    why: "What such a drill costs would depend on which master it chooses.",
    next: `See which replica is away, and the command that puts it back: \`redis-lab cluster diff ${lab}\`.`,
  });
}

export function sameDrill(name: string, file: string): LabError {
  return new LabError({
    code: "drill.same-name",
    kind: "usage",
    what: `${file} exports two drills "${name}", or one with the name of a drill that redis-lab comes with.`,
    next: "Give it another name.",
  });
}

export function nothingToVary(setting: string, why: string): LabError {
  return new LabError({
    code: "drill.nothing-to-vary",
    kind: "usage",
    what: `${setting} can't be varied: ${why}.`,
    next: "Give settings such as --set node-timeout=2000,5000 (cluster), --set down-after=1000,5000 (sentinel), --set wait=0,1 or a directive: --set appendfsync=always,everysec.",
  });
}
