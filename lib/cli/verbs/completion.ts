import { mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { writeNamedFile } from "../../base/atomic.ts";
import { LabError } from "../../base/error.ts";
import { shellQuote } from "../../connection/quote.ts";
import { instancesOf } from "../../lab/instances.ts";
import { layoutRow } from "../../lab/layouts.ts";
import { openProject } from "../../project/project.ts";
import { print } from "../../report/print.ts";
import { COMPLETION_SHELLS } from "../completion-scripts.ts";
import { type CompletionNames, completions } from "../completion-words.ts";
import { printResult } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import type { OwnHost } from "../verb.ts";

type ShellName = keyof typeof COMPLETION_SHELLS;

/** `install` is for people; `words` is what the shells ask, and never fails: a line that is being typed is no place for errors. */
export async function completion(
  host: OwnHost<"completion">,
  { shell }: { readonly shell: ShellName | undefined },
  { what, words }: { readonly what: string; readonly words: readonly string[] },
): Promise<number> {
  if (what === "words") {
    const found = await completions(host.table, words, namesHere).catch(() => []);
    print(found.map((word) => `${word}\n`).join(""));
    return EXIT.done;
  }
  if (what !== "install" && what !== "print") throw wrongUse(`"${what}" is neither install nor print.`);
  const name = shell ?? shellOf(process.env["SHELL"]);
  const { script, file, startup } = COMPLETION_SHELLS[name];
  if (what === "print") {
    print(script);
    return EXIT.done;
  }
  const target = join(process.env[file.variable] || join(homedir(), file.usual), file.name);
  await mkdir(dirname(target), { recursive: true });
  await writeNamedFile(target, script, 0o644);
  const begins = startup === undefined ? undefined : join((startup.variable && process.env[startup.variable]) || homedir(), startup.name);
  if (begins !== undefined) await addLine(begins, `. ${shellQuote(target)} # completion of redis-lab`);
  const text = [
    `${target} makes ${name} complete verbs, labs, hosts, instances and node ids${begins === undefined ? "" : `; ${begins} names it`}.`,
    "It works in shells that start from now on, where `redis-lab` is on the PATH.",
  ].join("\n");
  printResult(host, { shell: name, file: target, startup: begins }, text);
  return EXIT.done;
}

/** Once, at the end. */
async function addLine(file: string, line: string): Promise<void> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  if (text.split("\n").includes(line)) return;
  await writeNamedFile(file, `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}${line}\n`, 0o644);
}

function shellOf(path: string | undefined): ShellName {
  const name = basename(path ?? "");
  if (Object.hasOwn(COMPLETION_SHELLS, name)) return name as ShellName;
  throw wrongUse(`Your shell ${path === undefined ? "is not known (SHELL is not set)" : `is ${path}`}.`);
}

function wrongUse(what: string): LabError {
  return new LabError({
    code: "cli.completion",
    kind: "usage",
    what,
    next: "Say for which shell: redis-lab completion install --shell bash (or zsh, fish)",
  });
}

/** How long a line that is being typed waits for the nodes of a cluster, in milliseconds. */
const CONTACT_MS = 2_000;

/** The labs of the folder in which the line is typed. */
async function namesHere(): Promise<CompletionNames> {
  const project = await openProject({ from: process.cwd(), labsFile: process.env["REDIS_LAB_LABS"] });
  const { labs } = project;
  const find = (name: string) => labs.find((lab) => lab.name === name);
  return {
    labs: labs.map(({ name }) => name),
    hosts: (name) => (find(name)?.hosts ?? []).map((host) => host.name),
    instances: (name) => {
      const lab = find(name);
      return lab === undefined ? [] : instancesOf(lab).map(({ id }) => id);
    },
    nodeIds: async (name) => {
      const lab = find(name);
      if (lab === undefined || !layoutRow(lab.layout).hasSlots) return [];
      // Loaded where it is needed: names alone must not wait for clients.
      const [{ readShards }, { chooseTarget, readState, statePaths }] = await Promise.all([
        import("../../operations/cluster/read.ts"),
        import("../../project/state.ts"),
      ]);
      const target = await chooseTarget(project, lab, undefined);
      // Of one that is not up nothing is asked, and so nothing is made for it either: no password, no pin.
      if (!(await readState(statePaths(project, name, target))).live) return [];
      const signal = AbortSignal.timeout(CONTACT_MS);
      const { shards, absent } = await readShards({
        project,
        lab,
        target,
        environment: process.env,
        signal,
        emit: () => {},
        now: () => new Date(),
      });
      const live = shards.flatMap(({ master, replicas }) => [master, ...replicas].map(({ nodeId }) => nodeId));
      return [...live, ...absent.flatMap(({ nodeId }) => nodeId ?? [])];
    },
  };
}
