import { timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import ssh2, { type Connection, type ServerChannel, utils } from "ssh2";

// A host, and the server behind its ports, that were taken over: what they say is meant for the terminal of who asks.

/** What they say, in every place where they may say something: a title, the clipboard, a question to the terminal, moves of the cursor, colours, C1, CR, backspaces and marks of direction. */
export const ATTACK = [
  "\u001b]0;OWNED\u0007",
  "\u001b]52;c;cm0gLXJmIC8K\u001b\\",
  "\u001b[6n\u001b[2J\u001b[1;1H\u001b[8mhidden",
  "\u001b[31mred\u001b[5mblink",
  "\u009b2J\u009d0;OWNED\u009c\u0090q\u0085",
  "safe\rEVIL\b\b\b\bfine\u007f\u000b\u000c\u000e",
  "\u202egnp.exe\u2066\u200f\u061c\u2028",
].join("");

/** What of it may be seen, for a test that it was said at all. */
export const SEEN = "^[]0;OWNED^G";

/** How the host answers each command: does it and says the attack on both outputs, fails with it, or runs no shell and says the attack instead; or says what does not end. */
export type HostileMood = "obeys" | "fails" | "no shell" | "line without end" | "endless lines" | "endless start-up file";

export interface HostileHost {
  mood: HostileMood;
  /** How its Redis answers what it is asked: with an error, or with a status; and whether it says in INFO that it is an instance of the lab, so that it is asked more. */
  redis: "error" | "status" | "imitates, error" | "imitates, status";
  stop(): Promise<void>;
}

/** @param address of this computer, port 2222, where any user may log in with the key */
export async function startHostileHost(address: string, publicKey: string): Promise<HostileHost> {
  const clients = new Set<Connection>();
  const host: HostileHost = {
    mood: "obeys",
    redis: "error",
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const client of clients) client.end();
      await closed;
    },
  };
  const key = utils.parseKey(publicKey);
  if (key instanceof Error) throw key;
  const hostKey = utils.generateKeyPairSync("ed25519").private;
  const server = new ssh2.Server({ hostKeys: [hostKey], banner: `${ATTACK}\n` }, (client) => {
    clients.add(client);
    client.on("authentication", (context) => {
      if (context.method !== "publickey" || !timingSafeEqual(context.key.data, key.getPublicSSH())) return context.reject(["publickey"]);
      context.accept();
    });
    client.on("session", (accept) => {
      accept().on("exec", (take, _reject, { command }) => answer(take(), command, host.mood));
    });
    client.on("tcpip", (accept) => serve(accept(), host));
    client.on("error", () => {});
    client.on("close", () => clients.delete(client));
  });
  server.listen(2222, address);
  await once(server, "listening");
  return host;
}

function answer(channel: ServerChannel, command: string, mood: HostileMood): void {
  channel.on("error", () => {}).resume();
  const nonce = /redis-lab:[0-9a-f]{16}:/.exec(command)?.[0];
  // What ends a group at a time-out has none.
  if (nonce === undefined || mood === "no shell") {
    channel.stderr.write(`${ATTACK}\n`);
    channel.exit(mood === "no shell" ? 1 : 0);
    channel.end();
    return;
  }
  // A process group that there is not.
  if (mood !== "endless start-up file") for (const output of [channel, channel.stderr]) output.write(`${nonce}4194305\n`);
  if (mood === "line without end" || mood.startsWith("endless")) {
    const chunk = Buffer.from(
      mood === "line without end"
        ? "x".repeat(30_000)
        : `${"all is quiet on this side of the wire, as it was before; ".repeat(10)}\n`.repeat(50),
    );
    // One at a time: a channel that was closed meanwhile takes everything.
    const more = () => {
      if (channel.writable) channel.write(chunk, () => setImmediate(more));
    };
    channel.once("close", () => channel.destroy());
    more();
    return;
  }
  channel.write(`${ATTACK}\n`);
  channel.stderr.write(`${ATTACK}\n`);
  channel.exit(mood === "obeys" ? 0 : 1);
  channel.end();
}

/** A Redis on a port of this computer. */
export async function startHostileRedis(address: string, port: number, redis: HostileHost["redis"]): Promise<Server> {
  const server = createServer((socket) => serve(socket, { redis })).listen(port, address);
  await once(server, "listening");
  return server;
}

/** Lets everybody in, and answers anything else with the attack. Enough of the protocol for commands whose words hold no line breaks. */
function serve(stream: Duplex | Socket, host: Pick<HostileHost, "redis">): void {
  let text = "";
  stream.on("error", () => {});
  stream.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
    for (let one = COMMAND.exec(text); one !== null; one = COMMAND.exec(text)) {
      text = text.slice(one[0].length);
      const word = one[1] ?? "";
      const { redis } = host;
      const attack = `${redis.endsWith("error") ? "-ERR " : "+"}${ATTACK.replaceAll("\r", "")}\r\n`;
      stream.write(/^auth$/i.test(word) ? "+OK\r\n" : /^info$/i.test(word) && redis.startsWith("imitates") ? INFO : attack);
    }
  });
}

const SAID = "config_file:/apps/redis/etc/redis.conf\r\nexecutable:/apps/redis/builds/0123456789abcdef/redis-server\r\n";
const INFO = `$${SAID.length}\r\n${SAID}\r\n`;

const COMMAND = /^\*\d+\r\n\$\d+\r\n([^\r]*)\r\n(?:\$\d+\r\n[^\r]*\r\n)*/;
