import type { OpenMove } from "../../cluster/journal.ts";
import { LabError } from "../../error.ts";

export function notACluster(lab: string): LabError {
  return new LabError({
    code: "operations.not-a-cluster",
    what: `"${lab}" is a sentinel lab.`,
    why: "It has no slots and no cluster bus.",
    next: `\`redis-lab status ${lab}\` shows its masters and replicas.`,
  });
}

/** An earlier move has the first word. */
export function moveLeftOpen(lab: string, { verb, begun, open, arrived }: Pick<OpenMove, "verb" | "begun" | "open" | "arrived">): LabError {
  return new LabError({
    code: "operations.move-left-open",
    what: `The ${verb} of ${begun} did not come to its end: ${arrived} slots have arrived, ${open.size} have not, and some of these may be open.`,
    why: "What is planned now would not know where their keys are.",
    next: `\`redis-lab cluster resume ${lab}\` finishes it, \`redis-lab cluster rollback ${lab}\` brings back what is on its way.`,
  });
}

export function badSource(from: string, why: string): LabError {
  return new LabError({
    code: "operations.bad-source",
    what: `Nothing can be imported from "${from}": ${why}.`,
    next: "Give HOST:PORT of a server, or the path of an RDB or AOF file.",
  });
}
