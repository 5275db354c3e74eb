import { isLabError, LabError } from "../../base/error.ts";
import type { OpenMove } from "../../cluster/apply/journal.ts";
import type { Lab } from "../../lab/schema.ts";

export function notACluster({ name, layout }: Pick<Lab, "name" | "layout">): LabError {
  return new LabError({
    code: "operations.not-a-cluster",
    kind: "usage",
    what: `"${name}" is a ${layout.kind} lab.`,
    why: "It has no slots and no cluster bus.",
    next: `\`redis-lab status ${name}\` shows its masters and replicas.`,
  });
}

/** An earlier move has the first word. */
export function moveLeftOpen(lab: string, { verb, begun, open, arrived }: Pick<OpenMove, "verb" | "begun" | "open" | "arrived">): LabError {
  return new LabError({
    code: "operations.move-left-open",
    kind: "refused",
    what: `The ${verb} of ${begun} did not come to its end: ${arrived} slots have arrived, ${open.size} have not, and some of these may be open.`,
    why: "What is planned now would not know where their keys are.",
    next: `\`redis-lab cluster resume ${lab}\` finishes it, \`redis-lab cluster rollback ${lab}\` brings back what is on its way.`,
  });
}

/** What the moves of a plan came to when an error ended it. */
export interface MovesSoFar {
  readonly lab: string;
  readonly verb: string;
  /** Slots that the plan moves, and those that have arrived. */
  readonly planned: number;
  readonly moved: number;
  /** A journal was left: some may be open. */
  readonly open: boolean;
}

/** Verbs of which a second run with the same words does more, and not the rest. */
const ADDING: ReadonlySet<string> = new Set(["reshard"]);

/**
 * An error of a plan that moves slots, with what was moved and with what leads on: after a move that is complete a second run of a verb that counts slots would be a second move, and before its end it is `resume` that goes on.
 */
export function afterMoves(error: unknown, { lab, verb, planned, moved, open }: MovesSoFar): unknown {
  const interrupted = !isLabError(error);
  const resume = `\`redis-lab cluster resume ${lab}\` finishes the move, \`redis-lab cluster rollback ${lab}\` brings back what is on its way.`;
  if (moved < planned) {
    if (interrupted || !open || /\bresume\b/.test(error.next)) return error;
    return rewritten(error, error.what, `${error.next} Then ${resume}`);
  }
  const done = `All ${planned} slots of the plan were moved.`;
  if (interrupted)
    return new LabError({
      code: "cluster.interrupted",
      kind: "interrupted",
      what: `${done} It was interrupted in the wait for all nodes to agree about it.`,
      next: `\`redis-lab cluster wait ${lab}\` waits until they do.${warningOf(verb, planned)}`,
      cause: error,
    });
  const next = ADDING.has(verb) ? error.next.replace(/[^.;]*[Rr]un the same command again[^.]*\.?/g, "").trim() : error.next;
  return rewritten(
    error,
    `${done} ${error.what}`,
    `${next === "" ? `\`redis-lab cluster check ${lab}\` shows what is not right.` : next}${warningOf(verb, planned)}`,
  );
}

function warningOf(verb: string, planned: number): string {
  return ADDING.has(verb) ? ` Do not run the same ${verb} again for it: that would move another ${planned} slots.` : "";
}

function rewritten({ code, kind, why, cause }: LabError, what: string, next: string): LabError {
  return new LabError({ code, kind, what, why, next, cause });
}

export function badSource(from: string, why: string): LabError {
  return new LabError({
    code: "operations.bad-source",
    kind: "usage",
    what: `Nothing can be imported from "${from}": ${why}.`,
    next: "Give HOST:PORT of a server, or the path of an RDB or AOF file.",
  });
}
