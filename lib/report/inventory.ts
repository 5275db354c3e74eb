import { stringify } from "yaml";
import type { Inventory, InventoryHost } from "../lab/inventory.ts";

export type InventoryFormat = "ssh-config" | "ansible" | "prometheus" | "uri" | "json";

/**
 * The inventory in the words of another tool.
 *
 * @param knownHostsFile the lab's pins, so that `ssh -F` asks nothing that redis-lab knows already
 */
export function formatInventory(inventory: Inventory, format: InventoryFormat, knownHostsFile: string): string {
  switch (format) {
    case "json":
      return JSON.stringify(inventory, null, 2);
    case "uri":
      return Object.values(inventory.uris).join("\n");
    case "ssh-config":
      return inventory.hosts.map((host) => sshConfig(host, knownHostsFile)).join("\n\n");
    case "ansible":
      return stringify(ansible(inventory, knownHostsFile), { lineWidth: 0 }).trimEnd();
    case "prometheus":
      return JSON.stringify(prometheus(inventory), null, 2);
  }
}

function sshConfig({ name, address, ssh }: InventoryHost, knownHostsFile: string): string {
  if (ssh === undefined) return `# ${name} (${address}) is a folder of this computer: redis-lab ssh opens it`;
  return [
    `Host ${name}`,
    `  HostName ${ssh.host}`,
    `  Port ${ssh.port}`,
    `  User ${ssh.user}`,
    ...(ssh.keyFile === undefined ? [] : [`  IdentityFile ${sshWord(ssh.keyFile)}`, "  IdentitiesOnly yes"]),
    ...throughJump(ssh, knownHostsFile).map(([word, value]) => `  ${word} ${value}`),
    `  UserKnownHostsFile ${sshWord(knownHostsFile)}`,
  ].join("\n");
}

/** A path as ssh_config(5) reads it: one with blanks would be several. */
function sshWord(path: string): string {
  return /\s/.test(path) ? `"${path}"` : path;
}

function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** ProxyJump takes no key: the ssh that it starts has the user's own. A `%` is ssh's own, and doubled to be a plain one (ssh_config(5), TOKENS). */
function throughJump(ssh: NonNullable<InventoryHost["ssh"]>, knownHostsFile: string): readonly (readonly [word: string, value: string])[] {
  if (ssh.jump === undefined) return [];
  const { host, port, user, keyFile } = ssh.jump;
  if (keyFile === undefined) return [["ProxyJump", `${user}@${host}${port === 22 ? "" : `:${port}`}`]];
  const words = ["ssh", "-p", String(port), "-l", user, "-i", keyFile, "-o", "IdentitiesOnly=yes"];
  const pins = ["-o", `UserKnownHostsFile=${sshWord(knownHostsFile)}`];
  const command = [...words, ...pins].map((word) => shellWord(word).replaceAll("%", "%%")).join(" ");
  return [["ProxyCommand", `${command} -W '[%h]:%p' ${host}`]];
}

/** Groups by role; a host with several instances is in each of their groups. */
function ansible(inventory: Inventory, knownHostsFile: string): unknown {
  const group = (kind: string) =>
    Object.fromEntries(
      inventory.hosts.filter(({ instances }) => instances.some(({ role }) => role === kind)).map(({ name }) => [name, {}]),
    );
  const roles = [...new Set(inventory.hosts.flatMap(({ instances }) => instances.map(({ role }) => role)))];
  return {
    all: {
      hosts: Object.fromEntries(
        inventory.hosts.map(({ name, address, ssh, instances }) => [
          name,
          {
            ...(ssh === undefined
              ? { ansible_connection: "local" }
              : {
                  ansible_host: ssh.host,
                  ansible_port: ssh.port,
                  ansible_user: ssh.user,
                  ...(ssh.keyFile !== undefined && { ansible_ssh_private_key_file: ssh.keyFile }),
                  ansible_ssh_common_args: [
                    // Ansible splits this as a shell does, then ssh reads what is left.
                    `-o ${shellWord(`UserKnownHostsFile=${sshWord(knownHostsFile)}`)}`,
                    ...throughJump(ssh, knownHostsFile).map(([word, value]) => `-o ${shellWord(`${word}=${value}`)}`),
                  ].join(" "),
                }),
            redis_address: address,
            redis_ports: instances.map(({ port }) => port),
          },
        ]),
      ),
      children: Object.fromEntries(roles.map((role) => [role.replaceAll("-", "_"), { hosts: group(role) }])),
    },
  };
}

/** For `file_sd_configs`, as redis_exporter's multi-target scrape takes it: the targets are redis:// addresses. */
function prometheus(inventory: Inventory): unknown {
  return inventory.hosts.flatMap(({ name, address, instances }) =>
    instances.map(({ id, port, role }) => ({
      targets: [`redis://${address}:${port}`],
      labels: { lab: inventory.lab, host: name, instance: id, role },
    })),
  );
}
