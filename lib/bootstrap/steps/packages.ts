import { sh } from "../../connection/quote.ts";
import { osSystemOf } from "../../lab/os.ts";
import { buildPackages } from "../build.ts";
import { commandFailed } from "../errors.ts";
import type { HostFacts } from "../facts.ts";
import { CALLERS_COMPUTER, runOrFail, type Step } from "../step.ts";
import type { HostWanted } from "../wanted.ts";

/** Longest installation, in milliseconds. */
const INSTALL_TIMEOUT_MS = 20 * 60_000;

/** Packages that a host needs: build tools on the host that compiles alone, the operators' own everywhere. */
export const packages: Step = {
  name: "packages",
  notApplicable: CALLERS_COMPUTER,
  check(facts, wanted) {
    return wantedPackages(facts, wanted)
      .filter((name) => !facts.packages.has(name) && !facts.applied.packages.includes(name))
      .map((name) => ({ step: "packages", subject: name, reason: "absent", summary: `install ${name}` }));
  },
  async apply(connection, changes, { facts, wanted, applied, emit, signal }) {
    const manager = wanted.os.packageManagers.find(({ command }) => facts.commands.has(command)) ?? wanted.os.packageManagers[0];
    if (manager === undefined) return;
    const names = changes.map(({ subject }) => subject);
    const options = {
      timeoutMs: INSTALL_TIMEOUT_MS,
      onLine: (line: string) => {
        if (line.trim() !== "") emit({ type: "progress", host: connection.host, step: "packages", detail: line.trim() });
      },
      signal,
    };
    const install = sh`env ${manager.environment} ${manager.install} ${names}`;
    const title = `${manager.command} install ${names.join(" ")}`;
    // Lists are refreshed only when they turn out to be missing or old: that is a download of tens of megabytes.
    const first = await connection.run(install, { ...options, title, root: true });
    if (first.exitCode !== 0) {
      if (manager.refresh === undefined) throw commandFailed(connection.host, "packages", first);
      await runOrFail(connection, "packages", sh`env ${manager.environment} ${manager.refresh}`, {
        ...options,
        title: "refresh the package lists",
      });
      await runOrFail(connection, "packages", install, { ...options, title });
    }
    const known = await connection.run(sh`${wanted.os.queryPackages} ${names} 2>/dev/null`, { title: "ask for packages", root: true });
    const seen = new Set([...known.stdout.matchAll(/^(\S+) installed$/gm)].map(([, name = ""]) => name.replace(/:.*/, "")));
    const nameless = names.filter((name) => !seen.has(name));
    if (nameless.length > 0) {
      await applied.update(connection, (stamp) => ({ ...stamp, packages: [...new Set([...stamp.packages, ...nameless])].sort() }));
    }
  },
};

function wantedPackages(facts: HostFacts, { placement, os, build }: HostWanted): readonly string[] {
  const selinux = facts.selinux !== "disabled" && !facts.commands.has("semanage") ? (osSystemOf(facts.os)?.semanagePackages ?? []) : [];
  return [
    ...new Set([
      ...os.runPackages,
      ...(build?.compiles ? buildPackages(placement, os) : []),
      ...selinux,
      ...placement.lab.os.operatorPackages,
    ]),
  ];
}
