import { type ChildProcess, spawn } from "node:child_process";
import { chmod, chown, mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { waitFor } from "../../../lib/base/wait.ts";
import { type CommandResult, run, tryRun } from "../../support/command.ts";
import { killCgroup, makeCgroup, removeCgroup } from "./cgroup.ts";
import { BRIDGE, type WorldContext } from "./world.ts";

export interface MachineSpec {
  /** Host name; `redis-NN` has the address 192.168.1.NN unless another is given. */
  readonly name: string;
  readonly address: string;
  /** Without a compiler; its package source has one. @default false */
  readonly bare?: boolean;
}

/** How systemd-nspawn ends when the machine asked for a reboot. */
const EXIT_REBOOT = 133;
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** One Debian with systemd and sshd, on an overlay of its own and a cable (veth) of its own. */
export class Machine {
  readonly name: string;
  readonly address: string;
  /** eth0's hardware address; follows from the address, so that no neighbour's ARP entry is wrong after a reset. */
  readonly mac: string;
  readonly #bare: boolean;
  readonly #world: WorldContext;
  readonly #publicKey: string;
  readonly #folder: string;
  readonly #cable: string;
  #boots = 0;
  #nspawn: ChildProcess | undefined;
  #cgroup: string | undefined;

  constructor(spec: MachineSpec, world: WorldContext, publicKey: string) {
    this.name = spec.name;
    this.address = spec.address;
    this.#bare = spec.bare ?? false;
    this.#world = world;
    this.#publicKey = publicKey;
    this.#folder = join(world.state, "machines", spec.name);
    const numbers = spec.address.split(".").map(Number);
    this.mac = ["02", "00", ...numbers.map((number) => number.toString(16).padStart(2, "0"))].join(":");
    this.#cable = `veth-${numbers[3]}`;
  }

  get running(): boolean {
    return this.#nspawn !== undefined;
  }

  /** The machine's root folder, as seen from the computer. */
  get root(): string {
    return join(this.#folder, "root");
  }

  /** What the machine wrote to its console since it was made. */
  async console(): Promise<string> {
    return readFile(join(this.#folder, "console.log"), "utf8").catch(() => "");
  }

  /** Runs a shell command as the machine's root, not over the network; what a test looks at the machine with. A failure is an error. Returns stdout. */
  async exec(command: string): Promise<string> {
    const result = await this.tryExec(command);
    if (result.code !== 0) throw new Error(`${this.name}: ${command}: exit ${result.code}\n${result.stderr || result.stdout}`);
    return result.stdout;
  }

  async tryExec(command: string): Promise<CommandResult> {
    return tryRun("nsenter", ["-t", String(await this.#leader()), "-a", "/bin/sh", "-c", command], {
      env: { PATH, HOME: "/root", LC_ALL: "C.UTF-8" },
    });
  }

  /** Starts a machine that is off: plugs the cable in and waits until it has booted. */
  async start(): Promise<void> {
    if (this.#nspawn === undefined) await this.#boot();
    await this.linkUp();
    await this.#waitForBoot();
  }

  /** Orderly reboot from inside; resolves when it has booted again. */
  async reboot(): Promise<void> {
    const boots = this.#boots;
    await this.exec("systemctl --no-block reboot");
    await waitFor(async () => (this.#boots > boots ? { done: true, value: undefined } : { done: false, missing: "its second boot" }), {
      what: `${this.name} to reboot`,
      timeoutMs: 300_000,
    });
    await this.#waitForBoot();
  }

  /** The network goes first, so that peers see silence instead of closed connections; then everything stops at once. `start` brings it back with its disk as it was. */
  async powerCut(): Promise<void> {
    await this.linkDown();
    await this.#kill();
  }

  async linkDown(): Promise<void> {
    await run("ip", ["link", "set", this.#cable, "down"]);
  }

  async linkUp(): Promise<void> {
    await run("ip", ["link", "set", this.#cable, "up"]);
  }

  /** A new machine with the same name and address: fresh disk, new host key, booted. */
  async reset(): Promise<void> {
    await this.create();
    await this.start();
  }

  /** Makes disk and cable again, without booting. */
  async create(): Promise<void> {
    await this.#kill();
    await this.#makeDisk();
    await this.#makeCable();
  }

  /** Stops the machine and gives back what it used. */
  async destroy(): Promise<void> {
    await this.#kill();
    await tryRun("ip", ["netns", "del", this.name]);
    await tryRun("umount", ["--lazy", this.root]);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async waitForSsh(): Promise<void> {
    try {
      await waitFor(
        async () => ((await hasBanner(this.address)) ? { done: true, value: undefined } : { done: false, missing: "its greeting" }),
        {
          what: `sshd of ${this.name} (${this.address})`,
          timeoutMs: 180_000,
          intervalMs: 30,
        },
      );
    } catch (error) {
      throw new Error(`${String(error)}\nconsole:\n${(await this.console()).slice(-3000)}`);
    }
  }

  /** sshd greets before the boot has ended: until then it lets only root in (pam_nologin), and units that a test looks for may not have been started. What has failed is for a test to say, and an rc.local may never return. */
  async #waitForBoot(): Promise<void> {
    await this.waitForSsh();
    await this.tryExec("timeout 60 systemctl is-system-running --wait");
  }

  async #makeDisk(): Promise<void> {
    await tryRun("umount", ["--lazy", this.root]);
    await rm(this.#folder, { recursive: true, force: true });
    const [upper, work] = [join(this.#folder, "upper"), join(this.#folder, "work")];
    for (const folder of [upper, work, this.root]) await mkdir(folder, { recursive: true });
    const lower = this.#world.rootfs[this.#bare ? "bare" : "build"];
    await run("mount", ["-t", "overlay", "overlay", "-o", `lowerdir=${lower},upperdir=${upper},workdir=${work}`, this.root]);
    await writeFile(join(this.root, "etc/hostname"), `${this.name}\n`);
    await writeFile(join(this.root, "etc/hosts"), `127.0.0.1 localhost\n127.0.1.1 ${this.name}\n`);
    for (const type of ["ed25519", "ecdsa"]) {
      await run("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", this.name, "-f", join(this.root, `etc/ssh/ssh_host_${type}_key`)]);
    }
    for (const [home, id] of [
      ["root", 0],
      ["home/centos", 1000],
      ["home/guest", 1001],
    ] as const) {
      const folder = join(this.root, home, ".ssh");
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, "authorized_keys"), `${this.#publicKey}\n`, { mode: 0o600 });
      await chmod(folder, 0o700);
      for (const path of [folder, join(folder, "authorized_keys")]) await chown(path, id, id);
    }
  }

  async #makeCable(): Promise<void> {
    await tryRun("ip", ["link", "del", this.#cable]);
    await tryRun("ip", ["netns", "del", this.name]);
    await run("ip", ["netns", "add", this.name]);
    await run("ip", ["link", "add", this.#cable, "type", "veth", "peer", "name", "eth0", "address", this.mac, "netns", this.name]);
    await run("ip", ["link", "set", this.#cable, "master", BRIDGE]);
    const commands = [`addr add ${this.address}/24 dev eth0`, "link set lo up", "link set eth0 up"];
    await run("ip", ["-n", this.name, "-batch", "-"], { input: `${commands.join("\n")}\n` });
  }

  /** systemd in a machine wants a cgroup of its own, and finds the remains of its last boot confusing: a new one for every boot. */
  async #boot(): Promise<void> {
    this.#boots += 1;
    const cgroup = join(this.#world.cgroup, `${this.name}.${process.pid}.${this.#boots}`);
    await makeCgroup(cgroup);
    const log = await open(join(this.#folder, "console.log"), "a");
    const nspawn = spawn("bash", ["-c", NSPAWN, "bash", cgroup, this.root, this.name], {
      stdio: ["ignore", log.fd, log.fd],
      env: { PATH, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1", SYSTEMD_NSPAWN_API_VFS_WRITABLE: "network" },
    });
    await log.close();
    this.#nspawn = nspawn;
    this.#cgroup = cgroup;
    nspawn.once("exit", (code) => {
      if (this.#nspawn !== nspawn) return;
      this.#nspawn = undefined;
      if (code === EXIT_REBOOT) void this.#boot();
    });
  }

  async #kill(): Promise<void> {
    const nspawn = this.#nspawn;
    const cgroup = this.#cgroup;
    this.#nspawn = undefined;
    this.#cgroup = undefined;
    if (nspawn === undefined || cgroup === undefined) return;
    await killCgroup(cgroup);
    await removeCgroup(cgroup);
  }

  /** The machine's pid 1, as seen from here: the child of nspawn. */
  async #leader(): Promise<number> {
    return waitFor(
      async () => {
        const nspawn = this.#nspawn?.pid;
        if (nspawn === undefined) return { done: false, missing: "a running machine" };
        const children = (await readFile(`/proc/${nspawn}/task/${nspawn}/children`, "utf8").catch(() => "")).trim();
        return children === "" ? { done: false, missing: "its first process" } : { done: true, value: Number(children.split(" ")[0]) };
      },
      { what: `${this.name} to run`, timeoutMs: 60_000, intervalMs: 20 },
    );
  }
}

const NSPAWN = `echo $$ > "$1/cgroup.procs" && exec systemd-nspawn -q --register=no --keep-unit -D "$2" -M "$3" --boot --network-namespace-path="/run/netns/$3" --capability=CAP_NET_ADMIN --console=read-only`;

/** Whether sshd greets: an open port alone may still be a machine that is going down. */
function hasBanner(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22, timeout: 2_000 });
    const end = (seen: boolean) => {
      socket.destroy();
      resolve(seen);
    };
    socket.once("data", (data: Buffer) => end(data.toString().startsWith("SSH-")));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
    socket.once("close", () => end(false));
  });
}
