import { discover } from "../../cluster/discover.ts";
import { mastersGone } from "../../cluster/errors.ts";
import { continueJournal, openMoves } from "../../cluster/journal.ts";
import type { MoveReport } from "../../cluster/move/types.ts";
import { resumeMove, rollBackMove } from "../../cluster/recover.ts";
import { diagnose, repair, repairPlan } from "../../cluster/repair.ts";
import { type MoveRequest, type MoveTotals, totalsOf } from "./change.ts";
import { type ClusterOptions, withClusterLocked } from "./session.ts";

/** What brought a cluster back into order. */
export interface RecoveryReport {
  readonly lab: string;
  readonly target: string;
  readonly verb: "fix" | "resume" | "rollback";
  /** What was done, or with a dry run would be. */
  readonly actions: readonly string[];
  readonly applied: boolean;
  readonly moved: MoveTotals | undefined;
  /** Slots that are still not right. */
  readonly left: readonly number[];
}

export interface RecoveryOptions extends ClusterOptions {
  readonly dryRun?: boolean;
  readonly withUnreachableMasters?: boolean;
  readonly move?: MoveRequest;
}

/** Puts every slot right. A journal of an earlier move is done with afterwards. @throws LabError `cluster.masters-gone`, and those of the actions */
export async function fixCluster(options: RecoveryOptions): Promise<RecoveryReport> {
  const verb = "fix" as const;
  return withClusterLocked(
    options,
    verb,
    async ({ session, known, quarantine }) => {
      const { access, emit, signal, lab, target, paths } = session;
      const { members } = await discover(known, access);
      const before = await diagnose(members, access);
      if (before.unreachable.length > 0 && options.withUnreachableMasters !== true) throw mastersGone(before.unreachable);
      const actions = repairPlan(before).actions.map(({ summary }) => summary);
      if (options.dryRun === true)
        return { lab: lab.name, target, verb, actions, applied: false, moved: undefined, left: before.fixes.map((fix) => fix.case.slot) };
      const reports: MoveReport[] = [];
      const left = await repair(members, access, {
        emit,
        ...(signal !== undefined && { signal }),
        withUnreachableMasters: options.withUnreachableMasters ?? false,
        onMoved: (report) => reports.push(report),
        move: { ...options.move, quarantine },
      });
      if (left.length === 0) for (const { file } of await openMoves(paths.journalFolder)) await continueJournal(file).end();
      return {
        lab: lab.name,
        target,
        verb,
        actions,
        applied: true,
        moved: totalsOf(reports, quarantine.file),
        left: left.map((fix) => fix.case.slot),
      };
    },
    { openMoveIsFine: true },
  );
}

/** Finishes what earlier moves began, or brings back what they left on its way. Nothing to do is no error. */
export async function recoverMoves(verb: "resume" | "rollback", options: RecoveryOptions): Promise<RecoveryReport> {
  return withClusterLocked(
    options,
    verb,
    async ({ session, known, quarantine }) => {
      const { access, emit, signal, lab, target, paths } = session;
      const { members } = await discover(known, access);
      const moves = await openMoves(paths.journalFolder);
      const describe = moves.map(
        ({ verb: begunBy, begun, open, arrived }) => `${verb} the ${begunBy} of ${begun}: ${open.size} slots left, ${arrived} arrived`,
      );
      const base = { lab: lab.name, target, verb, left: [] };
      if (options.dryRun === true) return { ...base, actions: describe, applied: false, moved: undefined };
      const reports: MoveReport[] = [];
      const actions: string[] = [];
      const apply = {
        emit,
        ...(signal !== undefined && { signal }),
        onMoved: (report: MoveReport) => void reports.push(report),
        move: { ...options.move, quarantine },
      };
      for (const [index, move] of moves.entries()) {
        actions.push(describe[index] ?? "");
        if (verb === "resume") reports.push(await resumeMove(move, members, access, apply));
        else {
          const { slots } = await rollBackMove(move, members, access, apply);
          actions.push(`${slots.length} slots that were on their way are whole at their owner again`);
        }
      }
      return { ...base, actions, applied: true, moved: totalsOf(reports, quarantine.file) };
    },
    { openMoveIsFine: true },
  );
}
