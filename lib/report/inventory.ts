import { stringify } from "yaml";
import type { Inventory, InventoryHost, SshRoute } from "../lab/inventory.ts";
import { keyFilesOf, keyWords, quotedForSsh, sshPath, sshPaths } from "../lab/ssh-words.ts";

export type InventoryFormat = "ssh-config" | "ansible" | "prometheus" | "uri" | "json";

/**
 * The inventory in the words of another tool.
 *
 * @param knownHostsFile the lab's pins; with the files of each route it is what redis-lab compares host keys with, and `ssh -F` finds every key that redis-lab found
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
    default:
      return format satisfies never;
  }
}

function sshConfig({ name, address, ssh }: InventoryHost, knownHostsFile: string): string {
  if (ssh === undefined) return `# ${name} (${address}) is a folder of this computer: redis-lab ssh opens it`;
  return [
    `Host ${name}`,
    `  HostName ${ssh.host}`,
    `  Port ${ssh.port}`,
    `  User ${ssh.user}`,
    ...[...keyLines(ssh), ...throughJump(ssh, knownHostsFile), ...pinLines(ssh, knownHostsFile)].map(
      ([word, value]) => `  ${word} ${value}`,
    ),
  ].join("\n");
}

/** A line of ssh's configuration, and of what stands after -o. */
type SshLine = readonly [word: string, value: string];

function keyLines(ssh: SshRoute): readonly SshLine[] {
  const { files, only } = keyFilesOf(ssh);
  return [...files.map((file): SshLine => ["IdentityFile", sshPath(file)]), ...(only ? [["IdentitiesOnly", "yes"] as const] : [])];
}

/** The lab's file comes first: it is the one that ssh writes to. */
function pinLines({ hostKeyAlias, knownHostsFiles }: SshRoute, knownHostsFile: string): readonly SshLine[] {
  return [
    ...(hostKeyAlias === undefined ? [] : [["HostKeyAlias", quotedForSsh(hostKeyAlias)] as const]),
    ["UserKnownHostsFile", sshPaths([knownHostsFile, ...knownHostsFiles])],
  ];
}

function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * Not ProxyJump: the ssh that it starts would have neither the keys nor the pins, and after `ssh -F` not even the user's own configuration. A `%` is ssh's own, and doubled to be a plain one
 * (ssh_config(5), TOKENS).
 */
function throughJump({ jump }: SshRoute, knownHostsFile: string): readonly SshLine[] {
  if (jump === undefined) return [];
  const { host, port, user } = jump;
  const lines = [...pinLines(jump, knownHostsFile), ...throughJump(jump, knownHostsFile)];
  const words = ["ssh", "-p", String(port), "-l", user, ...keyWords(jump), ...lines.flatMap(([word, value]) => ["-o", `${word}=${value}`])];
  return [["ProxyCommand", `${words.map((word) => shellWord(word).replaceAll("%", "%%")).join(" ")} -W '[%h]:%p' ${host}`]];
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
                  // Ansible splits this as a shell does, then ssh reads what is left.
                  ansible_ssh_common_args: [
                    ...keyLines(ssh).filter(([word]) => word !== "IdentityFile" || ssh.keyFile === undefined),
                    ...pinLines(ssh, knownHostsFile),
                    ...throughJump(ssh, knownHostsFile),
                  ]
                    .map(([word, value]) => `-o ${shellWord(`${word}=${value}`)}`)
                    .join(" "),
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
