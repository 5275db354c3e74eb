import { findInstance } from "./find.ts";
import type { FailoverOutcome } from "./layouts/row.ts";
import { layoutOperations } from "./layouts.ts";
import { type SessionOptions, withSession } from "./session.ts";
import { withLabLock } from "./vms/inside-terraform.ts";

/** What a `failover` did. */
export interface FailoverReport extends FailoverOutcome {
  readonly lab: string;
  readonly target: string;
}

export interface FailoverVerbOptions extends SessionOptions {
  /** `HOST` or `HOST:PORT`. @default the one master hands over to its best replica */
  readonly instance?: string | undefined;
  /** Gives up a master that does not answer, with what no replica has of it. @default false */
  readonly force?: boolean | undefined;
  readonly now: () => Date;
}

/**
 * Hands the role of master over without losing an acknowledged write. Running it again after an interruption continues.
 *
 * @throws LabError `operations.unknown-host`, `operations.unknown-instance`, and those of the layout
 */
export async function failOverLab(options: FailoverVerbOptions): Promise<FailoverReport> {
  const { lab, target } = options;
  return withLabLock(options, `failover ${lab.name}`, () =>
    withSession(options, async (session) => {
      const instance = options.instance === undefined ? undefined : findInstance(session.placement, options.instance).id;
      const outcome = await layoutOperations(session).failOver({ instance, force: options.force === true });
      return { lab: lab.name, target, ...outcome };
    }),
  );
}
