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
import { formatInventory } from "../../lib/report/inventory.ts";
import { clusterInput } from "../support/labs.ts";

const folder = mkdtempSync(join(tmpdir(), "redis-lab inventory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const LAB_KEY = join(folder, "id_ed25519");
const KNOWN = join(folder, "known_hosts");

function inventory(uri: string, format: "ssh-config" | "ansible" | "json", changes: Partial<LabInput> = {}): string {
  const lab = defineLab(clusterInput({ libvirt: { hypervisors: [{ name: "kvm-1", uri }] }, ...changes }));
  return formatInventory(inventoryOf(placeLab(lab, { target: "libvirt", hostsFolder: "", labKey: LAB_KEY })), format, KNOWN);
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

describe("VMs for ssh", () => {
  test("on this computer: user and key of the lab", () => {
    const config = inventory("qemu:///system", "ssh-config");
    expect(config).toContain(
      `Host redis-28\n  HostName 192.168.1.28\n  Port 22\n  User centos\n  IdentityFile "${LAB_KEY}"\n  IdentitiesOnly yes\n`,
    );
    expect(config).not.toContain("Proxy");
    expect(sshReads(config)?.get("user") ?? "centos").toBe("centos");
  });

  test("on another one: through it, with the user's own keys or with that of its URI", () => {
    const plain = inventory("qemu+ssh://root@kvm-1:2200/system", "ssh-config");
    expect(sshReads(plain)?.get("proxyjump") ?? "root@kvm-1:2200").toBe("root@kvm-1:2200");
    expect(plain).toContain("  ProxyJump root@kvm-1:2200\n");
    const withKey = inventory("qemu+ssh://root@kvm-1/system?keyfile=/keys/kvm", "ssh-config");
    const command = `ssh -p 22 -l root -i /keys/kvm -o IdentitiesOnly=yes -o 'UserKnownHostsFile="${KNOWN}"' -W '[%h]:%p' kvm-1`;
    expect(withKey).toContain(`  ProxyCommand ${command}\n`);
    expect(sshReads(withKey)?.get("proxycommand") ?? command).toBe(command);
  });
});

test("VMs for Ansible, and for programs", () => {
  const hosts = parse(inventory("qemu+ssh://root@kvm-1/system?keyfile=/keys/kvm", "ansible")).all.hosts;
  expect(hosts["redis-28"]).toMatchObject({ ansible_host: "192.168.1.28", ansible_user: "centos", ansible_ssh_private_key_file: LAB_KEY });
  // As a shell splits it, which is how Ansible reads it.
  const script = `set -- ${hosts["redis-28"].ansible_ssh_common_args}; printf '%s\\n' "$@"`;
  expect(spawnSync("/bin/sh", ["-c", script], { encoding: "utf8" }).stdout.trim().split("\n")).toEqual([
    "-o",
    `UserKnownHostsFile="${KNOWN}"`,
    "-o",
    `ProxyCommand=ssh -p 22 -l root -i /keys/kvm -o IdentitiesOnly=yes -o 'UserKnownHostsFile="${KNOWN}"' -W '[%h]:%p' kvm-1`,
  ]);
  const json = JSON.parse(inventory("qemu+ssh://root@kvm-1/system", "json"));
  expect(json.hosts[0].ssh).toEqual({
    host: "192.168.1.18",
    port: 22,
    user: "centos",
    keyFile: LAB_KEY,
    jump: { host: "kvm-1", port: 22, user: "root" },
  });
});
