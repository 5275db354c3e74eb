/** A command as COMMAND describes it. */
export interface CommandFlags {
  /** In lower case. */
  readonly name: string;
  readonly flags: ReadonlySet<string>;
}

/** What redis-lab asks a server that has loaded a file. None of them reaches anything but the data. */
const ASKED = ["command", "dbsize", "dump", "exists", "info", "memory", "ping", "pttl", "scan", "unwatch", "watch"];
/**
 * What an AOF holds besides commands that write: the database, transactions, and scripts, which 4.0 writes as they were called (server.c, `propagate`) and later lines as functions. What a
 * script calls is held to the same list, as the server knows no other command.
 */
const AROUND_WRITES = ["eval", "evalsha", "exec", "fcall", "function", "multi", "script", "select"];
/** What scripts call besides commands that read and write. */
const IN_SCRIPTS = ["echo", "publish", "spublish", "time"];
const NEEDED: ReadonlySet<string> = new Set([...ASKED, ...AROUND_WRITES, ...IN_SCRIPTS]);

/** Commands on data that reach other servers, or the insides of this one. */
const REACHING: ReadonlySet<string> = new Set(["migrate", "pfdebug"]);
/** Flags of commands that no data needs; 7.0 and later name what 4.0 calls `admin` in several ways. */
const FOREIGN_FLAGS = ["admin", "pubsub"];

/**
 * Commands that a server must not know while it loads a file which others may have written: an AOF is a list of commands, and its server obeys MODULE LOAD in it as any other, past
 * `enable-module-command` and all users (aof.c, `loadAppendOnlyFile`). Pure.
 *
 * @param commands all that the server knows
 * @returns their names, sorted
 */
export function foreignCommands(commands: readonly CommandFlags[]): readonly string[] {
  return commands
    .filter((command) => !belongs(command))
    .map(({ name }) => name)
    .sort();
}

function belongs({ name, flags }: CommandFlags): boolean {
  if (NEEDED.has(name)) return true;
  return (flags.has("write") || flags.has("readonly")) && !REACHING.has(name) && !FOREIGN_FLAGS.some((flag) => flags.has(flag));
}

/** The reply to COMMAND: `[NAME, ARITY, [FLAG, …], …]` for each. */
export function parseCommands(reply: unknown): readonly CommandFlags[] {
  if (!Array.isArray(reply)) return [];
  return reply.flatMap((entry) => {
    const [name, , flags] = Array.isArray(entry) ? entry : [];
    if (name === undefined) return [];
    return [{ name: String(name).toLowerCase(), flags: new Set(Array.isArray(flags) ? flags.map(String) : []) }];
  });
}
