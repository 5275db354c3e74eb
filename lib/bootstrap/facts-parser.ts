import type { Product } from "../redis/products/product.ts";
import { Version } from "../redis/version.ts";
import type { AppliedStamp, BuildStamp, HostFacts, InstanceFact, Listener, PathFact, UnitFact } from "./facts.ts";
import { type FactsQuestion, hostHex } from "./facts-script.ts";
import { isOurs, keyOfExecutable, labOfFile } from "./ownership.ts";

/** One line `MARK word rest` of the answer with the lines that follow it. */
interface Section {
  readonly word: string;
  readonly rest: string;
  readonly body: string;
}

type Process = NonNullable<InstanceFact["process"]>;
type UnitBlocks = ReadonlyMap<string, Readonly<Record<string, string>>>;

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
  const paths = parsePaths(first("paths")?.body ?? "", first("links")?.body ?? "", question.links);
  const files = new Map(all("text").map(({ rest, body }) => [rest, body] as const));
  const free = (first("free")?.body ?? "").split("\n").flatMap((line) => {
    const available = / (\d+) +\d+% /.exec(line)?.[1];
    return available === undefined ? [] : [Math.floor(Number(available) / 1024)];
  });
  const boot = first("boot")?.rest ?? "";
  const processes = new Map(
    all("process")
      .map((section) => parseProcess(section, boot))
      .map((process) => [process.pid, process] as const),
  );
  const units = parseUnits(first("units")?.body ?? "");
  const thp = /^(yes|no) (.*)$/.exec(first("thp")?.rest ?? "");
  const hard = first("nofile")?.rest ?? "0";
  const listeners = all("listener").map(({ rest }) => parseListener(rest, question, processes));

  const instances = new Map<string, InstanceFact>();
  for (const asked of question.instances) {
    instances.set(asked.id, instanceFact(asked, { question, sections, units, processes, paths, files, listeners, bootS }));
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
      // A rule is for some addresses alone, or closes the port.
      ports: [...(first("firewall")?.body ?? "").replaceAll(/<rule\b[^>]*?(?:\/>|>[\s\S]*?<\/rule>)/g, "").matchAll(/<port\b[^>]*>/g)].map(
        ([tag]) => `${attribute(tag, "port")}/${attribute(tag, "protocol")}`,
      ),
    },
    // A file that stands in for the kernel's reads `never`, the kernel's own `always madvise [never]`.
    thp: thp === null ? undefined : { writable: thp[1] === "yes", mode: /\[(\w+)\]/.exec(thp[2] ?? "")?.[1] ?? (thp[2] ?? "").trim() },
    thpUnit: thpUnitFact(units.get(question.thpUnit.replace(/\.service$/, ""))),
    noFileHard: hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard),
    sysctl: parseSysctls(first("sysctls")?.body ?? "", new Set(all("writable").map(({ rest }) => rest))),
    sysctlLines: parseSysctlLines(first("sysctl-lines")?.body ?? ""),
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
    build: parseBuild(
      files.get(`${question.bin}/build.json`),
      question.product,
      (program) => paths.get(`${question.bin}/${program}`),
      problems,
    ),
    applied: parseApplied(files.get(question.applied), question.applied, problems),
    binFolder: first("bin-folder")?.body.split("\n").filter(Boolean),
    label: first("label")?.rest || undefined,
    instances,
    labs: new Set((first("labs")?.body ?? "").split("\n").flatMap((line) => labOfFile(line) ?? [])),
    foreignListeners: listeners.filter(({ pid }) => pid === undefined || !ours.has(pid)),
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

/** `stat` lines, and where the links among `asked` point, one line each in that order: a path may hold blanks. */
function parsePaths(body: string, targets: string, asked: readonly string[]): ReadonlyMap<string, PathFact> {
  const paths = new Map<string, PathFact>();
  for (const line of body.split("\n")) {
    const [, mode, owner, group, bytes, modified, kind, path] = /^([0-7]+) (\S+) (\S+) (\d+) (\d+) ([^|]+)\|(.*)$/.exec(line) ?? [];
    if (mode === undefined || path === undefined) continue;
    paths.set(path, {
      kind: KINDS[kind ?? ""] ?? "other",
      mode: Number.parseInt(mode, 8),
      owner: owner ?? "",
      group: group ?? "",
      bytes: Number(bytes),
      modified: Number(modified),
    });
  }
  const lines = targets.split("\n");
  const links = asked.filter((link) => paths.get(link)?.kind === "link");
  for (const [index, link] of links.entries()) {
    const fact = paths.get(link);
    const target = lines[index];
    if (fact !== undefined && target) paths.set(link, { ...fact, target });
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

/** `PATH:LINE:NAME = VALUE` as grep says it. */
function parseSysctlLines(body: string): HostFacts["sysctlLines"] {
  return body.split("\n").flatMap((text) => {
    const [, path, line, name, value] = /^(\/[^:]+):(\d+):\s*-?([^\s=]+)\s*=\s*(.*?)\s*$/.exec(text) ?? [];
    if (path === undefined || name === undefined || value === undefined) return [];
    return [{ path, line: Number(line), name: name.replaceAll("/", "."), value: value.replaceAll(/\s+/g, " ") }];
  });
}

function parseProcess({ rest, body }: Section, boot: string): Process {
  const [pid = "0", start = "", ...command] = rest.split(" ");
  const [cwd = "", exe = ""] = body.split("\n");
  return { pid: Number(pid), start, boot, command: command.join(" "), cwd, exe };
}

/** Blocks of `systemctl show`, by unit without `.service`, under each of its names: what is asked for under an alias is answered under the name of the unit. */
function parseUnits(body: string): UnitBlocks {
  const blocks = body
    .split(/\n\s*\n/)
    .map((block) =>
      Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)])),
    );
  return new Map(
    blocks.flatMap((block) =>
      [block["Id"] ?? "", ...(block["Names"] ?? "").split(" ")]
        .filter((name) => name.endsWith(".service"))
        .map((name) => [name.replace(/\.service$/, ""), block] as const),
    ),
  );
}

function parseUser(passwd: string | undefined, group: string | undefined): HostFacts["user"] {
  const [name, , uid, gid, , home = "", shell = ""] = (passwd ?? "").trim().split(":");
  if (!name || uid === undefined) return undefined;
  const [groupName, , groupId] = (group ?? "").trim().split(":");
  return { uid: Number(uid), home, shell, group: groupId === gid && groupName ? groupName : (gid ?? "") };
}

function parseListener(rest: string, question: FactsQuestion, processes: ReadonlyMap<number, Process>): Listener {
  const [local = "", uid = "", pid = "", unit = ""] = rest.split(" ");
  // `::` ends in the same zeros as 0.0.0.0.
  const any6 = /^0{32}:/.test(local);
  const socket = any6 ? undefined : question.sockets.find(({ address, port }) => local.endsWith(hostHex(address, port)));
  const process = pid === "" ? undefined : processes.get(Number(pid));
  return {
    address: socket?.address ?? "::",
    port: Number.parseInt(local.slice(local.lastIndexOf(":") + 1), 16),
    uid: Number(uid),
    pid: pid === "" ? undefined : Number(pid),
    command: process?.command,
    exe: process?.exe,
    unit: unit || undefined,
  };
}

interface Surroundings {
  readonly question: FactsQuestion;
  readonly sections: readonly Section[];
  readonly units: UnitBlocks;
  readonly processes: ReadonlyMap<number, Process>;
  readonly paths: ReadonlyMap<string, PathFact>;
  readonly files: ReadonlyMap<string, string>;
  readonly listeners: readonly Listener[];
  /** Time of the boot, in seconds since the epoch. */
  readonly bootS: number;
}

function instanceFact(asked: FactsQuestion["instances"][number], around: Surroundings): InstanceFact {
  const { question, processes } = around;
  const line = around.sections.find(({ word, rest }) => word === "instance" && rest.startsWith(`${asked.id}|`));
  const [, , pidText = "", record = "", restart = ""] = (line?.rest ?? "").split("|");
  const unit = unitFact(asked, around);
  const proven = question.managesHost ? ofUnit(unit) : ofDaemon();
  const [restartPid, restartStart, restartBoot, reason] = restart.split(" ");
  const marked = proven?.process;
  const pending = marked !== undefined && Number(restartPid) === marked.pid && restartStart === marked.start && restartBoot === marked.boot;
  return {
    process: proven?.process,
    provenBy: proven?.by,
    buildKey: proven && keyOfExecutable(proven.process.exe, question.prefix),
    stalePidFile: pidText !== "" && proven?.process.pid !== Number(pidText),
    unit,
    restartPending: pending ? (reason === "unit-changed" ? "unit-changed" : "configuration") : undefined,
  };

  /** Under systemd a process outside of our unit is not ours to manage, whatever it is; and one in our unit that runs something else is not what we started. */
  function ofUnit(fact: UnitFact | undefined): Proven | undefined {
    const main = fact?.lab === question.lab ? fact.main : undefined;
    return main !== undefined && isOurs(main.exe, question.prefix) ? { process: main, by: "unit" } : undefined;
  }

  /** The folder in which it works proves nothing: CONFIG SET dir changes it. */
  function ofDaemon(): Proven | undefined {
    const fits = (process: Process | undefined): process is Process => process !== undefined && isOurs(process.exe, question.prefix);
    const [recordPid, recordStart, recordBoot] = record.split(" ");
    const recorded = processes.get(Number(recordPid));
    if (fits(recorded) && recorded.start === recordStart && recordBoot === recorded.boot) return { process: recorded, by: "record" };
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

interface Proven {
  readonly process: Process;
  readonly by: InstanceFact["provenBy"];
}

function unitFact(asked: FactsQuestion["instances"][number], { units, files, processes }: Surroundings): UnitFact | undefined {
  const block = units.get(asked.unit);
  if (block === undefined) return undefined;
  const file = block["FragmentPath"] ?? "";
  return {
    name: block["Id"] ?? "",
    file,
    loadState: block["LoadState"] ?? "",
    lab: labOfFile(files.get(file)),
    main: processes.get(Number(block["MainPID"] ?? 0)),
    activeState: block["ActiveState"] ?? "",
    subState: block["SubState"] ?? "",
    enabled: block["UnitFileState"] === "enabled",
    needsReload: block["NeedDaemonReload"] === "yes",
  };
}

function thpUnitFact(block: Readonly<Record<string, string>> | undefined): HostFacts["thpUnit"] {
  if (block === undefined || block["LoadState"] === "not-found") return undefined;
  return { enabled: block["UnitFileState"] === "enabled", needsReload: block["NeedDaemonReload"] === "yes" };
}

function parseBuild(
  text: string | undefined,
  product: Product,
  installed: (program: string) => PathFact | undefined,
  problems: string[],
): BuildStamp | undefined {
  if (text === undefined) return undefined;
  const stamp = parseJson(text);
  const files = isRecord(stamp) && isRecord(stamp["files"]) ? stamp["files"] : undefined;
  if (!isRecord(stamp) || typeof stamp["key"] !== "string" || typeof stamp["version"] !== "string" || files === undefined) {
    problems.push(`the manifest of the installed build (build.json) cannot be read; ${product.title} is installed again`);
    return undefined;
  }
  const { server } = product.programs;
  const bytes = installed(server)?.bytes;
  if (bytes !== files[server]) {
    problems.push(
      `${server} has ${bytes ?? 0} bytes, not the ${String(files[server])} of its manifest; ${product.title} is installed again`,
    );
    return undefined;
  }
  return { key: stamp["key"], version: Version.of(product, stamp["version"]), files: files as Record<string, number> };
}

/** Reads applied.json; what is wrong with it is added to `problems`, and it counts as empty. */
export function parseApplied(text: string | undefined, path: string, problems: string[]): AppliedStamp {
  const empty: AppliedStamp = { files: {}, packages: [], folders: [], kernel: {} };
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
  const kernel = Object.entries(isRecord(stamp["kernel"]) ? stamp["kernel"] : {}).map(([name, value]) => [name, String(value)] as const);
  return {
    files: Object.fromEntries(files),
    packages: stamp["packages"].map(String),
    folders: stamp["folders"].map(String),
    kernel: Object.fromEntries(kernel),
    ...(Array.isArray(stamp["ports"]) && { ports: stamp["ports"].map(String) }),
  };
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
