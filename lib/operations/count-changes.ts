import type { Emit } from "../base/events.ts";
import type { HostPlan } from "../bootstrap/plan.ts";

// How many changes there are: `plan` says beforehand what `up` counts afterwards, so both count the same things.

/**
 * Changes of a host's plan. An instance whose configuration needs a restart, and that is to be restarted anyway, is restarted once. Pure.
 */
export function countPlanned({ changes, reconfigure, restarts }: Pick<HostPlan, "changes" | "reconfigure" | "restarts">): number {
  const restarted = new Set(reconfigure.filter(({ restart }) => restart.length > 0).map(({ instance }) => instance));
  return changes.length + reconfigure.length + restarts.filter(({ instance }) => !restarted.has(instance)).length;
}

/** Counts what was changed. */
export interface ChangeCount {
  readonly changed: number;
  /** Passes events on, and counts those that tell of a change. What happens within a restart, as the hand-over of a role, is part of it. */
  readonly counting: (emit: Emit) => Emit;
  /** Whatever is changed meanwhile counts as one, as `plan` can't tell how many it will be. */
  asOne<T>(work: () => Promise<T>): Promise<T>;
}

export function countChanges(): ChangeCount {
  let changed = 0;
  let restarting = 0;
  return {
    get changed() {
      return changed;
    },
    counting: (emit) => (event) => {
      if (event.type === "step") {
        if (event.step === "restart") restarting += event.state === "started" ? 1 : -1;
        if (event.state === "changed" && restarting === 0) changed += event.changes ?? 1;
      }
      emit(event);
    },
    async asOne(work) {
      const before = changed;
      try {
        return await work();
      } finally {
        changed = Math.min(changed, before + 1);
      }
    },
  };
}
