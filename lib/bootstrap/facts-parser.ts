import type { AppliedStamp, BuildStamp, HostFacts, InstanceFact, Listener, PathFact } from "./facts.ts";
import { type FactsQuestion, socketHex } from "./facts-script.ts";

/** One line `MARK word rest` of the answer with the lines that follow it. */
interface Section {
  readonly word: string;
  readonly rest: string;
  readonly body: string;
}

interface Process {
  readonly pid: number;
  readonly start: string;
  readonly command: string;
  readonly cwd: string;
  readonly exe: string;
}

/** Clock ticks per second of /proc/PID/stat: USER_HZ is 100 on every architecture that Linux runs Redis on. */
const TICKS = 100;
/** A pid file is written after its process started; clocks and tick rounding may shift that by so many seconds. */
const START_SLACK_S = 2;

/** Reads the answer of the facts script; undefined when it is not whole. Pure. */
export function parseFacts(answer: string, question: FactsQuestion): HostFacts | undefined {
  const sections = splitSections(answer, question.mark);
  if (sections.at(-1)?.word !== "end") return undefined;
  const all = (word: string) => sections.filter((section) => section.word === word);
  const first = (word: string) => all(word)[0];
  const problems: string[] = [];

  const [nanoseconds = "0", uptime = "0"] = (first("clock")?.rest ?? "").split(" ");
  const clockMs = Math.floor(Number(nanoseconds) / 1e6);
  const bootS = clockMs / 1000 - Number(uptime);
  const [kernel = "", arch = ""] = (first("uname")?.rest ?? "").split(" ");
  const id = /uid=(\d+)(?:\(([^)]*)\))? gid=(\d+)(?:\(([^)]*)\))?/.exec(first("id")?.rest ?? "");
  const paths = parsePaths(first("paths")?.body ?? "", sections);
  const files = new Map(all("text").map(({ rest, body }) => [rest, body] as const));
  const free = (first("free")?.body ?? "").split("\n").flatMap((line) => {
    const available = / (\d+) +\d+% /.exec(line)?.[1];
    return available === undefined ? [] : [Math.floor(Number(available) / 1024)];
  });
  const processes = new Map(
    all("process")
      .map(parseProcess)
      .map((process) => [process.pid, process] as const),
  );
  const units = parseUnits(first("units")?.body ?? "");
  const thp = /^(yes|no) (.*)$/.exec(first("thp")?.rest ?? "");
  const hard = first("nofile")?.rest ?? "0";
  const listeners = all("listener").map(({ rest }) => parseListener(rest, question, processes));
  const boot = first("boot")?.rest ?? "";

  const instances = new Map<string, InstanceFact>();
  for (const asked of question.instances) {
    instances.set(asked.id, instanceFact(asked, { question, sections, units, processes, paths, listeners, bootS, boot }));
  }
  const ours = new Set([...instances.values()].flatMap(({ process }) => (process === undefined ? [] : [process.pid])));
  return {
    host: question.host,
    os: Object.fromEntries(all("os").map(({ rest }) => [rest.split(" ")[0] ?? "", rest.split(" ").slice(1).join(" ")])),
    arch,
    libc: first("libc")?.rest ?? "",
    kernel,
    uid: Number(id?.[1] ?? -1),
    userName: id?.[2] ?? id?.[1] ?? "",
    groupName: id?.[4] ?? id?.[3] ?? "",
    systemd: numberOf(/^systemd (\d+)/.exec(first("systemd")?.rest ?? "")?.[1]),
    selinux:
      ({ "1": "enforcing", "0": "permissive" }[first("selinux")?.rest ?? ""] as "enforcing" | "permissive" | undefined) ?? "disabled",
    firewalld: {
      running: first("firewall") !== undefined,
      ports: [...(first("firewall")?.body ?? "").matchAll(/<port\b[^>]*>/g)].map(
        ([tag]) => `${attribute(tag, "port")}/${attribute(tag, "protocol")}`,
      ),
    },
    // A file that stands in for the kernel's reads `never`, the kernel's own `always madvise [never]`.
    thp: thp === null ? undefined : { writable: thp[1] === "yes", mode: /\[(\w+)\]/.exec(thp[2] ?? "")?.[1] ?? (thp[2] ?? "").trim() },
    noFileHard: hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard),
    sysctl: parseSysctls(first("sysctls")?.body ?? "", new Set(all("writable").map(({ rest }) => rest))),
    memoryMiB: Math.floor(Number(first("memory")?.rest ?? 0) / 1024),
    swapMiB: Math.floor(Number(first("swap")?.rest ?? 0) / 1024),
    freeMiB: { prefix: free[0] ?? 0, build: free[1] ?? 0 },
    clockMs,
    commands: new Set(all("command").map(({ rest }) => rest)),
    packages: new Set(
      all("packages").flatMap(({ body }) => [...body.matchAll(/^(\S+) installed$/gm)].map(([, name = ""]) => name.replace(/:.*/, ""))),
    ),
    user: parseUser(first("passwd")?.body, first("group")?.body),
    group: (first("group")?.body ?? "").includes(":"),
    paths,
    files,
    repositories: all("repository").map(({ rest }) => rest),
    build: parseBuild(files.get(`${question.bin}/build.json`), paths.get(`${question.bin}/redis-server`), problems),
    applied: parseApplied(files.get(question.applied), question.applied, problems),
    binFolder: first("bin-folder")?.body.split("\n").filter(Boolean),
    label: first("label")?.rest || undefined,
    instances,
    strangers: listeners.filter(({ pid }) => pid === undefined || !ours.has(pid)),
    problems,
  };
}

function splitSections(answer: string, mark: string): Section[] {
  const sections: Section[] = [];
  // A text starts after its line and the script ends it with one line break of its own.
  for (const part of `\n${answer}`.split(`\n${mark} `).slice(1)) {
    const end = part.indexOf("\n");
    const line = end === -1 ? part : part.slice(0, end);
    const space = line.indexOf(" ");
    sections.push({
      word: space === -1 ? line : line.slice(0, space),
      rest: space === -1 ? "" : line.slice(space + 1),
      body: end === -1 ? "" : part.slice(end + 1),
    });
  }
  return sections;
}

const KINDS: Readonly<Record<string, PathFact["kind"]>> = {
  "regular file": "file",
  "regular empty file": "file",
  directory: "folder",
  "symbolic link": "link",
};

function parsePaths(body: string, sections: readonly Section[]): ReadonlyMap<string, PathFact> {
  const links = sections.find(({ word }) => word === "links");
  const names = links?.rest.split(" ") ?? [];
  const targets = new Map((links?.body ?? "").split("\n").map((target, index) => [names[index] ?? "", target] as const));
  const paths = new Map<string, PathFact>();
  for (const line of body.split("\n")) {
    const [, mode, owner, group, bytes, modified, kind, path] = /^([0-7]+) (\S+) (\S+) (\d+) (\d+) ([^|]+)\|(.*)$/.exec(line) ?? [];
    if (mode === undefined || path === undefined) continue;
    const target = targets.get(path);
    paths.set(path, {
      kind: KINDS[kind ?? ""] ?? "other",
      mode: Number.parseInt(mode, 8),
      owner: owner ?? "",
      group: group ?? "",
      bytes: Number(bytes),
      modified: Number(modified),
      ...(target !== undefined && { target }),
    });
  }
  return paths;
}

/** `PATH:VALUE` lines of /proc/sys. */
function parseSysctls(body: string, writable: ReadonlySet<string>): HostFacts["sysctl"] {
  const lines = body.split("\n").flatMap((line) => {
    const [, path, value] = /^(\/proc\/sys\/[^:]+):(.*)$/.exec(line) ?? [];
    return path === undefined || value === undefined ? [] : [{ path, value: value.trim().replaceAll("\t", " ") }];
  });
  const nameOf = (path: string) => path.slice("/proc/sys/".length).replaceAll("/", ".");
  return new Map(lines.map(({ path, value }) => [nameOf(path), { value, writable: writable.has(path) }] as const));
}

function parseProcess({ rest, body }: Section): Process {
  const [pid = "0", start = "", ...command] = rest.split(" ");
  const [cwd = "", exe = ""] = body.split("\n");
  return { pid: Number(pid), start, command: command.join(" "), cwd, exe };
}

/** Blocks of `systemctl show`, by unit without `.service`. */
function parseUnits(body: string): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const blocks = body
    .split(/\n\s*\n/)
    .map((block) =>
      Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)])),
    );
  return new Map(blocks.flatMap((block) => (block["Id"] === undefined ? [] : [[block["Id"].replace(/\.service$/, ""), block] as const])));
}

function parseUser(passwd: string | undefined, group: string | undefined): HostFacts["user"] {
  const [name, , uid, gid, , home = "", shell = ""] = (passwd ?? "").trim().split(":");
  if (!name || uid === undefined) return undefined;
  const [groupName, , groupId] = (group ?? "").trim().split(":");
  return { uid: Number(uid), home, shell, group: groupId === gid && groupName ? groupName : (gid ?? "") };
}

function parseListener(rest: string, question: FactsQuestion, processes: ReadonlyMap<number, Process>): Listener {
  const [local = "", uid = "", pid = ""] = rest.split(" ");
  // `::` ends in the same zeros as 0.0.0.0.
  const any6 = /^0{32}:/.test(local);
  const socket = any6 ? undefined : question.sockets.find(({ address, port }) => local.endsWith(socketHex(address, port)));
  const process = pid === "" ? undefined : processes.get(Number(pid));
  return {
    address: socket?.address ?? "::",
    port: Number.parseInt(local.slice(local.lastIndexOf(":") + 1), 16),
    uid: Number(uid),
    pid: pid === "" ? undefined : Number(pid),
    command: process?.command,
    exe: process?.exe,
  };
}

interface Surroundings {
  readonly question: FactsQuestion;
  readonly sections: readonly Section[];
  readonly units: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly processes: ReadonlyMap<number, Process>;
  readonly paths: ReadonlyMap<string, PathFact>;
  readonly listeners: readonly Listener[];
  readonly bootS: number;
  readonly boot: string;
}

function instanceFact(asked: FactsQuestion["instances"][number], around: Surroundings): InstanceFact {
  const { question, processes } = around;
  const line = around.sections.find(({ word, rest }) => word === "instance" && rest.startsWith(`${asked.id}|`));
  const [, , pidText = "", record = "", restart = ""] = (line?.rest ?? "").split("|");
  const block = around.units.get(asked.unit);
  const unit = block && {
    loaded: block["LoadState"] === "loaded",
    activeState: block["ActiveState"] ?? "",
    subState: block["SubState"] ?? "",
    enabled: block["UnitFileState"] === "enabled",
    needsReload: block["NeedDaemonReload"] === "yes",
  };
  const proven = prove();
  const [restartPid, restartStart, reason] = restart.split(" ");
  const pending = proven && Number(restartPid) === proven.process.pid && restartStart === proven.process.start;
  return {
    process: proven?.process,
    provenBy: proven?.by,
    buildKey: proven && keyOfExecutable(proven.process.exe, question.prefix),
    stalePidFile: pidText !== "" && proven?.process.pid !== Number(pidText),
    unit,
    restartPending: pending ? (reason === "unit-changed" ? "unit-changed" : "configuration") : undefined,
  };

  function prove(): { process: Process; by: InstanceFact["provenBy"] } | undefined {
    const main = processes.get(Number(block?.["MainPID"] ?? 0));
    if (main !== undefined) return { process: main, by: "unit" };
    // Under systemd a process outside of its unit is not ours to manage, whatever it is.
    if (question.managesHost) return undefined;
    const fits = (process: Process | undefined): process is Process =>
      process !== undefined && isOurs(process.exe, question.prefix) && process.cwd === asked.workingFolder;
    const [recordPid, recordStart, recordBoot] = record.split(" ");
    const recorded = processes.get(Number(recordPid));
    if (fits(recorded) && recorded.start === recordStart && recordBoot === around.boot) return { process: recorded, by: "record" };
    const named = processes.get(Number(pidText || 0));
    const written = around.paths.get(asked.pidFile)?.modified ?? 0;
    if (fits(named) && around.bootS + Number(named.start) / TICKS <= written + START_SLACK_S) return { process: named, by: "pid-file" };
    const listening = around.listeners
      .filter(({ port, address }) => port === asked.port && address !== "0.0.0.0")
      .map(({ pid }) => processes.get(pid ?? 0))
      .find(fits);
    return listening && { process: listening, by: "listener" };
  }
}

/** Whether an executable is one of our builds; the kernel adds ` (deleted)` when its file was replaced (proc(5)). */
export function isOurs(exe: string, prefix: string): boolean {
  const path = exe.replace(/ \(deleted\)$/, "");
  return path.startsWith(`${prefix}/builds/`) || path.startsWith(`${prefix}/bin/`);
}

function keyOfExecutable(exe: string, prefix: string): string | undefined {
  const path = exe.replace(/ \(deleted\)$/, "");
  return path.startsWith(`${prefix}/builds/`)
    ? path
        .slice(`${prefix}/builds/`.length)
        .split("/")[0]
        ?.replace(/\.old$/, "")
    : undefined;
}

function parseBuild(text: string | undefined, server: PathFact | undefined, problems: string[]): BuildStamp | undefined {
  if (text === undefined) return undefined;
  const stamp = parseJson(text);
  const files = isRecord(stamp) && isRecord(stamp["files"]) ? stamp["files"] : undefined;
  if (!isRecord(stamp) || typeof stamp["key"] !== "string" || typeof stamp["version"] !== "string" || files === undefined) {
    problems.push("the manifest of the installed build (build.json) cannot be read; Redis is installed again");
    return undefined;
  }
  if (server?.bytes !== files["redis-server"]) {
    problems.push(
      `redis-server has ${server?.bytes ?? 0} bytes, not the ${String(files["redis-server"])} of its manifest; Redis is installed again`,
    );
    return undefined;
  }
  return { key: stamp["key"], version: stamp["version"], files: files as Record<string, number> };
}

/** Reads applied.json; what is wrong with it is added to `problems`, and it counts as empty. */
export function parseApplied(text: string | undefined, path: string, problems: string[]): AppliedStamp {
  const empty: AppliedStamp = { files: {}, packages: [], folders: [] };
  if (text === undefined) return empty;
  const stamp = parseJson(text);
  if (!isRecord(stamp) || !isRecord(stamp["files"]) || !Array.isArray(stamp["packages"]) || !Array.isArray(stamp["folders"])) {
    problems.push(`${path} cannot be read; redis-lab no longer knows which directives it wrote, so removed settings stay in place`);
    return empty;
  }
  const files = Object.entries(stamp["files"]).map(([file, entry]) => {
    const owned = isRecord(entry) && Array.isArray(entry["owned"]) ? entry["owned"].map(String) : [];
    return [file, { owned }] as const;
  });
  return { files: Object.fromEntries(files), packages: stamp["packages"].map(String), folders: stamp["folders"].map(String) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function attribute(tag: string, name: string): string {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
