import { isLabError } from "../base/error.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import { type Arguments, parseArguments } from "./arguments.ts";
import { sayWhy } from "./errors.ts";
import { helpText, moreHelp } from "./help.ts";
import { Quit, type TribHost } from "./host.ts";
import { Screen } from "./screen.ts";
import type { Command } from "./session.ts";

/** Loaded when they run: the help waits for nothing. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  create: () => import("./commands/create.ts"),
  check: () => import("./commands/check.ts"),
  info: () => import("./commands/info.ts"),
  fix: () => import("./commands/fix.ts"),
  reshard: () => import("./commands/reshard.ts"),
  rebalance: () => import("./commands/rebalance.ts"),
  "add-node": () => import("./commands/add-node.ts"),
  "del-node": () => import("./commands/del-node.ts"),
  "set-timeout": () => import("./commands/set-timeout.ts"),
  call: () => import("./commands/call.ts"),
  import: () => import("./commands/import.ts"),
  backup: () => import("./commands/backup.ts"),
};

const DONE = 0;
const FAILED = 1;
const INTERRUPTED = 130;

/** redis-trib: a command line, and what it says and asks through its host. @returns the exit code. Only defects are thrown. */
export async function runTrib(argv: readonly string[], host: TribHost): Promise<number> {
  const screen = new Screen(host);
  const parsed = parseArguments(argv);
  switch (parsed.kind) {
    case "help":
      host.write(helpText());
      for (const line of moreHelp()) host.warn(line);
      return parsed.code;
    case "error":
      if (parsed.line.startsWith("[")) screen.xputs(parsed.line);
      else screen.puts(parsed.line);
      return FAILED;
    case "command":
      return runCommand(parsed.arguments, host, screen);
    default:
      return parsed satisfies never;
  }
}

async function runCommand({ command, words, options }: Arguments, host: TribHost, screen: Screen): Promise<number> {
  const load = COMMANDS[command.name];
  if (load === undefined) return DONE;
  let close = () => {};
  try {
    const [{ run }, { openTribAccess }, { nodeCredentials }] = await Promise.all([
      load(),
      import("./access.ts"),
      import("./credentials.ts"),
    ]);
    const access = openTribAccess(await nodeCredentials(options, host), host.signal);
    close = () => access.close();
    const code = await run({ words, options, host, screen, access, names: new Map() });
    return host.signal.aborted ? INTERRUPTED : code;
  } catch (error) {
    return await endOf(error, host, screen);
  } finally {
    close();
  }
}

async function endOf(error: unknown, host: TribHost, screen: Screen): Promise<number> {
  screen.endLine();
  if (error instanceof Quit) return error.code;
  if (host.signal.aborted && !isLabError(error)) {
    host.warn("redis-trib: interrupted. What was in flight has come to its end; run the same command again for the rest.");
    return INTERRUPTED;
  }
  if (!isLabError(error)) {
    // What a server refuses in plain words: a user without the right to it, a disk that is full at SHUTDOWN.
    if (!(error instanceof RedisReplyError)) throw error;
    screen.xputs(`[ERR] ${error.message}`);
    return FAILED;
  }
  screen.xputs(`[ERR] ${error.what}`);
  sayWhy(host, error);
  return host.signal.aborted ? INTERRUPTED : FAILED;
}
