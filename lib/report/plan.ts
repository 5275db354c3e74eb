import { byCount, plural } from "../base/text.ts";
import type { HostPlan } from "../bootstrap/plan.ts";
import type { LabPlan } from "../operations/plan.ts";
import { colours as pc } from "./colours.ts";
import { formatHostFailure } from "./host-failure.ts";
import { formatFindings } from "./status.ts";

/**
 * A plan for people: per host its changes with diffs, then the instances to reconfigure or restart, then the layout, and a last line with the count. What is the same on several hosts but for their own name and
 * address is shown once, with the names of the others; what is refused is shown for each.
 *
 * @param addresses by host name
 */
export function formatPlan(plan: LabPlan, addresses: ReadonlyMap<string, string>): string {
  const hosts = alike(plan.hosts, addresses).flatMap(({ host, others }) => {
    const lines = [
      ...host.refusals.map(({ text, next }) => `  ${pc.red("refused")} ${text}\n          ${next}`),
      ...host.changes.flatMap(({ reason, step, summary, diff }) => [`  ${sign(reason)} ${step.padEnd(15)} ${summary}`, ...indent(diff)]),
      ...host.reconfigure.flatMap(({ instance, live, restart, diff }) => [
        `  ${pc.yellow("~")} ${"configuration".padEnd(15)} ${instance}: ${[...(live.length > 0 ? [`${live.join(", ")} at once`] : []), ...(restart.length > 0 ? [`${restart.join(", ")} by a restart`] : [])].join("; ")}`,
        ...indent(diff),
      ]),
      ...host.restarts.map(({ instance, reason }) => `  ${pc.yellow("±")} ${"restart".padEnd(15)} ${instance}: ${reason}`),
    ];
    const notes = host.notes.map((note) => `  ${pc.dim("·")} ${"note".padEnd(15)} ${note}`);
    if (lines.length + notes.length === 0) return [];
    const same = `  ${pc.dim("=")} the same on ${byCount(others.length, "1 other host", `${others.length} other hosts`)}: ${others.join(", ")}`;
    return [pc.bold(host.host), ...lines, ...notes, ...(others.length > 0 ? [same] : [])];
  });
  return [
    ...plan.unreachable.map(formatHostFailure),
    ...hosts,
    ...(plan.layout.actions.length === 0
      ? []
      : [
          pc.bold(`${plan.lab} (${plan.kind})`),
          ...plan.layout.actions.map(({ summary }) => `  ${pc.green("+")} ${"layout".padEnd(15)} ${summary}`),
        ]),
    ...formatFindings(plan.layout.findings),
    `${plan.lab} on ${plan.target}: ${sumOf(plan)}`,
  ].join("\n");
}

function sumOf({ changes, hosts, unreachable }: LabPlan): string {
  if (hosts.length === 0 && unreachable.length > 0) return "no host could be looked at";
  const sum = changes === 0 ? "nothing to change" : `${changes} to change`;
  return unreachable.length === 0 ? sum : `${sum} on the hosts that could be looked at; ${plural(unreachable.length, "host")} could not`;
}

/** Each kind of host by its first one, with the names of the others of its kind. */
function alike(
  hosts: readonly HostPlan[],
  addresses: ReadonlyMap<string, string>,
): readonly { readonly host: HostPlan; readonly others: readonly string[] }[] {
  const kinds = new Map<string, { readonly host: HostPlan; readonly others: string[] }>();
  for (const host of hosts) {
    const kind = host.refusals.length > 0 ? host.host : withoutName(host, addresses.get(host.host));
    const first = kinds.get(kind);
    if (first === undefined) kinds.set(kind, { host, others: [] });
    else first.others.push(host.host);
  }
  return [...kinds.values()];
}

/** The plan of a host as text, without what only it can have. */
function withoutName({ host, ...plan }: HostPlan, address: string | undefined): string {
  const own = [host, ...(address === undefined ? [] : [address])].map(whole);
  return JSON.stringify(plan, (_key, value: unknown) =>
    typeof value === "string" ? own.reduce((text, word, index) => text.replace(word, `OWN ${index}`), value) : value,
  );
}

/** A name or address that stands for itself: `redis-1` is not in `redis-18`, 10.0.0.1 not in 10.0.0.18. */
function whole(word: string): RegExp {
  return new RegExp(`(?<![\\w-]|\\d\\.)${word.replaceAll(".", "\\.")}(?![\\w-]|\\.\\d)`, "g");
}

function sign(reason: string): string {
  return reason === "absent" || reason === "stopped" ? pc.green("+") : reason === "obsolete" ? pc.red("-") : pc.yellow("~");
}

function indent(diff: string | undefined): readonly string[] {
  if (diff === undefined || diff === "") return [];
  return diff
    .trimEnd()
    .split("\n")
    .map((line) => `      ${line.startsWith("+") ? pc.green(line) : line.startsWith("-") ? pc.red(line) : pc.dim(line)}`);
}
