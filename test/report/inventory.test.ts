import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { inventoryOf } from "../../lib/lab/inventory.ts";
import { placeLab } from "../../lib/lab/placement.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { routesOf } from "../../lib/operations/ssh-routes.ts";
import { formatInventory } from "../../lib/report/inventory.ts";
import { clusterInput } from "../support/labs.ts";

const folder = mkdtempSync(join(tmpdir(), "redis-lab inventory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const LAB_KEY = join(folder, "id_ed25519");
const KNOWN = join(folder, "known_hosts");

async function inventory(
  uri: string,
  format: "ssh-config" | "ansible" | "json",
  changes: Partial<LabInput> = {},
  labKey = LAB_KEY,
): Promise<string> {
  // Not the configuration of who runs the tests.
  const lab = defineLab(clusterInput({ libvirt: { hypervisors: [{ name: "kvm-1", uri }] }, ssh: { configFile: "none" }, ...changes }));
  const placement = placeLab(lab, { target: "libvirt", hostsFolder: "", labKey });
  return formatInventory(inventoryOf(placement, await routesOf(placement)), format, KNOWN);
}

/** What ssh makes of a configuration, by word in lower case; undefined where this computer has no ssh. */
function sshReads(config: string): ReadonlyMap<string, string> | undefined {
  const file = join(folder, "config");
  writeFileSync(file, `${config}\n`);
  const { error, stdout, stderr } = spawnSync("ssh", ["-G", "-T", "-F", file, "redis-28"], { encoding: "utf8" });
  if (error !== undefined) return undefined;
  expect(stderr).toBe("");
  return new Map(stdout.split("\n").map((line) => [line.split(" ")[0] ?? "", line.slice(line.indexOf(" ") + 1)]));
}

/** As a shell splits it, which is how Ansible reads it too. */
function wordsOf(text: string): readonly string[] {
  return spawnSync("/bin/sh", ["-c", `set -- ${text}; printf '%s\\n' "$@"`], { encoding: "utf8" })
    .stdout.trim()
    .split("\n");
}

describe("VMs for ssh", () => {
  test("on this computer: user and key of the lab", async () => {
    const config = await inventory("qemu:///system", "ssh-config");
    expect(config).toContain(
      `Host redis-28\n  HostName 192.168.1.28\n  Port 22\n  User centos\n  IdentityFile "${LAB_KEY}"\n  IdentitiesOnly yes\n`,
    );
    expect(config).not.toContain("Proxy");
    expect(sshReads(config)?.get("user") ?? "centos").toBe("centos");
  });

  test("a % in a path is not a token of ssh's", async () => {
    const config = await inventory("qemu:///system", "ssh-config", {}, "/keys/%h 100%done");
    const read = sshReads(config);
    // ssh -G prints key files as they are written.
    expect(read?.get("identityfile") ?? "/keys/%%h 100%%done").toBe("/keys/%%h 100%%done");
    expect(config).toContain('  IdentityFile "/keys/%%h 100%%done"\n');
  });

  test("on another one: through it, with the user's own keys or with that of its URI", async () => {
    const plain = await inventory("qemu+ssh://root@kvm-1:2200/system", "ssh-config");
    // By ProxyJump its host key, which the lab has pinned, would be asked for.
    const plainly = `ssh -p 2200 -l root -o 'UserKnownHostsFile="${KNOWN}"' -W '[%h]:%p' kvm-1`;
    expect(plain).toContain(`  ProxyCommand ${plainly}\n`);
    expect(sshReads(plain)?.get("proxycommand") ?? plainly).toBe(plainly);
    const withKey = await inventory("qemu+ssh://root@kvm-1/system?keyfile=/keys/kvm", "ssh-config");
    const command = `ssh -p 22 -l root -i /keys/kvm -o IdentitiesOnly=yes -o 'UserKnownHostsFile="${KNOWN}"' -W '[%h]:%p' kvm-1`;
    expect(withKey).toContain(`  ProxyCommand ${command}\n`);
    expect(sshReads(withKey)?.get("proxycommand") ?? command).toBe(command);
  });
});

test("VMs for Ansible, and for programs", async () => {
  const hosts = parse(await inventory("qemu+ssh://root@kvm-1/system?keyfile=/keys/kvm", "ansible")).all.hosts;
  expect(hosts["redis-28"]).toMatchObject({ ansible_host: "192.168.1.28", ansible_user: "centos", ansible_ssh_private_key_file: LAB_KEY });
  expect(wordsOf(hosts["redis-28"].ansible_ssh_common_args)).toEqual([
    "-o",
    "IdentitiesOnly=yes",
    "-o",
    `UserKnownHostsFile="${KNOWN}"`,
    "-o",
    `ProxyCommand=ssh -p 22 -l root -i /keys/kvm -o IdentitiesOnly=yes -o 'UserKnownHostsFile="${KNOWN}"' -W '[%h]:%p' kvm-1`,
  ]);
  const json = JSON.parse(await inventory("qemu+ssh://root@kvm-1/system", "json"));
  expect(json.hosts[0].ssh).toEqual({
    host: "192.168.1.18",
    port: 22,
    user: "centos",
    keyFile: LAB_KEY,
    ...{ identityFiles: [], identitiesOnly: false, knownHostsFiles: [] },
    jump: { host: "kvm-1", port: 22, user: "root", identityFiles: [], identitiesOnly: false, knownHostsFiles: [] },
  });
});

describe.skipIf(sshReads("Host *") === undefined)("what the user's configuration of OpenSSH says", () => {
  // `ssh -G` prints them with blanks between them: there is none in it.
  const users = "/home/o'brien/known_hosts";
  const config = join(folder, "users");
  const hosts = ["Host 192.168.*", "  IdentityFile /keys/a", '  IdentityFile "/keys/b c"', "  HostKeyAlias redis", "  Port 2201"];
  const bastion = ["Host bastion", "  HostName b.example.com", "  IdentityFile /keys/d", "  IdentitiesOnly yes", "  HostKeyAlias way"];
  const common = ["Host *", `  UserKnownHostsFile "${users}"`, "  GlobalKnownHostsFile /etc/hosts_a /etc/hosts_b"];
  const files = [KNOWN, users, "/etc/hosts_a", "/etc/hosts_b"];

  const ofTarget = async (format: "ssh-config" | "ansible", ...lines: readonly string[]) => {
    writeFileSync(config, [...hosts, ...lines, ...bastion, ...common, ""].join("\n"), { mode: 0o600 });
    const placement = placeLab(defineLab(clusterInput({ ssh: { configFile: config } })), { target: "ssh", hostsFolder: "" });
    return formatInventory(inventoryOf(placement, await routesOf(placement)), format, KNOWN);
  };

  test("is in that of the inventory: every key, and every file that may have the host key, under its name there", async () => {
    const text = await ofTarget("ssh-config");
    expect(text).toContain('  IdentityFile /keys/a\n  IdentityFile "/keys/b c"\n  HostKeyAlias redis\n  UserKnownHostsFile ');
    expect(text).not.toContain("IdentitiesOnly");
    const read = sshReads(text);
    expect(read?.get("hostkeyalias")).toBe("redis");
    expect(read?.get("userknownhostsfile")).toBe(files.join(" "));
    const only = await ofTarget("ssh-config", "  IdentitiesOnly yes");
    expect(sshReads(only)?.get("identitiesonly")).toBe("yes");
  });

  test("is in the words for Ansible", async () => {
    const host = parse(await ofTarget("ansible")).all.hosts["redis-28"];
    expect(host).not.toHaveProperty("ansible_ssh_private_key_file");
    const pins = `UserKnownHostsFile="${KNOWN}" "${users}" /etc/hosts_a /etc/hosts_b`;
    const keys = ["IdentityFile=/keys/a", 'IdentityFile="/keys/b c"'];
    expect(wordsOf(host.ansible_ssh_common_args)).toEqual([...keys, "HostKeyAlias=redis", pins].flatMap((word) => ["-o", word]));
  });

  test("counts for the jump host too", async () => {
    const text = await ofTarget("ssh-config", "  ProxyJump me@bastion");
    const command = sshReads(text)?.get("proxycommand") ?? "";
    expect(wordsOf(command.replaceAll("%%", "%"))).toEqual([
      ...["ssh", "-p", "22", "-l", "me", "-i", "/keys/d", "-o", "IdentitiesOnly=yes", "-o", "HostKeyAlias=way"],
      ...["-o", `UserKnownHostsFile="${KNOWN}" "${users}" /etc/hosts_a /etc/hosts_b`, "-W", "[%h]:%p", "b.example.com"],
    ]);
  });
});
