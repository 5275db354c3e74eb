import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

/** `nobody`: a user of the computer who has nothing to do with the lab. */
export const STRANGER = 65_534;
const AS_STRANGER = { uid: STRANGER, gid: STRANGER, cwd: "/", env: {} } as const;

/** Whether tests can start a process of another user: root alone can, and not in a container that has no other user, nor where that one can't reach this Node. */
export const hasStranger = process.platform === "linux" && process.getuid?.() === 0 && tryStranger();

function tryStranger(): boolean {
  const { error, status, stderr } = spawnSync(process.execPath, ["-e", ""], { ...AS_STRANGER, encoding: "utf8" });
  if (error === undefined && status === 0) return true;
  console.warn(`Tests with another user are left out: ${error?.message ?? `node as uid ${STRANGER} ended with ${status}: ${stderr}`}`);
  return false;
}

export interface Stranger {
  readonly port: number;
  /** All bytes that were sent to it. */
  readonly heard: () => string;
  stop(): Promise<void>;
}

/** Answers every line as a Redis with a password would, so that a client goes on to speak; `deaf` never accepts what the kernel has let in. */
const SCRIPT = `
const [address, port, manner] = process.argv.slice(1);
const server = require("node:net").createServer((socket) => {
  socket.on("error", () => {});
  socket.on("data", (data) => { process.stdout.write(data); socket.write("+OK\\r\\n"); });
});
server.listen({ host: address, port: Number(port), ipv6Only: false }, () => {
  process.stdout.write(server.address().port + " listens\\n");
  if (manner === "deaf") for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
});
`;

/** A process of another user that listens where it can. @param port 0 for a free one. For tests that ask `hasStranger`; it is ended by its pid. */
export async function startStranger(address: string, port: number, manner: "answers" | "deaf" = "answers"): Promise<Stranger> {
  const child = spawn(process.execPath, ["-e", SCRIPT, address, String(port), manner], {
    ...AS_STRANGER,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString("latin1")));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const ended = once(child, "close");
  const greeting = /^(\d+) listens\n/;
  const listens = new Promise<void>((resolve) => {
    child.stdout.on("data", () => greeting.test(said) && resolve());
  });
  await Promise.race([listens, ended.then(() => Promise.reject(new Error(`the stranger ended: ${errors}`)))]);
  return {
    port: Number(greeting.exec(said)?.[1]),
    heard: () => said.replace(greeting, ""),
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
