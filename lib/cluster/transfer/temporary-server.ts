import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { access, chmod, copyFile, cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isLabError, messageOf } from "../../error.ts";
import type { Emit } from "../../events.ts";
import { connectRedis } from "../../redis/client.ts";
import { parseServerInfo } from "../../redis/commands.ts";
import type { Dial, RedisClient } from "../../redis/types.ts";
import { waitFor } from "../../wait.ts";
import type { DataFile } from "./data-file.ts";
import { noDataFile, noServer, notLoaded } from "./errors.ts";

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
  readonly version: string;
  /** Ends it and removes all that it had. The file that it has loaded stays as it was. */
  close(): Promise<void>;
}

/**
 * Ends the server when the process that started it is gone, however it ended: its end of descriptor 3 is closed then. In a session of its own, so that Ctrl-C, which the process
 * answers by finishing what is in flight, does not take the server from under it.
 */
const KEEPER = `
"$1" ./redis.conf 3<&- & server=$!
{ cat <&3 >/dev/null; kill -TERM "$server"; } 2>/dev/null & watcher=$!
exec 3<&-
wait "$server"; code=$?
kill "$watcher" 2>/dev/null
rm -rf -- "$2"
exit "$code"
`;

/** Longest path of a socket, in bytes: sun_path of unix(7), and some room. */
const LONGEST_PATH = 90;
/** A file of 100 GB is loaded within this time, in milliseconds. */
const LOADING_MS = 6 * 3_600_000;
/** From the wish to end to the end by force, in milliseconds. */
const GRACE_MS = 10_000;
/** Databases that the file may have: memory is taken by those alone that have keys. */
const DATABASES = 1024;
/** How much of what the server says is kept, in characters. */
const LOG_LENGTH = 65_536;

/**
 * Starts a server that loads one file. It listens on a socket in a folder of mode 0700 and on no port, so that nobody else gets at the data and no password is needed.
 *
 * @throws LabError `cluster.no-server`, `cluster.not-loaded`
 */
export async function startTemporaryServer(options: TemporaryServerOptions): Promise<TemporaryServer> {
  const { serverBinary, data, signal } = options;
  signal?.throwIfAborted();
  await access(serverBinary, constants.X_OK).catch((error: unknown) => {
    throw noServer(serverBinary, messageOf(error));
  });
  const folder = await makeFolder();
  try {
    await place(data, folder).catch((error: unknown) => {
      throw noDataFile(data.path, messageOf(error));
    });
    await writeFile(join(folder, "redis.conf"), `${configOf(data).join("\n")}\n`, { mode: 0o600 });
    // Nothing of our environment: it may hold passwords.
    const child = spawn("sh", ["-c", KEEPER, "redis-lab", serverBinary, folder], {
      cwd: folder,
      detached: true,
      env: { LC_ALL: "C", PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    return await whenLoaded(child, folder, options);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function makeFolder(): Promise<string> {
  const below = tmpdir().length > LONGEST_PATH - 40 ? "/tmp" : tmpdir();
  return mkdtemp(join(below, "redis-lab-load-")); // 0700
}

/** The file is only read: an RDB through a link; an AOF as a copy, as its server writes to it. */
async function place(data: DataFile, folder: string): Promise<void> {
  switch (data.kind) {
    case "rdb":
      return symlink(data.path, join(folder, "dump.rdb"));
    case "aof":
      await copyFile(data.path, join(folder, "appendonly.aof"), constants.COPYFILE_FICLONE);
      return chmod(join(folder, "appendonly.aof"), 0o600);
    case "aof-folder":
      return cp(data.path, join(folder, "appendonlydir"), { recursive: true, mode: constants.COPYFILE_FICLONE });
  }
}

/** Relative names alone: no path has to be quoted. */
function configOf(data: DataFile): readonly string[] {
  return [
    "port 0",
    "unixsocket redis.sock",
    "unixsocketperm 700",
    "daemonize no",
    "dir ./",
    'save ""',
    "dbfilename dump.rdb",
    `databases ${DATABASES}`,
    "maxclients 32",
    ...(data.kind === "rdb" ? ["appendonly no"] : ["appendonly yes", "appendfsync no", "auto-aof-rewrite-percentage 0"]),
    ...(data.kind === "aof-folder" ? ["appenddirname appendonlydir", `appendfilename ${data.name}`] : []),
  ];
}

async function whenLoaded(child: ChildProcess, folder: string, options: TemporaryServerOptions): Promise<TemporaryServer> {
  const { data, serverBinary, emit, signal } = options;
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => {
      log = (log + chunk.toString("latin1")).slice(-LOG_LENGTH);
    });
  let ended = false;
  child.once("exit", (code) => {
    // The shell's way to tell of a signal.
    if (code !== null && code > 128) log += `\n${KILLED} ${code - 128}\n`;
  });
  // Not `close`: that waits for descriptor 3 too, which is ours to close.
  void Promise.all([once(child, "exit"), ...[child.stdout, child.stderr].map((stream) => stream && once(stream, "close"))]).then(
    () => {
      ended = true;
    },
    () => {
      ended = true;
    },
  );
  const lifeline = child.stdio[3];
  lifeline?.on("error", () => undefined); // it is closed on the other side when the server ended by itself
  let client: RedisClient | undefined;
  const close = async () => {
    client?.close();
    lifeline?.destroy();
    const gone = async () => (ended ? { done: true as const, value: undefined } : { done: false as const, missing: "its end" });
    await waitFor(gone, { what: "the temporary server to end", timeoutMs: GRACE_MS, intervalMs: 10 }).catch(() => killGroup(child));
    await rm(folder, { recursive: true, force: true });
  };
  const dial: Dial = () => dialSocket(join(folder, "redis.sock"));
  try {
    const version = await waitFor(
      async () => {
        if (ended) throw notLoaded(data.path, serverBinary, lastWords(log));
        try {
          client ??= await connectRedis({ address: data.path, port: 0 }, dial, { passwords: [], timeoutMs: 60_000 });
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
      { what: "the temporary server to load its file", timeoutMs: LOADING_MS, intervalMs: 20, ...(signal && { signal }) },
    );
    if (client === undefined) throw new Error("a server that answered has a client");
    for (const text of truncations(log)) emit({ type: "notice", level: "warning", text: `${data.path}: ${text}` });
    return { client, version, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

function dialSocket(path: string): Promise<ReturnType<typeof connect>> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(socket));
    socket.once("error", reject);
  });
}

const KILLED = "it was ended by signal";

/** What every server says, whatever it loads. */
const CHATTER =
  /^(WARNING|Server initialized|oO0OoO|Redis version=|Configuration loaded|Redis is starting|.*Can't set maximum open files|.*maxclients)/;

/** The last warnings of a server that ended, or whatever it said last. Pure. */
export function lastWords(log: string): readonly string[] {
  const lines = log.split(/\r?\n/).map((line) => line.trim());
  // `1234:M 01 Jan 10:00:00.000 # Bad file format …`, from 7.0 on with the year.
  const warnings = lines.flatMap((line) => /^\d+:\w \d+ \w+ .*? # (?<text>.*)$/.exec(line)?.groups?.["text"] ?? []);
  const told = warnings.filter((text) => text !== "" && !CHATTER.test(text));
  const killed = lines.filter((line) => line.startsWith(KILLED));
  const said = told.length > 0 ? told : lines.filter((line) => line !== "" && !killed.includes(line));
  return [...said.slice(-3), ...killed];
}

/** What a server says of an AOF that was cut off, and that it has loaded all the same. */
function truncations(log: string): readonly string[] {
  return /aof-load-truncated is enabled|Truncating the AOF/i.test(log)
    ? ["the end of the file is cut off; everything before it was loaded (aof-load-truncated)."]
    : [];
}
