import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { LabError } from "../../error.ts";
import { findHost } from "../../operations/find.ts";
import { shellCommand } from "../../operations/shell-command.ts";
import { statePaths } from "../../project/state.ts";
import { placementOf, type VerbContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function run(context: VerbContext, _options: unknown, [name = "", ...words]: readonly string[]): Promise<number> {
  const { project, lab, target } = context;
  const paths = statePaths(project, lab.name, target);
  const placement = placementOf(context);
  const host = findHost(placement, name);
  const command = shellCommand(placement, host, words, { knownHostsFile: paths.knownHostsFile, shell: process.env.SHELL ?? "/bin/sh" });
  if (command.folder !== undefined && !existsSync(command.folder)) {
    throw new LabError({
      code: "cli.no-host-folder",
      what: `${name} has no folder yet: ${command.folder} does not exist.`,
      next: `Bring the lab up first: redis-lab up ${lab.name}`,
    });
  }
  return new Promise((resolve, reject) => {
    const child = spawn(command.file, [...command.args], {
      stdio: "inherit",
      cwd: command.folder,
      env: { ...process.env, ...(command.path !== undefined && { PATH: `${command.path}:${process.env.PATH ?? ""}` }) },
    });
    child.once("error", (error) =>
      reject(
        new LabError({
          code: "cli.no-ssh",
          what: `${command.file} can't be started: ${error.message}`,
          next: "Install an ssh client (openssh-client or openssh-clients).",
        }),
      ),
    );
    child.once("exit", (code) => resolve(code ?? EXIT.failed));
  });
}
