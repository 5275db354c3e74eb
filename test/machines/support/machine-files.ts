import type { Machine } from "../rig/machine.ts";

/** Where a machine writes by itself, with or without redis-lab. */
const RESTLESS = ["/proc", "/sys", "/dev", "/run", "/var/log", "/var/lib/systemd", "/var/cache", "/tmp", "/var/tmp"];

function find(print: string, ...more: readonly string[]): string {
  const prune = [...RESTLESS, ...more].map((path) => `-path ${path}`).join(" -o ");
  return `find / \\( ${prune} \\) -prune -o ${print}`;
}

/** Every file outside of what restless programs write, with the time of its last change: two of these are equal when nothing was written between. */
export async function writtenSince(machine: Machine): Promise<readonly string[]> {
  // Redis itself writes its data and nodes.conf whenever it likes.
  const text = await machine.exec(find("\\( -type f -o -type l \\) -printf '%T@ %m %u %p\\n'", "/apps/redis/data", "/apps/redis/logs"));
  return text.split("\n").sort();
}

/** Packages, and what they and the user leave: not removed by a purge. */
const STAYS =
  /^\/(etc\/(passwd|group|shadow|gshadow|subuid|subgid)-?|etc\/ld\.so\.cache|etc\/gprofng\.rc)$|^\/(usr|var\/lib\/(dpkg|apt))\/|^\/etc\/(alternatives|perl|emacs|binfmt|apt)\//;

/** Files, folders and links of the machine with kind, owner, mode and (below /etc, where others' files are changed) content, without what stays. */
export async function leftBehind(machine: Machine): Promise<readonly string[]> {
  const names = await machine.exec(find("-printf '%y %m %u:%g %p %l\\n'", "/srv"));
  const sums = await machine.exec("find /etc -type f -exec sha256sum {} +");
  const path = (line: string) => /(\/.*?)( |$)/.exec(line)?.[1] ?? "";
  const lines = [...names.split("\n"), ...sums.split("\n")].filter(Boolean);
  return lines.filter((line) => !STAYS.test(path(line)) || path(line).includes("redis")).sort();
}
