import { createHash } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";

/** A process, named for good: a pid alone comes again, after a reboot at the latest, and in every container. Empty texts where the system does not tell. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time, in clock ticks since boot: field 22 of stat (proc(5)). */
  readonly started: string;
  /** The pid namespace in which `pid` counts, for example `pid:[4026531836]`. */
  readonly namespace: string;
  /** The kernel that it runs on, since its boot: /proc/sys/kernel/random/boot_id. */
  readonly boot: string;
  /** The installation: /etc/machine-id. Cloned computers may share one. */
  readonly machine: string;
  /** Its host name. */
  readonly computer: string;
}

let own: Promise<ProcessIdentity> | undefined;

export function thisProcess(): Promise<ProcessIdentity> {
  own ??= (async () => {
    const text = async (file: string) => (await readFile(file, "utf8").catch(() => "")).trim();
    const [started, namespace, boot, machine] = await Promise.all([
      startTime(process.pid),
      readlink("/proc/self/ns/pid").catch(() => ""),
      text("/proc/sys/kernel/random/boot_id"),
      text("/etc/machine-id"),
    ]);
    return { pid: process.pid, started: started ?? "", namespace, boot, machine, computer: hostname() };
  })();
  return own;
}

/** Both run on one kernel, which then knows of both whether they live and what they have locked. */
export function shareKernel(one: Pick<ProcessIdentity, "boot">, other: Pick<ProcessIdentity, "boot">): boolean {
  return one.boot !== "" && one.boot === other.boot;
}

/** Both run on one computer, maybe with a reboot between them. */
export function shareComputer(
  one: Pick<ProcessIdentity, "machine" | "computer">,
  other: Pick<ProcessIdentity, "machine" | "computer">,
): boolean {
  return one.machine !== "" && one.machine === other.machine && one.computer === other.computer;
}

/** True where it is certain that the process has ended; false where it lives, or where this process can't see it. */
export async function isGone(other: ProcessIdentity): Promise<boolean> {
  const me = await thisProcess();
  if (!shareKernel(me, other)) return shareComputer(me, other) && other.boot !== "" && me.boot !== "";
  if (other.namespace === "" || other.namespace !== me.namespace) return false;
  return (await startTime(other.pid)) !== other.started;
}

/** Start time of a process in clock ticks since boot; undefined when there is none. */
export async function startTime(pid: number): Promise<string | undefined> {
  return statOf(await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")).start;
}

/** What /proc/PID/stat says of a process (proc(5)); undefined where it says nothing. The second field is the command in parentheses and may hold blanks; the start time is field 22. */
export function statOf(text: string): Readonly<Record<"state" | "parent" | "start", string | undefined>> {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0], parent: fields[1], start: fields[19] };
}

/** What a process calls files that are no use without it; `pattern` finds them. Short, as the path of a Unix socket has 107 bytes. */
export async function markOf(identity?: ProcessIdentity): Promise<string> {
  const { pid, started, namespace, boot, machine, computer } = identity ?? (await thisProcess());
  const number = (text: string) => Number(/\d+/.exec(text)?.[0] ?? 0).toString(36);
  // Without a machine id it is never the same computer.
  const place = machine === "" ? "0" : digest(`${machine} ${computer}`);
  return [place, boot === "" ? "0" : digest(boot), number(namespace), pid.toString(36), number(started)].join("-");
}

/** A mark within a longer pattern, in one group. */
export const MARK = "((?:0|[0-9a-f]{6})-(?:0|[0-9a-f]{6})-[0-9a-z]+-[0-9a-z]+-[0-9a-z]+)";

/** The same question as `isGone`, of a mark. */
export async function isGoneByMark(mark: string): Promise<boolean> {
  const [place, boot, namespace, pid, started] = mark.split("-");
  const [myPlace, myBoot, myNamespace] = (await markOf()).split("-");
  if (boot === "0" || myBoot === "0") return false;
  if (boot !== myBoot) return place !== "0" && place === myPlace;
  if (namespace === "0" || namespace !== myNamespace) return false;
  const now = await startTime(Number.parseInt(pid ?? "", 36));
  return now === undefined || Number(now).toString(36) !== started;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 6);
}
