import type { Step } from "../step.ts";

/** Compiles on the one host of its group that does so; the others have no such change. */
export const build: Step = {
  name: "build",
  notApplicable: undefined,
  check(_facts, { build: wanted }) {
    if (!wanted?.compiles) return [];
    return [{ step: "build", subject: `redis ${wanted.version}`, reason: "absent", summary: `compile ${wanted.version.title}` }];
  },
  async apply(connection, _changes, { wanted, builds, emit, signal }) {
    if (wanted.build !== undefined) await builds.build(wanted.build.key, connection, emit, signal);
  },
};
