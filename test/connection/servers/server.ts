import { access, chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { makeKeyPair } from "../../../lib/connection/key-pair.ts";
import { nextAddress } from "../../support/redis.ts";
import { startOpenSsh } from "./openssh.ts";
import { startSsh2 } from "./ssh2.ts";

/** The servers that the suite runs over: the real sshd where the computer has one, and ssh2's own server everywhere. */
export type ServerKind = "openssh" | "ssh2";

export interface ServerOptions {
  readonly address?: string;
  /** Private host key in OpenSSH's format. @default a new one */
  readonly hostKey?: string;
  /** Public key that may log in. @default that of the running test (`testKey`) */
  readonly authorizedKey?: string;
  readonly forwarding?: boolean;
  /** Further lines of sshd_config; of the real sshd alone. */
  readonly config?: readonly string[];
  /** What the `sudo` on the other side does: run the command, or the text with which it refuses. @default runs it */
  readonly sudo?: string;
}

export interface SshServer {
  readonly address: string;
  readonly port: number;
  /** A user that can log in. */
  readonly user: string;
  stop(): Promise<void>;
}

export const SSHD = await findSshd();
export const SERVER_KINDS: readonly ServerKind[] = SSHD === undefined ? ["ssh2"] : ["openssh", "ssh2"];

/** Below the client ports, and above those that need root. */
export const SSH_PORT = 2222;

export function newKey(): { readonly private: string; readonly public: string } {
  return makeKeyPair();
}

/** A folder for one test file with a key that the servers accept. */
export async function testFolder(): Promise<{
  readonly folder: string;
  readonly keyFile: string;
  readonly publicKey: string;
  remove(): Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), "redis-lab-ssh-"));
  const key = newKey();
  const keyFile = join(folder, "id_test");
  await writeFile(keyFile, key.private, { mode: 0o600 });
  return { folder, keyFile, publicKey: key.public, remove: () => rm(folder, { recursive: true, force: true }) };
}

export async function startSshServer(
  kind: ServerKind,
  folder: string,
  options: ServerOptions & { readonly authorizedKey: string },
): Promise<SshServer> {
  const own = await mkdtemp(join(folder, `${kind}-`));
  const sudoFolder = join(own, "bin");
  await mkdir(sudoFolder);
  const refusal = options.sudo === undefined ? "" : `echo ${JSON.stringify(options.sudo)} >&2; exit 1`;
  await writeFile(
    join(sudoFolder, "sudo"),
    `#!/bin/sh\n${refusal}\n[ "$1" = -n ] && [ "$2" = -- ] && shift 2 && SUDO_UID=$(id -u) exec "$@"\n`,
  );
  await chmod(join(sudoFolder, "sudo"), 0o755);
  const props = {
    folder: own,
    address: options.address ?? nextAddress(),
    port: SSH_PORT,
    hostKey: options.hostKey ?? newKey().private,
    authorizedKey: options.authorizedKey,
    forwarding: options.forwarding ?? true,
    config: options.config ?? [],
    path: `${sudoFolder}:/usr/bin:/bin`,
  };
  return kind === "openssh" ? startOpenSsh({ ...props, sshd: SSHD ?? "sshd", user: userInfo().username }) : startSsh2(props);
}

async function findSshd(): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"];
  for (const folder of folders) {
    // sshd insists on an absolute path of its own.
    const path = join(folder, "sshd");
    if (
      path.startsWith("/") &&
      (await access(path).then(
        () => true,
        () => false,
      ))
    )
      return path;
  }
  return undefined;
}
