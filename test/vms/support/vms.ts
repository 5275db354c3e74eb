import { waitFor } from "../../../lib/base/wait.ts";
import { consoleOf, virsh } from "../rig/rig.ts";
import type { VmProject } from "./vm-project.ts";

/** Id of each domain by its name: another id is another VM. */
export async function domainIds(): Promise<Readonly<Record<string, string>>> {
  const names = (await virsh("list", "--all", "--name")).split("\n").filter(Boolean).sort();
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, (await virsh("domuuid", name)).trim()] as const)));
}

/** How often a VM has come up to its login prompt. */
export async function bootsOf(domain: string): Promise<number> {
  return (await consoleOf(domain)).split(/^\S.* ttyS0\r?$/m).length - 1;
}

/** Reboots hosts at once and in an orderly way, and waits until each has come up again. */
export async function rebootHosts(project: VmProject, lab: string, hosts: readonly string[]): Promise<void> {
  const before = await Promise.all(hosts.map((host) => bootsOf(`${lab}-${host}`)));
  await Promise.all(hosts.map((host) => project.ssh(lab, host, "sudo systemctl --no-block reboot")));
  await waitFor(
    async () => {
      const now = await Promise.all(hosts.map((host) => bootsOf(`${lab}-${host}`)));
      const missing = hosts.filter((_, index) => (now[index] ?? 0) <= (before[index] ?? 0));
      return missing.length === 0
        ? { done: true, value: undefined }
        : { done: false, missing: `the login prompt of ${missing.join(", ")}` };
    },
    { what: `${hosts.length} hosts to reboot`, timeoutMs: 600_000, intervalMs: 1_000 },
  );
}

/** Waits until the layout is as `wanted` says: healthy, and with these rows, `INSTANCE ROLE` each. Without rows, until it is healthy. */
export async function waitForLayout(project: VmProject, lab: string, wanted?: readonly string[]): Promise<readonly string[]> {
  return waitFor(
    async () => {
      const status = await project.status(lab);
      const rows = status.rows.map(({ instance, role, state }) => `${instance} ${role}${state === "up" ? "" : ` ${state}`}`);
      const right = wanted === undefined || wanted.every((row) => rows.includes(row));
      return status.healthy && right ? { done: true, value: rows } : { done: false, missing: describe(rows, status.findings) };
    },
    { what: `${lab} to be healthy${wanted === undefined ? "" : ` with ${wanted.join(", ")}`}`, timeoutMs: 300_000, intervalMs: 2_000 },
  );
}

/** Waits until one of the candidates is the master in the place of `gone`. Returns its instance. */
export async function waitForPromotion(project: VmProject, lab: string, gone: string, candidates: readonly string[]): Promise<string> {
  return waitFor(
    async () => {
      const { rows } = await project.status(lab);
      const promoted = rows.find(({ role, state, host }) => role === "master" && state === "up" && candidates.includes(host));
      return promoted === undefined
        ? { done: false, missing: rows.map(({ instance, role, state }) => `${instance} ${role} ${state}`).join(", ") }
        : { done: true, value: promoted.instance };
    },
    { what: `one of ${candidates.join(", ")} to be promoted in the place of ${gone}`, timeoutMs: 360_000, intervalMs: 1_000 },
  );
}

function describe(rows: readonly string[], findings: readonly unknown[]): string {
  return `it has ${rows.join(", ")}; ${JSON.stringify(findings)}`;
}
