import { existsSync } from "node:fs";
import { LabError } from "../../base/error.ts";
import { runInTerminal } from "../../base/process.ts";
import { findHost } from "../../operations/find.ts";
import { openNetwork } from "../../operations/network.ts";
import { shellCommand } from "../../operations/shell-command.ts";
import { statePaths } from "../../project/state.ts";
import { placementOf, type VerbContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function ssh(
  context: VerbContext,
  _options: unknown,
  { host: name, command: words }: { readonly host: string; readonly command: readonly string[] },
): Promise<number> {
  const { project, lab, target } = context;
  const paths = statePaths(project, lab.name, target);
  const placement = placementOf(context);
  const host = findHost(placement, name);
  const command = await shellCommand(placement, host, words, {
    knownHostsFile: paths.knownHostsFile,
    shell: process.env.SHELL ?? "/bin/sh",
    network: await openNetwork({ lab, target, paths, signal: context.signal }),
  });
  if (command.folder !== undefined && !existsSync(command.folder)) {
    throw new LabError({
      code: "cli.no-host-folder",
      kind: "refused",
      what: `${name} has no folder yet: ${command.folder} does not exist.`,
      next: `Bring the lab up first: redis-lab up ${lab.name}`,
    });
  }
  const ended = await runInTerminal(command.file, command.args, {
    cwd: command.folder,
    environment: { ...process.env, ...(command.path !== undefined && { PATH: `${command.path}:${process.env.PATH ?? ""}` }) },
  });
  if (typeof ended === "object" && ended !== null) {
    throw new LabError({
      code: "cli.no-ssh",
      kind: "environment",
      what: `${command.file} can't be started: ${ended.text}`,
      next: "Install an ssh client (openssh-client or openssh-clients).",
    });
  }
  return ended ?? EXIT.failed;
}
