import { sh } from "../../connection/quote.ts";
import { osSystemOf } from "../../lab/os.ts";
import { buildPackages } from "../build.ts";
import { commandFailed, deadRepositoryAdvice, packagesUnknown } from "../errors.ts";
import type { HostFacts } from "../facts.ts";
import { installedScript } from "../facts-script.ts";
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
      .filter((name) => !facts.packages.has(name) && !isRemembered(facts, wanted, name))
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
    const installing = (more: readonly string[]) => sh`env ${manager.environment} ${manager.install} ${more} ${names}`;
    const title = `${manager.command} install ${names.join(" ")}`;
    // Lists are refreshed only when they turn out to be missing or old: that is a download of tens of megabytes.
    let result = await connection.run(installing([]), { ...options, title, root: true });
    if (result.exitCode !== 0) {
      const alone = osSystemOf(facts.os)?.archived !== undefined && hasOurSources(wanted) ? manager.archivedAlone : undefined;
      const next = deadRepositoryAdvice(result);
      if (manager.refresh !== undefined) {
        const refresh = sh`env ${manager.environment} ${manager.refresh}`;
        await runOrFail(connection, "packages", refresh, { ...options, title: "refresh the package lists" });
        result = await runOrFail(connection, "packages", installing([]), { ...options, title });
      } else {
        // One repository that does not answer, of all that the host has, ends yum as a whole.
        const again = alone === undefined ? undefined : await connection.run(installing(alone), { ...options, title, root: true });
        if (again?.exitCode !== 0) throw commandFailed(connection.host, "packages", result, next);
        const text = `${connection.host}: packages came from its archived sources alone. ${next ?? "With all repositories of that host the install failed."}`;
        emit({ type: "notice", level: "warning", text });
        result = again;
      }
    }
    const script = installedScript(wanted.os, names, names);
    const known = await connection.run(script, { title: "ask for packages", root: true });
    const seen = new Set([...known.stdout.matchAll(/^(\S+) installed$/gm)].map(([, name = ""]) => name.replace(/:.*/, "")));
    const nameless = names.filter((name) => !seen.has(name));
    if (nameless.length === 0) return;
    if (wanted.os.queryProvided !== undefined) throw packagesUnknown(connection.host, nameless, result);
    await applied.update(connection, (stamp) => ({ ...stamp, packages: [...new Set([...stamp.packages, ...nameless])].sort() }));
  },
};

/** Installed by us under a name that the database has not: where it can't say who provides that, and the package manager would have failed for a name that does not exist. */
function isRemembered(facts: HostFacts, { os }: HostWanted, name: string): boolean {
  return os.queryProvided === undefined && facts.applied.packages.includes(name);
}

function hasOurSources({ files }: HostWanted): boolean {
  return files.some(({ step }) => step === "package-sources");
}

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
