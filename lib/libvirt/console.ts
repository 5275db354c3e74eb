import { stripVTControlCharacters } from "node:util";
import { startProgram } from "../base/process.ts";
import { sh } from "../connection/quote.ts";
import type { Vm } from "../lab/vms.ts";
import { connectUri } from "./uri.ts";
import { virshEnvironment } from "./virsh.ts";

/** How many of the last lines are kept. */
const LINES = 60;

/** Longest line that is kept, in characters: a guest that draws without line breaks shall not fill our memory. */
const LONGEST_LINE = 1_000;

/** A serial console that is listened to. */
export interface ConsoleWatch {
  /** The last lines that the guest wrote since the watch began, without control characters; none while it was silent. */
  last(): readonly string[];
  /** What cloud-init wrote of the host keys since the watch began: keys and fingerprints, without its marks. */
  hostKeys(): readonly string[];
  /** Why there is no capture, as a sentence without an end; undefined while there is one. */
  trouble(): string | undefined;
  /** Ends the listening with all its processes. A second call changes nothing. */
  stop(): Promise<void>;
}

export interface ConsoleOptions {
  readonly signal?: AbortSignal | undefined;
  /** Program that gives virsh the terminal that it insists on: util-linux's. @default script */
  readonly scriptProgram?: string;
}

/**
 * Listens to the serial console of a VM, to show its last lines when it never answers SSH. It only listens: nothing is typed, and a user who looks at the console already is left alone
 * (no --force). Never throws: without `script` or virsh, with a busy console or without one there is a reason instead of lines.
 */
export function watchConsole(vm: Pick<Vm, "domainName" | "hypervisor">, options: ConsoleOptions = {}): ConsoleWatch {
  const lines = new ConsoleLines();
  const { scriptProgram = "script" } = options;
  // `script -c` takes a command line for sh.
  const command = sh`exec virsh -q -c ${connectUri(vm.hypervisor.uri)} console --domain ${vm.domainName}`;
  let over = false;
  let failure: string | undefined;
  const child = startProgram(scriptProgram, ["-q", "-e", "-f", "-c", command, "/dev/null"], {
    environment: { ...virshEnvironment(), TERM: "dumb", SHELL: "/bin/sh" },
    // At the end of its input script would close the terminal.
    input: { open: true },
    // virsh is in a session of its own. It ends when its terminal is gone, and that is at once when script is killed; script itself takes two seconds over a SIGTERM.
    stopBy: "SIGKILL",
    onStdout: (chunk) => lines.push(chunk.toString("latin1")),
    onStderr: (chunk) => lines.push(chunk.toString("latin1")),
  });
  void child.ended.then(({ exitCode, failure: notStarted }) => {
    if (over) return;
    failure =
      notStarted?.reason === "absent"
        ? `there is no ${scriptProgram} on this computer (package util-linux, on Debian bsdutils)`
        : notStarted !== undefined
          ? notStarted.text
          : reasonIn(lines.last(), exitCode);
  });
  const stop = async () => {
    over = true;
    options.signal?.removeEventListener("abort", onAbort);
    await child.stop();
  };
  const onAbort = () => void stop();
  options.signal?.addEventListener("abort", onAbort, { once: true });
  return { last: () => lines.last().filter((line) => !isVirshs(line)), hostKeys: () => lines.hostKeys(), trouble: () => failure, stop };
}

/** Why `virsh console` ended, by its own words (virsh-console.c, and the shell's when it is missing). */
function reasonIn(lines: readonly string[], exitCode: number | null): string {
  const text = lines.join("\n");
  if (/Active console session exists/.test(text)) return "another client has the console open";
  if (/virsh: (command )?not found|virsh: No such file/.test(text)) return "there is no virsh on this computer (package libvirt-clients)";
  if (/domain is not running/.test(text)) return "the VM is not running";
  if (/cannot find character device|character device .* is not using a PTY/.test(text)) return "the VM has no serial console of type pty";
  const error = lines.find((line) => line.startsWith("error: "));
  return error === undefined ? `listening ended with exit code ${exitCode ?? "none"}` : error.slice("error: ".length);
}

/** Lines of virsh itself. */
function isVirshs(line: string): boolean {
  return /^(Connected to domain '|Escape character is \^\]|error: |sh: .*virsh: |Authorization not available\. Check if polkit)/.test(line);
}

/** `[ ***  ] Job networking.service/start running (37s / 5min 11s)` */
const SPINNER = /^\[[ *]{6}\] /;

/** Keeps the last lines of what a serial console sends. */
export class ConsoleLines {
  private readonly done: string[] = [];
  private readonly keys: string[] = [];
  private amongKeys = false;
  private current = "";

  push(text: string): void {
    const parts = (this.current + text).split("\n");
    this.current = (parts.pop() ?? "").slice(-4 * LONGEST_LINE);
    for (const part of parts) this.keep(part);
  }

  last(): readonly string[] {
    const rest = clean(this.current);
    return [...this.done, ...(rest === "" ? [] : [rest])].slice(-LINES);
  }

  /** Lines between the marks of cloud-init (write-ssh-key-fingerprints), of all that was pushed. */
  hostKeys(): readonly string[] {
    return this.keys;
  }

  private keep(line: string): void {
    const text = clean(line);
    if (text === "") return;
    const mark = /-----(BEGIN|END) SSH HOST KEY (?:FINGERPRINTS|KEYS)-----/.exec(text);
    if (mark !== null) this.amongKeys = mark[1] === "BEGIN";
    else if (this.amongKeys && this.keys.length < LINES) this.keys.push(text);
    // systemd tells of a job that waits twice a second.
    if (SPINNER.test(text) && SPINNER.test(this.done.at(-1) ?? "")) this.done.pop();
    this.done.push(text);
    if (this.done.length > LINES) this.done.shift();
  }
}

/** One line as a person would have seen it last: without colours and cursor movements, and after a carriage return only what was written over. */
function clean(line: string): string {
  const utf8 = Buffer.from(line, "latin1").toString("utf8");
  const shown = stripVTControlCharacters(utf8).replace(/\r+$/, "").split("\r").at(-1) ?? "";
  return [...shown]
    .filter((char) => char === "\t" || char.charCodeAt(0) >= 0x20)
    .join("")
    .trimEnd()
    .slice(0, LONGEST_LINE);
}
