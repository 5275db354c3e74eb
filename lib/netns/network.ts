import { readdir, readlink, stat } from "node:fs/promises";
import { makeFolder } from "../base/atomic.ts";
import { startLasting } from "../base/lasting-process.ts";
import { plainEnvironment, runProgram } from "../base/process.ts";
import { type HostPlace, PATH_TAIL } from "../connection/local.ts";
import { RemoteDialler } from "../connection/remote-dial.ts";
import type { Dialled } from "../connection/sockets.ts";
import { CLIENT_NAMESPACE, type NamespacePlan, planNamespaces } from "../lab/namespaces.ts";
import type { Lab } from "../lab/schema.ts";
import { assertAvailable } from "./availability.ts";
import { filesBelowDisk, hiddenFolder, holderFailed, networkDown, networkNotChanged, ofAnotherUser } from "./errors.ts";
import { findHolders } from "./find-holders.ts";
import { endHolder, forgetHolder, identify, type NetworkHolder, readHolder, rememberHolder } from "./holder.ts";
import { APART, adaptScript, type Disk, HOLDER_NAME, holderScript, inFolder, takeOutScript, unmountScript } from "./scripts.ts";

/** Where something runs within the network of a lab: on a host, or where clients are. */
export type Whereabouts = { readonly host: string } | "client";

export interface NetworkOptions {
  readonly lab: Lab;
  /** Folder of the lab on its target. */
  readonly folder: string;
  /** Its file in which the holder is remembered. */
  readonly file: string;
  /** File systems of bounded size. @default none */
  readonly disks?: readonly Disk[];
  readonly signal?: AbortSignal | undefined;
}

/** What the end of nothing at all is: the network is down, so nobody listens. */
const NOBODY: Dialled = { failure: "refused", cause: undefined };

/** The network of one lab on this computer: namespaces that a process of its own holds, or what is to become that. */
export class LabNetwork {
  private readonly options: NetworkOptions;
  private readonly plan: NamespacePlan;
  private holder: NetworkHolder | undefined;
  private readonly diallers = new Map<string, RemoteDialler>();

  private constructor(options: NetworkOptions, plan: NamespacePlan, holder: NetworkHolder | undefined) {
    this.options = options;
    this.plan = plan;
    this.holder = holder;
  }

  /**
   * Finds the network of a lab; where there is none, makes sure that there can be one.
   *
   * @throws LabError `netns.*`, `lab.no-free-address`, `lab.host-named-client`
   */
  static async open(options: NetworkOptions): Promise<LabNetwork> {
    const { lab, folder, file, signal } = options;
    const plan = planNamespaces(lab);
    await assertOwn(lab.name, folder);
    if (/^\/(var\/)?run\//.test(`${folder}/`)) throw hiddenFolder(folder);
    const holder = await readHolder(lab.name, file);
    if (holder === undefined) await assertAvailable(environment(), signal);
    return new LabNetwork(options, plan, holder);
  }

  get isUp(): boolean {
    return this.holder !== undefined;
  }

  /**
   * Makes it, or brings it to what the lab declares.
   *
   * @returns what was done, for people; undefined where nothing was to be done
   * @throws LabError `netns.not-made`, `netns.not-changed`
   */
  async raise(): Promise<string | undefined> {
    const { lab, file, disks = [], signal } = this.options;
    const made = this.made(this.plan);
    if (this.holder?.made === made) return undefined;
    for (const { folder } of disks) {
      await makeFolder(folder);
      // Seen from outside: below a file system that is mounted already.
      if ((await readdir(folder)).length > 0) throw filesBelowDisk(lab.name, folder);
    }
    if (this.holder !== undefined) return this.adapt(this.holder, made);
    await makeFolder(this.options.folder);
    const [program, ...args] = APART;
    // By environment, so that a list of processes stays readable.
    const words = ["sh", "-c", 'eval "$REDIS_LAB_SCRIPT"', HOLDER_NAME, this.options.folder];
    const script = { REDIS_LAB_SCRIPT: holderScript(this.plan, disks) };
    const started = await startLasting(program, [...args, ...words], { environment: { ...environment(), ...script }, signal });
    if ("failure" in started) throw holderFailed(lab.name, started.failure);
    const found = await identify(Number(started.said));
    if (found === undefined) {
      started.leave();
      throw holderFailed(lab.name, "it ended at once");
    }
    try {
      const holder = { process: found, made };
      // Remembered before it is ordered to stay: one that is not known ends with this process.
      await rememberHolder(file, holder);
      await started.keep();
      this.holder = holder;
    } catch (error) {
      started.leave();
      throw error;
    }
    return `${this.plan.namespaces.length} namespaces, process ${found.pid}`;
  }

  /** Ends everything in it. @returns whether there was something to end. @throws LabError `netns.not-ended` */
  async remove(): Promise<boolean> {
    const { lab, file } = this.options;
    const { holder } = this;
    this.close();
    if (holder !== undefined) await endHolder(lab.name, holder.process);
    this.holder = undefined;
    await forgetHolder(file);
    return holder !== undefined;
  }

  /** What stands before a program that is to run within it. @param folder in which it runs. @default that of this process @throws LabError `netns.down` */
  enter(where: Whereabouts = "client", folder = process.cwd()): readonly string[] {
    if (this.holder === undefined) throw networkDown(this.options.lab.name);
    return [...this.into(this.holder, where), ...inFolder(folder)];
  }

  /** Lets the file system of a host go that leaves, so that its folder can be removed. @throws LabError `netns.not-changed` */
  async unmount(host: string): Promise<void> {
    const disk = this.options.disks?.find((each) => each.host === host);
    if (this.holder !== undefined && disk !== undefined) await this.within(this.holder, unmountScript(disk));
  }

  /** Takes a host out that has left. Nothing is done where it is not there. @throws LabError `netns.not-changed` */
  async takeOut(host: string): Promise<void> {
    const namespace = this.plan.namespaces.find(({ name }) => name === host);
    if (this.holder === undefined || namespace === undefined) return;
    await this.within(this.holder, takeOutScript(namespace));
    const rest = { ...this.plan, namespaces: this.plan.namespaces.filter(({ name }) => name !== host) };
    this.holder = { ...this.holder, made: this.made(rest, host) };
    await rememberHolder(this.options.file, this.holder);
  }

  /** A host of the lab, for a connection. While the network is down, scripts run apart from everything: they find no process and no port. */
  placeOf(host: string): HostPlace {
    const dialled = (name: string, enter: (holder: NetworkHolder) => readonly string[]): HostPlace["dial"] => {
      return async (address, port, timeoutMs, signal) => {
        const { holder } = this;
        return holder === undefined ? NOBODY : this.dialler(name, () => enter(holder)).dial(address, port, timeoutMs, signal);
      };
    };
    return {
      enter: () => (this.holder === undefined ? [...APART, "--mount-proc", "--"] : this.into(this.holder, { host })),
      pathOf: (path) => (this.holder === undefined ? path : `/proc/${this.holder.process.pid}/root${path}`),
      dial: dialled("control", controlOf),
      probe: dialled(`host ${host}`, (holder) => netOf(holder, host)),
    };
  }

  /** The mount namespace of all that runs in it; undefined while it is down. */
  async mounts(): Promise<string | undefined> {
    return this.holder && (await readlink(`/proc/${this.holder.process.pid}/ns/mnt`).catch(() => undefined));
  }

  /** Ends networks that were made for this lab and of which it knows no more, as its files were deleted. Servers in them have to be stopped before. */
  async endOthers(): Promise<void> {
    const { lab, folder } = this.options;
    for (const { pid, folder: of } of await findHolders()) {
      if (of !== folder || pid === this.holder?.process.pid) continue;
      const found = await identify(pid);
      if (found !== undefined) await endHolder(lab.name, found);
    }
  }

  /** Ends what this process has running in it. */
  close(): void {
    for (const dialler of this.diallers.values()) dialler.close();
    this.diallers.clear();
  }

  /** A network in one text, to compare. */
  private made(plan: NamespacePlan, without?: string): string {
    return JSON.stringify([plan, (this.options.disks ?? []).filter(({ host }) => host !== without)]);
  }

  private into(holder: NetworkHolder, where: Whereabouts): readonly string[] {
    const name = where === "client" ? CLIENT_NAMESPACE : where.host;
    return [...netOf(holder, name).slice(0, -1), "--mount", "--pid", "--"];
  }

  private dialler(name: string, enter: () => readonly string[]): RemoteDialler {
    const found = this.diallers.get(name) ?? new RemoteDialler(enter);
    this.diallers.set(name, found);
    return found;
  }

  private async adapt(holder: NetworkHolder, made: string): Promise<string | undefined> {
    const names = (await this.within(holder, adaptScript(this.plan, this.options.disks ?? []))).split("\n").filter(Boolean);
    this.holder = { ...holder, made };
    await rememberHolder(this.options.file, this.holder);
    return names.length === 0 ? undefined : names.join(", ");
  }

  /** @returns what the script said */
  private async within(holder: NetworkHolder, script: string): Promise<string> {
    const { lab, signal } = this.options;
    const [program = "", ...args] = [...controlOf(holder).slice(0, -1), "--mount", "--pid", "--", "sh", "-c", script];
    const result = await runProgram(program, args, { environment: environment(), timeoutMs: 60_000, signal });
    if (result.exitCode !== 0) throw networkNotChanged(lab.name, result.failure?.text ?? result.stderr.trim());
    return result.stdout;
  }
}

/** In the network of the bridge, from which every host is reached whatever is cut between them. */
function controlOf({ process: { pid } }: NetworkHolder): readonly string[] {
  return ["nsenter", "--target", String(pid), "--user", "--preserve-credentials", "--net", "--"];
}

/** In the network of one namespace; the rest is that of the caller. Its file is in the lab's own /run. */
function netOf({ process: { pid } }: NetworkHolder, name: string): readonly string[] {
  const net = `--net=/proc/${pid}/root/run/netns/${name}`;
  return ["nsenter", "--target", String(pid), "--user", "--preserve-credentials", net, "--"];
}

/** sbin holds `ip` on some systems, and is missing on the PATH of ordinary users there. */
function environment(): NodeJS.ProcessEnv {
  const path = [process.env["PATH"], PATH_TAIL].filter(Boolean).join(":");
  return { ...plainEnvironment(), PATH: path, LC_ALL: "C" };
}

/** Root itself is a stranger in the user namespace of another user. */
async function assertOwn(lab: string, folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found !== undefined && found.uid !== process.geteuid?.()) throw ofAnotherUser(lab, found.uid);
}
