import { sh } from "../../connection/quote.ts";
import type { HostFacts } from "../facts.ts";
import type { HostPlan } from "../plan.ts";
import { CALLERS_COMPUTER, runOrFail, type Step } from "../step.ts";
import type { HostWanted } from "../wanted.ts";

/** The user and group that run Redis: without a password, a home of its own or a login shell. */
export const user: Step = {
  name: "user",
  notApplicable: CALLERS_COMPUTER,
  check(facts, { placement }) {
    const name = placement.lab.os.user;
    return facts.user === undefined ? [{ step: "user", subject: name, reason: "absent", summary: `make user and group ${name}` }] : [];
  },
  async apply(connection, _changes, { wanted }) {
    const name = wanted.placement.lab.os.user;
    const script = sh`getent group ${name} >/dev/null || groupadd --system ${name}
getent passwd ${name} >/dev/null || useradd --system --gid ${name} --no-create-home --home-dir ${wanted.host.paths.data} --shell ${wanted.os.nologin} ${name}`;
    await runOrFail(connection, "user", script, { title: "useradd" });
  },
};

/** A user of that name that people log in with is not turned into a service account. */
export function userRefusals(facts: HostFacts, { placement }: HostWanted): HostPlan["refusals"] {
  const { user: found } = facts;
  const name = placement.lab.os.user;
  if (found === undefined || name === "root") return [];
  if (/\/(nologin|false)$/.test(found.shell) && found.group === name) return [];
  const why = found.group === name ? `its login shell is ${found.shell}` : `its group is ${found.group}, not ${name}`;
  return [
    {
      code: "bootstrap.user-in-use",
      text: `${facts.host}: the user ${name} exists for another purpose: ${why}.`,
      next: "Choose another name with os.user of the lab.",
    },
  ];
}
