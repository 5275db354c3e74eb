import type { Change } from "../plan.ts";
import type { Step } from "../step.ts";
import { openSupervisor } from "../supervise.ts";

/** Starts what does not run, and waits until it answers on its real address with its data loaded. */
export const start: Step = {
  name: "start",
  notApplicable: undefined,
  check(facts, { host }) {
    return host.instances
      .filter(({ id }) => facts.instances.get(id)?.process === undefined)
      .map(({ id }): Change => ({ step: "start", subject: id, reason: "stopped", summary: `start ${id}` }));
  },
  async apply(connection, changes, { wanted, ready, emit, signal }) {
    const supervisor = openSupervisor(connection, wanted, {
      ready,
      onProgress: (detail) => emit({ type: "progress", host: connection.host, step: "start", detail }),
      onDecision: (text) => emit({ type: "notice", level: "warning", text }),
      signal,
    });
    const subjects = new Set(changes.map(({ subject }) => subject));
    await Promise.all(wanted.host.instances.filter(({ id }) => subjects.has(id)).map((instance) => supervisor.start(instance)));
  },
};
