import type { Emit } from "../../base/events.ts";
import { applyFix, fixPlan, givenAway, refusedMasters, slotFaultsIn } from "../../cluster/apply/fix.ts";
import { describeForgetting } from "../../cluster/apply/ghosts.ts";
import { continueJournal, openMoves, readJournals, setAside } from "../../cluster/apply/journal.ts";
import { describeRejoin } from "../../cluster/apply/rejoin.ts";
import { describeRescue } from "../../cluster/apply/rescue.ts";
import { resumeMove, rollBackMove } from "../../cluster/apply/resume-and-rollback.ts";
import { type AbsentMember, absentMembers } from "../../cluster/findings/absent.ts";
import { awaitAgreement } from "../../cluster/gossip/await-agreement.ts";
import { mastersGone } from "../../cluster/model/errors.ts";
import { observeClusterView } from "../../cluster/model/view.ts";
import type { MoveReport } from "../../cluster/move/types.ts";
import { type MoveRequest, type MoveTotals, totalsOf } from "./change.ts";
import { type ClusterOptions, withClusterLocked } from "./session.ts";

/** What brought a cluster back into order. */
export interface RecoveryReport {
  readonly lab: string;
  readonly target: string;
  readonly verb: "fix" | "resume" | "rollback";
  /** What was done, or with a dry run would be. */
  readonly actions: readonly string[];
  /** Members that gave no answer, and that nothing was seen of. */
  readonly absent: readonly AbsentMember[];
  readonly applied: boolean;
  readonly moved: MoveTotals | undefined;
  /** Slots that are still not right. */
  readonly left: readonly number[];
}

export interface RecoveryOptions extends ClusterOptions {
  readonly dryRun?: boolean;
  /** Slots of lost masters of which no replica answers go to others, without keys. @default false */
  readonly giveAwayEmpty?: boolean | undefined;
  readonly move?: MoveRequest;
}

/** Puts every slot right. A journal of an earlier move is done with afterwards, whether or not it can be read. @throws LabError `cluster.masters-gone`, and those of the actions */
export async function fixCluster(options: RecoveryOptions): Promise<RecoveryReport> {
  const verb = "fix" as const;
  return withClusterLocked(
    options,
    verb,
    async ({ session, known, quarantine }) => {
      const { access, emit, signal, lab, target, paths } = session;
      const view = await observeClusterView(known, access);
      const { members } = view;
      const before = await slotFaultsIn(view, access);
      signal?.throwIfAborted();
      const absent = absentMembers(view.topology);
      const { hopeless, rescues, stranded, ghosts } = before;
      const givenAwayNow = options.giveAwayEmpty === true ? hopeless.filter((each) => each.mayBeGivenAway) : [];
      const refused = refusedMasters(hopeless, options.giveAwayEmpty);
      if (rescues.length === 0 && refused.length > 0) throw mastersGone(refused);
      const actions = [
        ...rescues.flatMap(describeRescue),
        ...givenAwayNow.map(({ text }) => givenAway(text)),
        ...fixPlan(before).actions.map(({ summary }) => summary),
        ...stranded.map(describeRejoin),
        ...ghosts.map(describeForgetting),
        // Who owns slots is not a ghost yet.
        ...givenAwayNow
          .filter(({ lost: { why } }) => why === "identity")
          .map(({ lost: { name } }) => `forget the identity of ${name} that is gone`),
      ];
      const base = { lab: lab.name, target, verb, actions, absent };
      if (options.dryRun === true) return { ...base, applied: false, moved: undefined, left: before.fixes.map((fix) => fix.case.slot) };
      const reports: MoveReport[] = [];
      const left = await applyFix(members, access, {
        emit,
        signal,
        giveAwayEmpty: options.giveAwayEmpty,
        onMoved: (report) => reports.push(report),
        move: { ...options.move, quarantine },
      });
      await awaitAgreement(members, access, { signal });
      if (left.length === 0) await settleJournals(paths.journalFolder, emit);
      return { ...base, applied: true, moved: totalsOf(reports, quarantine.file), left: left.map((fix) => fix.case.slot) };
    },
    { openMoveIsFine: true },
  );
}

/** Nothing is open any more, so journals are done with. One that can't be read is kept for people. */
async function settleJournals(folder: string, emit: Emit): Promise<void> {
  const { moves, corrupt } = await readJournals(folder);
  for (const { file } of moves) await continueJournal(file).end();
  for (const each of corrupt) {
    const { file, line, reason } = each;
    emit({
      type: "notice",
      level: "warning",
      text: `Line ${line} of ${file} can't be read (${reason}). Every slot is right without it, so it was set aside as ${await setAside(each)}; it can be removed.`,
    });
  }
}

/** Finishes what earlier moves began, or brings back what they left on its way. Nothing to do is not an error. */
export async function resumeOrRollBack(verb: "resume" | "rollback", options: RecoveryOptions): Promise<RecoveryReport> {
  return withClusterLocked(
    options,
    verb,
    async ({ session, known, quarantine }) => {
      const { access, emit, signal, lab, target, paths } = session;
      const { members, topology } = await observeClusterView(known, access);
      const moves = await openMoves(paths.journalFolder);
      const describe = moves.map(
        ({ verb: begunBy, begun, open, arrived }) => `${verb} the ${begunBy} of ${begun}: ${open.size} slots left, ${arrived} arrived`,
      );
      const base = { lab: lab.name, target, verb, absent: absentMembers(topology), left: [] };
      if (options.dryRun === true) return { ...base, actions: describe, applied: false, moved: undefined };
      const reports: MoveReport[] = [];
      const actions: string[] = [];
      const apply = {
        emit,
        signal,
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
      if (moves.length > 0) await awaitAgreement(members, access, { signal });
      return { ...base, actions, applied: true, moved: totalsOf(reports, quarantine.file) };
    },
    { openMoveIsFine: true },
  );
}
