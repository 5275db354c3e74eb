import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { waitFor } from "../../../lib/base/wait.ts";
import type { SshServer } from "./server.ts";

export interface OpenSshProps {
  readonly sshd: string;
  readonly folder: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly hostKey: string;
  readonly authorizedKey: string;
  readonly forwarding: boolean;
  readonly path: string;
  readonly config: readonly string[];
}

/** A real sshd, run by the calling user for that user alone. */
export async function startOpenSsh(props: OpenSshProps): Promise<SshServer> {
  const at = (name: string) => join(props.folder, name);
  await writeFile(at("host_key"), props.hostKey, { mode: 0o600 });
  await writeFile(at("authorized_keys"), `${props.authorizedKey}\n`, { mode: 0o600 });
  await writeFile(
    at("sshd_config"),
    `Port ${props.port}
ListenAddress ${props.address}
HostKey ${at("host_key")}
PidFile none
AuthorizedKeysFile ${at("authorized_keys")}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding ${props.forwarding ? "yes" : "no"}
SetEnv PATH=${props.path} HOME=${props.folder}
${props.config.join("\n")}
`,
  );
  // Started by root, sshd wants this folder for its unprivileged half.
  if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  const child = spawn(props.sshd, ["-D", "-e", "-f", at("sshd_config")], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  await waitFor(
    async () => {
      if (child.exitCode !== null) throw new Error(`sshd ended with ${child.exitCode}:\n${log}`);
      return (await answers(props.address, props.port)) ? { done: true, value: undefined } : { done: false, missing: log };
    },
    { what: "sshd to listen", timeoutMs: 60_000, intervalMs: 20 },
  );
  return {
    address: props.address,
    port: props.port,
    user: props.user,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function answers(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
