import { cp, mkdtemp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { type CommandResult, run, tryRun } from "../../support/command.ts";
import { worldContext } from "./world.ts";

// What tests of test/vms use. `worldContext` has the rest: the state folder, URI and pool of libvirt, the image for `libvirt.image` of a lab, Terraform's CLI configuration.

export type { CommandResult } from "../../support/command.ts";
export type { TestImage } from "./image.ts";
export { PROVIDER_VERSION, terraformBinary } from "./provider.ts";
export { type WorldContext, worldContext } from "./world.ts";

const CLIENT = { ...process.env, LC_ALL: "C" };

/** A command of virsh on the world's libvirtd; a failure is an error. Returns stdout. */
export async function virsh(...words: readonly string[]): Promise<string> {
  return run("virsh", ["-q", "-c", worldContext().libvirtUri, ...words], { env: CLIENT });
}

export async function tryVirsh(...words: readonly string[]): Promise<CommandResult> {
  return tryRun("virsh", ["-q", "-c", worldContext().libvirtUri, ...words], { env: CLIENT });
}

/** Names of domains, running or not, of volumes in the pool, and of networks: everything that a lab can leave behind. Empty when nothing was made. */
export async function whatIsThere(): Promise<{
  readonly domains: string[];
  readonly volumes: string[];
  readonly networks: string[];
  readonly bridges: string[];
}> {
  const names = (text: string) => text.split("\n").flatMap((line) => line.trim().split(/\s+/)[0] || []);
  return {
    domains: names(await virsh("list", "--all", "--name")),
    volumes: names(await virsh("vol-list", worldContext().pool)),
    networks: names(await virsh("net-list", "--all", "--name")),
    bridges: names(await run("ip", ["-o", "link", "show", "type", "bridge"])),
  };
}

/** Removes what a lab left behind when a test failed before its destroy, which would be in the way of the next lab. */
export async function removeWhatIsThere(): Promise<void> {
  const { domains, volumes, networks } = await whatIsThere();
  for (const name of domains) {
    await tryVirsh("destroy", name);
    await virsh("undefine", name);
  }
  for (const name of volumes) await virsh("vol-delete", "--pool", worldContext().pool, name);
  for (const name of networks) {
    await tryVirsh("net-destroy", name);
    await virsh("net-undefine", name);
  }
}

/** What a VM wrote to its serial console since its domain was made, over all its boots. */
export async function consoleOf(domain: string): Promise<string> {
  return readFile(join(worldContext().consoles, `${domain}.log`), "utf8").catch(() => "");
}

/** What to read after a failure: the end of every console and of libvirt's logs. Whole, and beyond the end of the world, they are in the folder that is named first. */
export async function logsAfterFailure(): Promise<string> {
  const { consoles, outside } = worldContext();
  const folder = await mkdtemp(join(outside, "redis-lab-vms-logs-"));
  await cp(consoles, join(folder, "consoles"), { recursive: true });
  await cp(LIBVIRT_LOGS, join(folder, "libvirt"), { recursive: true });
  const texts = [`All logs are in ${folder}.`, `Domains:\n${(await tryVirsh("list", "--all")).stdout.trimEnd()}`];
  for (const name of await readdir(consoles)) texts.push(lastLines(name, await readFile(join(consoles, name), "utf8"), 25));
  texts.push(lastLines("libvirtd.log", await readFile(join(LIBVIRT_LOGS, "libvirtd.log"), "utf8").catch(() => ""), 25));
  return texts.join("\n\n");
}

const LIBVIRT_LOGS = "/var/log/libvirt";

/** Lines that fill a log and say nothing: network tables and key pictures of cloud-init, interfaces that libvirt saw a moment ago. */
const NOISE = /ci-info: |cloud-init\[\d+\]: [|+]|virNetDevSendEthtoolIoctl/;

function lastLines(name: string, text: string, count: number): string {
  // A console has colours and carriage returns.
  const lines = stripVTControlCharacters(text).replaceAll("\r", "").trimEnd().split("\n");
  return `== ${name}\n${lines
    .filter((line) => !NOISE.test(line))
    .slice(-count)
    .join("\n")}`;
}
