import { constants } from "node:fs";
import { access, chmod, chown, copyFile, mkdir, open, rm, symlink } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLabError, messageOf } from "../base/error.ts";
import { fileNotRead, fileNotWritten, isAbsent, isDiskFault } from "../base/errors.ts";
import type { Emit } from "../base/events.ts";
import { type RunningProgram, startProgram, type UserIds } from "../base/process.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { unprivilegedUser } from "../base/unprivileged.ts";
import { waitFor } from "../base/wait.ts";
import { connectRedis } from "../redis/client.ts";
import { parseServerInfo } from "../redis/commands.ts";
import { PRODUCTS } from "../redis/products.ts";
import type { Dial, RedisClient } from "../redis/types.ts";
import type { Version } from "../redis/version.ts";
import type { DataFile } from "./data-file.ts";
import { foreignCommand, noDataFile, noServer, notLoaded } from "./errors.ts";
import { foreignCommands, parseCommands } from "./file-commands.ts";

export interface TemporaryServerOptions {
  /** A redis-server of this computer; at least as new as what wrote the file. */
  readonly serverBinary: string;
  /** What it loads. */
  readonly data: DataFile;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
}

/** A redis-server that has loaded a file, for this process alone. */
export interface TemporaryServer {
  readonly client: RedisClient;
  readonly version: Version;
  /** Ends it and removes all that it had. The file that it has loaded stays as it was. */
  close(): Promise<void>;
}

/**
 * Ends the server when the process that started it is gone, however it ended: its end of descriptor 3 is closed then. In a session of its own, so that Ctrl-C, which the process
 * answers by finishing what is in flight, does not take the server from under it. The program is descriptor 4 and its configuration comes by standard input, as its user may be one that can't
 * reach the folders that lead to either. That one can't remove the empty folder around its own; the next run does.
 */
const KEEPER = `
exec 5<&0 </dev/null
/proc/self/fd/4 - <&5 3<&- 5<&- & server=$!
exec 5<&-
{ cat <&3 >/dev/null; kill -TERM "$server"; } 2>/dev/null & watcher=$!
exec 3<&- 4<&-
wait "$server"; code=$?
kill "$watcher" 2>/dev/null
rm -rf -- ./* "$1" 2>/dev/null
exit "$code"
`;

/** Longest path of the folder for temporary files, in bytes: that of a socket has 107 (sun_path of unix(7)), and ours in there at most 74. */
const LONGEST_FOLDER = 33;
/** A server without data answers within this time, in milliseconds, on a computer that is busy with other things. */
const STARTING_MS = 60_000;
/** A file of 100 GB is loaded within this time, in milliseconds. */
const LOADING_MS = 6 * 3_600_000;
/** From the wish to end to the end by force, in milliseconds. */
const GRACE_MS = 10_000;
/** Databases that the file may have: memory is taken by those alone that have keys. */
const DATABASES = 1024;
/** How much of what the server says is kept, in characters. */
const LOG_LENGTH = 65_536;

/**
 * Starts a server that loads one file, which others may have written. It listens on a socket in a folder of mode 0700 and on no port, so that nobody else gets at the data and no password is
 * needed; it knows no command that no data needs; and where this process is root, it runs as a user that owns nothing.
 *
 * @throws LabError `cluster.no-server`, `cluster.not-loaded`, `cluster.foreign-command`
 */
export async function startTemporaryServer(options: TemporaryServerOptions): Promise<TemporaryServer> {
  const { serverBinary, data, signal } = options;
  signal?.throwIfAborted();
  await access(serverBinary, constants.X_OK).catch((error: unknown) => {
    throw noServer(serverBinary, messageOf(error));
  });
  const place = await makePlace();
  try {
    const foreign = await foreignCommandsOf(options);
    await put(data, place).catch((error: unknown) => {
      if (isAbsent(error)) throw noDataFile(data.path, messageOf(error));
      throw isDiskFault(error) ? fileNotWritten(place.folder, error) : fileNotRead(data.path, error);
    });
    const { server, log } = await start(place, serverBinary, [...configOf(data), ...foreign.map((name) => `rename-command ${name} ""`)]);
    return await whenLoaded(server, log, place, options);
  } catch (error) {
    await rm(place.outer, { recursive: true, force: true });
    throw error;
  }
}

/** Where a server runs: a folder that it owns, in one that only this user may enter. */
interface Place {
  readonly outer: string;
  readonly folder: string;
  /** Whom the server runs as. @default the user of this process */
  readonly user: UserIds | undefined;
}

async function makePlace(): Promise<Place> {
  const user = await unprivilegedUser();
  const outer = await makeFolder();
  const folder = join(outer, "d");
  await mkdir(folder, { mode: 0o700 });
  await giveTo(folder, user);
  return { outer, folder, user };
}

async function giveTo(path: string, user: UserIds | undefined): Promise<void> {
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

/** By program: what it knows besides what data needs. One without data says it; the names differ by product and version, and a name that it does not know would keep it from starting. */
const foreign = new Map<string, Promise<readonly string[]>>();

function foreignCommandsOf(options: TemporaryServerOptions): Promise<readonly string[]> {
  const known = foreign.get(options.serverBinary) ?? askForCommands(options);
  foreign.set(options.serverBinary, known);
  known.catch(() => foreign.delete(options.serverBinary));
  return known;
}

async function askForCommands(options: TemporaryServerOptions): Promise<readonly string[]> {
  // A place of its own: a server that ends takes it along, where its user may.
  const place = await makePlace();
  try {
    return await askIn(place, options);
  } finally {
    await rm(place.outer, { recursive: true, force: true });
  }
}

async function askIn(place: Place, { serverBinary, signal }: TemporaryServerOptions): Promise<readonly string[]> {
  const { server, log } = await start(place, serverBinary, [...BASE, "appendonly no"]);
  let ended = false;
  void server.ended.then(() => {
    ended = true;
  });
  try {
    const client = await waitFor(
      async () => {
        if (ended) throw noServer(serverBinary, lastWords(log()).join(" / ") || "it ended at once");
        try {
          return { done: true, value: await connectTo(place, serverBinary) };
        } catch (error) {
          if (!isLabError(error)) throw error;
          return { done: false, missing: error.what };
        }
      },
      { what: "the temporary server to start", timeoutMs: STARTING_MS, intervalMs: 5, signal },
    );
    try {
      return foreignCommands(parseCommands(await client.call(["COMMAND"])));
    } finally {
      client.close();
    }
  } finally {
    await server.stop();
  }
}

/** Starts the program with a configuration, in its folder. */
async function start(
  { outer, folder, user }: Place,
  serverBinary: string,
  config: readonly string[],
): Promise<{ readonly server: RunningProgram; readonly log: () => string }> {
  let log = "";
  const keep = (chunk: Buffer) => {
    log = (log + chunk.toString("latin1")).slice(-LOG_LENGTH);
  };
  const program = await open(serverBinary, "r");
  try {
    const server = startProgram("sh", ["-c", KEEPER, "redis-lab", outer], {
      cwd: folder,
      input: `${config.join("\n")}\n`,
      // Nothing of our environment: it may hold passwords.
      environment: { LC_ALL: "C", PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
      stopBy: "descriptor-3",
      graceMs: GRACE_MS,
      user,
      descriptors: [program.fd],
      onStdout: keep,
      onStderr: keep,
    });
    return { server, log: () => log };
  } finally {
    await program.close();
  }
}

function connectTo({ folder }: Place, address: string): Promise<RedisClient> {
  const dial: Dial = () => dialSocket(join(folder, "redis.sock"));
  return connectRedis({ address, port: 0 }, dial, { passwords: [], timeoutMs: 60_000 });
}

async function makeFolder(): Promise<string> {
  return temporaryFolder("load", tmpdir().length > LONGEST_FOLDER ? "/tmp" : tmpdir());
}

/** The file is only read: an RDB through a link, where its server may read it; all else as a copy, plain files without a mode of their own. */
async function put(data: DataFile, { folder, user }: Place): Promise<void> {
  const copy = async (from: string, to: string) => {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
    await chmod(to, 0o600);
    await giveTo(to, user);
  };
  switch (data.kind) {
    case "rdb":
      return user === undefined ? symlink(data.path, join(folder, "dump.rdb")) : copy(data.path, join(folder, "dump.rdb"));
    case "aof":
      return copy(data.path, join(folder, "appendonly.aof"));
    case "aof-folder": {
      const parts = join(folder, "appendonlydir");
      await mkdir(parts, { mode: 0o700 });
      await giveTo(parts, user);
      for (const part of [`${data.name}.manifest`, ...data.parts]) await copy(join(data.path, part), join(parts, part));
      return;
    }
    default:
      return data satisfies never;
  }
}

/** Relative names alone: no path has to be quoted. */
const BASE = [
  "port 0",
  "unixsocket redis.sock",
  "unixsocketperm 700",
  "daemonize no",
  "dir ./",
  'save ""',
  "dbfilename dump.rdb",
  `databases ${DATABASES}`,
  "maxclients 32",
];

function configOf(data: DataFile): readonly string[] {
  return [
    ...BASE,
    ...(data.kind === "rdb" ? ["appendonly no"] : ["appendonly yes", "appendfsync no", "auto-aof-rewrite-percentage 0"]),
    ...(data.kind === "aof-folder" ? ["appenddirname appendonlydir", `appendfilename ${data.name}`] : []),
  ];
}

async function whenLoaded(
  server: RunningProgram,
  log: () => string,
  place: Place,
  options: TemporaryServerOptions,
): Promise<TemporaryServer> {
  const { data, serverBinary, emit, signal } = options;
  let ended: readonly string[] | undefined;
  void server.ended.then(({ exitCode, failure }) => {
    // Above 128: the shell's way to tell of a signal.
    const killed = exitCode !== null && exitCode > 128 ? `\n${KILLED} ${exitCode - 128}\n` : "";
    ended = failure === undefined ? lastWords(log() + killed) : [failure.text];
  });
  let client: RedisClient | undefined;
  const close = async () => {
    client?.close();
    await server.stop();
    await rm(place.outer, { recursive: true, force: true });
  };
  try {
    const version = await waitFor(
      async () => {
        if (ended !== undefined) throw loadFault(data.path, serverBinary, ended);
        try {
          client ??= await connectTo(place, data.path);
          const info = parseServerInfo(String(await client.call(["INFO"])));
          if (!info.loading) return { done: true, value: info.version };
          const percent = Number(info.raw["loading_loaded_perc"] ?? 0);
          emit({
            type: "progress",
            host: undefined,
            step: "load",
            detail: `${Math.round(percent)} % of ${data.path}`,
            fraction: percent / 100,
          });
          return { done: false, missing: `${Math.round(percent)} % are loaded` };
        } catch (error) {
          if (!isLabError(error)) throw error;
          client = undefined; // not yet, or not any more: the next look tells
          return { done: false, missing: error.what };
        }
      },
      { what: "the temporary server to load its file", timeoutMs: LOADING_MS, intervalMs: 20, signal },
    );
    if (client === undefined) throw new Error("a server that answered has a client");
    for (const text of truncations(log())) emit({ type: "notice", level: "warning", text: `${data.path}: ${text}` });
    return { client, version, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** `Unknown command 'module' reading the append only file`, as every line of Redis says it (aof.c). */
function loadFault(file: string, server: string, words: readonly string[]) {
  const command = words.flatMap((text) => /Unknown command '([^']{1,64})' reading the append only file/i.exec(text)?.[1] ?? [])[0];
  return command === undefined ? notLoaded(file, server, words) : foreignCommand(file, command);
}

function dialSocket(path: string): Promise<ReturnType<typeof connect>> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(socket));
    socket.once("error", reject);
  });
}

const KILLED = "it was ended by signal";

const TITLES = Object.values(PRODUCTS)
  .map(({ title }) => title)
  .join("|");
/** What every server says, whatever it loads. */
const CHATTER = new RegExp(
  `^(WARNING|Server initialized|oO0OoO|(${TITLES}) version=|Configuration loaded|(${TITLES}) is starting|.*Can't set maximum open files|.*maxclients)`,
);

/** The last warnings of a server that ended, or whatever it said last. Pure. */
export function lastWords(log: string): readonly string[] {
  const lines = log.split(/\r?\n/).map((line) => line.trim());
  // `1234:M 01 Jan 10:00:00.000 # Bad file format …`, from 7.0 on with the year.
  const warnings = lines.flatMap((line) => /^\d+:\w \d+ \w+ .*? # (?<text>.*)$/.exec(line)?.groups?.["text"] ?? []);
  const reported = warnings.filter((text) => text !== "" && !CHATTER.test(text));
  const killed = lines.filter((line) => line.startsWith(KILLED));
  const said = reported.length > 0 ? reported : lines.filter((line) => line !== "" && !killed.includes(line));
  return [...said.slice(-3), ...killed];
}

/** What a server says of an AOF that was cut off, and that it has loaded all the same. */
function truncations(log: string): readonly string[] {
  return /aof-load-truncated is enabled|Truncating the AOF/i.test(log)
    ? ["the end of the file is cut off; everything before it was loaded (aof-load-truncated)."]
    : [];
}
