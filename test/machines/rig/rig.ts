import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CommandResult, run, tryRun } from "../../support/command.ts";
import { killCgroup, removeCgroup } from "./cgroup.ts";
import { Machine, type MachineSpec } from "./machine.ts";
import { CONTROL_ADDRESS, type WorldContext, worldContext } from "./world.ts";

export type { CommandResult } from "../../support/command.ts";
export type { Machine, MachineSpec } from "./machine.ts";

/** The seven hosts of the shipped labs. */
export const SEVEN = ["redis-18", "redis-28", "redis-38", "redis-48", "redis-58", "redis-68", "redis-78"] as const;
/** A host to be added to a lab. */
export const SPARE = "redis-88";
/** A machine to jump over; sshd's defaults allow it. */
export const JUMP: MachineSpec = { name: "jump", address: "192.168.1.9" };

/** The computer that runs the tests, as an end of a blocked line. */
export const CONTROL = "control";

export interface RigOptions {
  /** Names (`redis-NN` at 192.168.1.NN) or whole machines. @default SEVEN */
  readonly machines?: readonly (string | MachineSpec)[];
  /** Machines given by name have no compiler, only a package source with one. @default false */
  readonly bare?: boolean;
}

/** Undoes what returned it. */
export type Undo = () => Promise<void>;

/** Machines for one test file: started bare in a few seconds, gone after `stop`. */
export class Rig {
  /** By name. */
  readonly machines: Readonly<Record<string, Machine>>;
  /** Private key that every user of every machine accepts. */
  readonly keyFile: string;
  /** `root`; `sudo` may run anything as root without a password; `plain` may not. */
  readonly users = { root: "root", sudo: "centos", plain: "guest" } as const;
  readonly user = "root";

  constructor(machines: readonly Machine[], keyFile: string) {
    this.machines = Object.fromEntries(machines.map((machine) => [machine.name, machine]));
    this.keyFile = keyFile;
  }

  machine(name: string): Machine {
    const machine = this.machines[name];
    if (machine === undefined) throw new Error(`the rig has no machine ${name}, only ${Object.keys(this.machines).join(" ")}`);
    return machine;
  }

  /** Runs a function for all machines at once. */
  async each<T>(task: (machine: Machine) => Promise<T>): Promise<T[]> {
    return Promise.all(Object.values(this.machines).map(task));
  }

  /** All machines bare again, in about the time of one. */
  async reset(): Promise<void> {
    await this.unblock();
    await this.each((machine) => machine.reset());
  }

  /** The system's own ssh, with nothing remembered: what a user would see. */
  async ssh(
    name: string,
    command: string,
    options: { readonly user?: string; readonly jump?: string; readonly timeoutS?: number } = {},
  ): Promise<CommandResult> {
    const args = [
      "-F",
      "/dev/null",
      "-i",
      this.keyFile,
      "-o",
      "BatchMode=yes",
      "-o",
      "IdentitiesOnly=yes",
      "-o",
      `ConnectTimeout=${options.timeoutS ?? 10}`,
    ];
    args.push("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR");
    // Not -J: the inner ssh would not have these options.
    if (options.jump !== undefined)
      args.push("-o", `ProxyCommand=ssh ${args.join(" ")} -W %h:%p root@${this.machine(options.jump).address}`);
    return tryRun("ssh", [...args, `${options.user ?? this.user}@${this.machine(name).address}`, command]);
  }

  /** Drops TCP segments to `port` of `to` that come from `from` (both by name, or CONTROL), without an answer: how a firewall looks. One way only. */
  async blockPort(from: string, to: string, port: number): Promise<Undo> {
    return this.#drop(from, to, `tcp dport ${port}`);
  }

  /** Drops everything that goes from one machine (or CONTROL) to another; one way only. */
  async blockAll(from: string, to: string): Promise<Undo> {
    return this.#drop(from, to, "");
  }

  /** Lifts every block. */
  async unblock(): Promise<void> {
    for (const hook of HOOKS) await run("nft", ["flush", "chain", "bridge", "rig", hook]);
  }

  async stop(): Promise<void> {
    await this.unblock();
    await this.each((machine) => machine.destroy());
  }

  async #drop(from: string, to: string, match: string): Promise<Undo> {
    const hook = from === CONTROL ? "output" : to === CONTROL ? "input" : "forward";
    const rule = `ip saddr ${this.#addressOf(from)} ip daddr ${this.#addressOf(to)} ${match} drop`;
    const added = await run("nft", ["--echo", "--handle", `add rule bridge rig ${hook} ${rule}`]);
    const handle = /# handle (\d+)/.exec(added)?.[1];
    if (handle === undefined) throw new Error(`nft gave no handle: ${added}`);
    return async () => {
      await tryRun("nft", ["delete", "rule", "bridge", "rig", hook, "handle", handle]);
    };
  }

  #addressOf(name: string): string {
    return name === CONTROL ? CONTROL_ADDRESS : this.machine(name).address;
  }
}

const HOOKS = ["input", "forward", "output"] as const;

/** Starts bare machines, all at once, after removing whatever an earlier test file left. */
export async function startMachines(options: RigOptions = {}): Promise<Rig> {
  const world = worldContext();
  await removeLeftovers(world);
  const keyFile = await sshKey(world);
  const publicKey = (await readFile(`${keyFile}.pub`, "utf8")).trim();
  const specs = (options.machines ?? SEVEN).map((given) => (typeof given === "string" ? specOf(given, options.bare ?? false) : given));
  const rig = new Rig(
    specs.map((spec) => new Machine(spec, world, publicKey)),
    keyFile,
  );
  try {
    await rig.reset();
  } catch (error) {
    await rig.stop();
    throw error;
  }
  return rig;
}

function specOf(name: string, bare: boolean): MachineSpec {
  const number = /-(\d+)$/.exec(name)?.[1];
  if (number === undefined) throw new Error(`${name} tells no address; give { name, address }`);
  return { name, address: `192.168.1.${number}`, bare };
}

async function sshKey(world: WorldContext): Promise<string> {
  const file = join(world.state, "id_ed25519");
  if (!existsSync(file)) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "rig", "-f", file]);
  return file;
}

/** A test file that crashed leaves its machines running. */
async function removeLeftovers(world: WorldContext): Promise<void> {
  await killCgroup(world.cgroup);
  for (const name of await readdir(world.cgroup, { withFileTypes: true })) {
    if (name.isDirectory()) await removeCgroup(join(world.cgroup, name.name));
  }
  for (const name of await readdir(join(world.state, "machines")).catch(() => [])) {
    await tryRun("umount", ["--lazy", join(world.state, "machines", name, "root")]);
    await tryRun("ip", ["netns", "del", name]);
    await run("rm", ["-rf", join(world.state, "machines", name)]);
  }
}
