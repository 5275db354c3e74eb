import { LabError } from "../../base/error.ts";
import { runInTerminal } from "../../base/process.ts";
import { findHost } from "../../operations/find.ts";
import { openNetwork } from "../../operations/network.ts";
import { statePaths } from "../../project/state.ts";
import { placementOf, type VerbContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

/** A program, or the user's shell, where the addresses of the lab lead to its instances. What else it sees is as outside: folder, environment, terminal. */
export async function shell(
  context: VerbContext,
  _options: unknown,
  given: { readonly host: string | undefined; readonly command: readonly string[] },
): Promise<number> {
  const { project, lab, target } = context;
  // `shell LAB -- CMD`: the separator stands where a host would.
  const name = given.host === "--" ? undefined : given.host;
  const placement = placementOf(context);
  const host = name === undefined ? undefined : findHost(placement, name);
  const network = await openNetwork({ lab, target, paths: statePaths(project, lab.name, target), signal: context.signal });
  if (network === undefined) throw noShell(lab.name, target, name ?? placement.hosts[0]?.name ?? "HOST");
  const words = given.command.length === 0 ? [context.environment["SHELL"] || "/bin/sh"] : given.command;
  const [file = "", ...args] = [...network.enter(host === undefined ? "client" : { host: host.name }), ...words];
  // The programs of the lab, behind those of the user.
  const path = [context.environment["PATH"], (host ?? placement.hosts[0])?.paths.bin].filter(Boolean).join(":");
  const ended = await runInTerminal(file, args, { environment: { ...context.environment, PATH: path } });
  if (typeof ended === "object" && ended !== null) {
    throw new LabError({
      code: "cli.no-nsenter",
      kind: "environment",
      what: `${file} can't be started: ${ended.text}`,
      next: "Install it (package util-linux).",
    });
  }
  return ended ?? EXIT.failed;
}

function noShell(lab: string, target: string, host: string): LabError {
  return new LabError({
    code: "cli.no-network",
    kind: "usage",
    what: `On ${target}, "${lab}" has no network of its own that could be entered.`,
    why: "`shell` is for labs on netns. Elsewhere the addresses of a lab are reached as any others.",
    next: `For a shell on a host: redis-lab ssh ${lab} ${host}. For the addresses and the password: eval "$(redis-lab env ${lab})"`,
  });
}
