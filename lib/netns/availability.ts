import { readFile } from "node:fs/promises";
import type { LabError } from "../base/error.ts";
import { findProgram } from "../base/find-program.ts";
import { runProgram } from "../base/process.ts";
import { namespacesForbidden, programMissing } from "./errors.ts";
import { APART, REHEARSAL } from "./scripts.ts";

/** Programs that are needed, with the package that has them on most systems. */
const PROGRAMS = { unshare: "util-linux", nsenter: "util-linux", mount: "util-linux", ip: "iproute2 or iproute" } as const;

/** Settings of a kernel that forbid it, with the value at which they do and the one at which they do not. */
const SETTINGS = [
  { name: "user.max_user_namespaces", forbids: "0", allows: "15000" },
  { name: "user.max_net_namespaces", forbids: "0", allows: "15000" },
  { name: "kernel.unprivileged_userns_clone", forbids: "0", allows: "1" },
  // Ubuntu from 23.10 on: the namespace is made, and this user may do nothing in it.
  { name: "kernel.apparmor_restrict_unprivileged_userns", forbids: "1", allows: "0" },
] as const;

/**
 * Does once all that a lab's network takes, and lets it vanish again.
 *
 * @throws LabError `netns.program-missing`, `netns.forbidden`
 */
export async function assertAvailable(environment: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<void> {
  for (const [program, packages] of Object.entries(PROGRAMS))
    if (findProgram(program, environment).kind !== "found") throw programMissing(program, packages);
  const [program, ...args] = APART;
  const tried = await runProgram(program, [...args, "sh", "-c", REHEARSAL], { environment, timeoutMs: 60_000, signal, stopBy: "SIGKILL" });
  if (tried.exitCode !== 0) throw await explainFailure(tried.failure?.text ?? tried.stderr);
}

/** Why namespaces could not be made, with the command that allows it. @param said by the program that failed */
export async function explainFailure(said: string): Promise<LabError> {
  const detail = said.trim().split("\n").at(-1)?.replace(/\.$/, "") || "it was refused without a reason";
  for (const { name, forbids, allows } of SETTINGS) {
    const value = await readFile(`/proc/sys/${name.replaceAll(".", "/")}`, "utf8").catch(() => "");
    if (value.trim() === forbids)
      return namespacesForbidden(`${name} is ${forbids} (${detail})`, `Allow it: sudo sysctl -w ${name}=${allows}`);
  }
  return namespacesForbidden(
    detail,
    "Allow it: in a container, run that with --privileged, or with seccomp and AppArmor profiles that let unshare(2) and mount(2) pass; elsewhere see what the security module says in `sudo dmesg`.",
  );
}
