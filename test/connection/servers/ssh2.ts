import { spawn } from "node:child_process";
import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { homedir } from "node:os";
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session, utils } from "ssh2";
import type { SshServer } from "./server.ts";

export interface Ssh2Props {
  readonly folder: string;
  readonly address: string;
  readonly port: number;
  readonly hostKey: string;
  readonly authorizedKey: string;
  readonly forwarding: boolean;
  readonly path: string;
}

/** ssh2's own server in this process, with real `sh` children, files and forwarded ports. Any user but root logs in, so that sudo is part of the way. */
export async function startSsh2(props: Ssh2Props): Promise<SshServer> {
  const clients = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [props.hostKey] }, (client) => {
    clients.add(client);
    let sessions = 0;
    client.on("authentication", (context) =>
      isAuthorized(context, props.authorizedKey) ? context.accept() : context.reject(["publickey"]),
    );
    client.on("session", (accept, reject) => {
      // As sshd's MaxSessions.
      if (sessions >= 10) return reject();
      sessions += 1;
      const session = accept();
      session.once("close", () => {
        sessions -= 1;
      });
      serveSession(session, props.path);
    });
    if (props.forwarding) {
      client.on("tcpip", (accept, reject, { destIP, destPort }) => {
        const socket = connect({ host: destIP, port: destPort });
        socket.once("connect", () => join(socket, accept()));
        socket.once("error", reject);
      });
    }
    client.on("error", () => {});
    client.on("close", () => clients.delete(client));
  });
  server.listen(props.port, props.address);
  await once(server, "listening");
  return {
    address: props.address,
    port: props.port,
    user: "deploy",
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const client of clients) client.end();
      await closed;
    },
  };
}

function isAuthorized(context: AuthContext, authorizedKey: string): boolean {
  const key = utils.parseKey(authorizedKey);
  if (key instanceof Error || context.method !== "publickey") return false;
  const wanted = key.getPublicSSH();
  if (context.key.data.length !== wanted.length || !timingSafeEqual(context.key.data, wanted)) return false;
  return context.signature === undefined || key.verify(context.blob as Buffer, context.signature, context.hashAlgo) === true;
}

function serveSession(session: Session, path: string): void {
  session.on("exec", (accept, _reject, { command }) => {
    const channel: ServerChannel = accept();
    const child = spawn("sh", ["-c", command], { detached: true, cwd: homedir(), env: { HOME: homedir(), PATH: path } });
    child.stdin.on("error", () => {});
    channel.on("error", () => {});
    channel.pipe(child.stdin);
    child.stdout.pipe(channel, { end: false });
    child.stderr.pipe(channel.stderr, { end: false });
    child.once("close", (code, signal) => {
      // Both outputs share one window, stdout comes first in it, and a channel that ends throws away what stderr still waits to send (ServerStderr in ssh2's Channel.js).
      channel.stderr.end(() => {
        if (signal === null) channel.exit(code ?? 255);
        else channel.exit(signal.replace(/^SIG/, ""), false, "");
        channel.end();
      });
    });
  });
}

function join(socket: Socket, channel: ServerChannel): void {
  channel.on("error", () => socket.destroy());
  socket.on("error", () => channel.destroy());
  socket.pipe(channel).pipe(socket);
}
