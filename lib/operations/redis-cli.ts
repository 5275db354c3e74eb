import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { isLabError } from "../base/error.ts";
import { findProgram } from "../base/find-program.ts";
import { runInTerminal } from "../base/process.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { type PlacedInstance, placedInstances, takesPassword } from "../lab/placement.ts";
import { noRedisCli, redisCliNotStarted, redisCliTooOld } from "./errors.ts";
import { findHost } from "./find.ts";
import type { Session } from "./session.ts";

/** Commands whose reply does not end. */
const ENDLESS = new Set(["MONITOR", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"]);

/** True for what only redis-cli itself does: its options, and commands whose reply does not end. */
export function needsRedisCli([first]: readonly string[]): boolean {
  return first !== undefined && (first.startsWith("-") || ENDLESS.has(first.toUpperCase()));
}

/** A redis-cli of this computer. */
export interface RedisCli {
  readonly file: string;
  /** It reads the password from REDISCLI_AUTH: from 5.0 on, and not in 4.0.14 (redis-cli.c of both). */
  readonly readsPassword: boolean;
}

/** That of the lab, where the lab is on this computer; otherwise that of the PATH. Undefined where there is none. */
export async function findRedisCli(
  { placement }: Pick<Session, "placement">,
  instance: PlacedInstance,
  environment: NodeJS.ProcessEnv,
): Promise<RedisCli | undefined> {
  const { cli } = placement.version.product.programs;
  const found = findProgram(cli, environment, undefined);
  const own = placement.capabilities.connection === "local" ? [`${findHost(placement, instance.host).paths.bin}/${cli}`] : [];
  for (const file of [...own, ...(found.kind === "found" ? [found.path] : [])]) {
    const program = await readFile(file).catch(() => undefined);
    if (program !== undefined) return { file, readsPassword: program.includes("REDISCLI_AUTH") };
  }
  return undefined;
}

/**
 * Runs redis-cli on the terminal. It does not get the password: it speaks to a socket of ours behind which each connection is authenticated, to a server that is the lab's own, and on other
 * computers goes through SSH. Where it has to connect by itself it gets the password by environment.
 *
 * @param found what `findRedisCli` found
 * @returns its exit code; null where a signal ended it
 * @throws LabError `operations.no-redis-cli`, `operations.redis-cli-too-old`
 */
export async function runRedisCli(
  session: Session,
  instance: PlacedInstance,
  found: RedisCli | undefined,
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<number | null> {
  const { placement, secrets } = session;
  if (found === undefined) throw noRedisCli(placement.version.product.programs.cli, words[0]);
  const local = placement.capabilities.connection === "local";
  const direct = (password: Readonly<Record<string, string>>) => {
    const [file = found.file, ...args] = [...session.enter(), found.file, "-h", instance.address, "-p", String(instance.port), ...words];
    return start(file, args, { ...environment, ...password });
  };
  if (local && !takesPassword(placement, instance.kind)) return direct({});
  if (connectsByItself(words)) {
    // Redirected, it would connect to another node without the password or the way through SSH.
    if (!local || !found.readsPassword) throw redisCliTooOld(found.file, local);
    await assertAllOurs(session, instance);
    return direct({ REDISCLI_AUTH: secrets.password });
  }
  return relayed(session, instance, (socket) => start(found.file, ["-s", socket, ...words], environment));
}

/** It opens connections of its own: to a node that it is redirected to (`-c`), or to all of a cluster (`--cluster`, and options in its words). */
const connectsByItself = (words: readonly string[]) => words.some((word) => word === "-c" || word.startsWith("--cluster"));

/**
 * It gets the password for wherever it goes, so whatever answers at an address of the lab has to be the lab's own. Who is down now may be another's when it is redirected there: that is not
 * seen here.
 *
 * @throws LabError of the kind `refused`; why the instance itself can't be spoken to
 */
async function assertAllOurs({ access, placement }: Session, instance: PlacedInstance): Promise<void> {
  await access.client(instance.id);
  const asked = placedInstances(placement).filter(({ kind }) => takesPassword(placement, kind));
  const looks = await Promise.allSettled(asked.map(({ id }) => access.client(id)));
  for (const look of looks) if (look.status === "rejected" && isLabError(look.reason) && look.reason.kind === "refused") throw look.reason;
}

async function start(file: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number | null> {
  const ended = await runInTerminal(file, args, { environment });
  if (typeof ended === "object" && ended !== null) throw redisCliNotStarted(file, ended.text);
  return ended;
}

/** Gives `work` a Unix socket, in a folder that this user alone may enter, each connection of which is one to the instance, authenticated. */
async function relayed<T>({ access }: Session, { id }: PlacedInstance, work: (socket: string) => Promise<T>): Promise<T> {
  // An instance that can't be reached is an error before redis-cli starts.
  (await access.stream(id)).destroy();
  const folder = await temporaryFolder("cli");
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    // redis-cli says itself that its connection has ended.
    relay(socket).catch(() => socket.destroy());
  });
  const relay = async (socket: Socket) => {
    const stream = await access.stream(id);
    await Promise.all([pipeline(socket, stream), pipeline(stream, socket)]);
  };
  try {
    const path = join(folder, "redis");
    server.listen(path);
    await once(server, "listening");
    return await work(path);
  } finally {
    for (const socket of open) socket.destroy();
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}
