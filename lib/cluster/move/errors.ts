import { kindOf, LabError } from "../../base/error.ts";
import { byCount, plural } from "../../base/text.ts";

// What stops a move of slots.

/** Keys are not text; those that are not are shown as Redis shows them. */
function shown(key: Buffer): string {
  return JSON.stringify(key.toString("latin1")).slice(0, 120);
}

/** Keys of a slot lie where nobody looks for them. */
export function orphansAtTarget(slot: number, count: number, target: string, source: string): LabError {
  return new LabError({
    code: "cluster.orphans",
    kind: "refused",
    what: `${target} already holds ${plural(count, "key")} of slot ${slot}, which belongs to ${source}.`,
    why: "They are left from a move that was broken off; moved there, the slot would mix them with those in use.",
    next: "Run `fix` first: it brings them to the owner of the slot, and saves what differs.",
  });
}

export function valueTooLarge(slot: number, key: Buffer, bytes: number, limit: number, target: string): LabError {
  return new LabError({
    code: "cluster.value-too-large",
    kind: "refused",
    what: `The value of ${shown(key)} in slot ${slot} is ${bytes} bytes long on its way; ${target} takes ${limit} at most (proto-max-bulk-len).`,
    why: "RESTORE gets a value in one piece, and the server closes the connection on a larger one.",
    next: `Raise proto-max-bulk-len on ${target} for the time of the move, or split the value.`,
  });
}

export function valuesDiffer(slot: number, key: Buffer, source: string, target: string): LabError {
  return new LabError({
    code: "cluster.values-differ",
    kind: "refused",
    what: `${shown(key)} of slot ${slot} has one value at ${source} and another one at ${target}.`,
    why: "Moving it would overwrite one of them.",
    next: "Run `fix`, which keeps the owner's value and saves the other one to a file, or move with --replace, which does the same.",
  });
}

export function migrateRefused(command: string, instance: string, reply: string): LabError {
  return new LabError({
    code: "cluster.move-refused",
    kind: "refused",
    what: `${instance} answered ${command} with: ${reply}`,
    next: "Fix what it says, then `resume` finishes the move, or `rollback` brings back what has travelled.",
  });
}

export function slotStrayed(slot: number, source: string, owner: string): LabError {
  return new LabError({
    code: "cluster.slot-strayed",
    kind: "refused",
    what: `Slot ${slot} was planned to leave ${source}, and belongs to ${owner} now.`,
    why: "Another program moves slots of this cluster at the same time.",
    next: "Let one of the two finish, then plan again.",
  });
}

/** A shard stays without a master that could go on. */
export function noSuccessor(missing: string): LabError {
  return new LabError({
    code: "cluster.no-successor",
    kind: "environment",
    what: `The move can't go on: ${missing}`,
    next: "Bring the missing server up, or promote a replica of it; then `resume` finishes the move.",
  });
}

/** Why a move ended before its end, with what it left. Keeps the code of the reason. */
export function moveStopped(error: Error, moved: number, total: number, open: readonly number[]): LabError {
  const reason = error instanceof LabError ? error : undefined;
  const left =
    open.length === 0
      ? "none is open"
      : `open ${byCount(open.length, "is", "are")} ${open.slice(0, 10).join(", ")}${open.length > 10 ? ` and ${open.length - 10} more` : ""}`;
  return new LabError({
    code: reason?.code ?? "cluster.move-stopped",
    kind: kindOf(error),
    what: `${reason?.what ?? error.message} ${moved} of ${total} slots were moved; ${left}.`,
    why: reason?.why,
    next: reason?.next ?? "`resume` finishes the move, `rollback` brings back what has travelled.",
    cause: error,
  });
}

export function moveInterrupted(): LabError {
  return new LabError({
    code: "cluster.interrupted",
    kind: "interrupted",
    what: "The move was interrupted.",
    next: "`redis-lab cluster resume LAB` finishes it; `redis-lab cluster rollback LAB` leaves the rest where it is.",
  });
}
