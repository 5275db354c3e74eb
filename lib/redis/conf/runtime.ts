import type { Argument } from "../types.ts";
import type { Version } from "../version.ts";
import { wordsOf } from "../words.ts";
import { bufferClass, normalArguments } from "./compare.ts";
import { type DirectiveChange, isDirective, parseConf } from "./conf.ts";

/** CONFIG SET of 4.0 knows fewer units than the file: `client-output-buffer-limit pubsub 65mb …` is taken as 65 bytes without a word (strtoll in config.c). */
const plainArguments = normalArguments;

/** How the changes of a merge reach a running instance. */
export interface RuntimeChanges {
  /** Commands to send in this order; they may hold secrets. */
  readonly commands: readonly (readonly Argument[])[];
  /** Keys of the changes that these commands bring about. */
  readonly live: readonly string[];
  /** Keys of the changes that need a restart: what can't be set, and what was removed, as Redis can't tell its default. */
  readonly restart: readonly string[];
}

/** What both versions know when a running instance is another build than the one that it will be: a password goes round while all of them run. */
const IN_ALL_VERSIONS: ReadonlySet<string> = new Set(["masterauth", "requirepass"]);

/**
 * Divides changes into what CONFIG SET, SENTINEL SET, MONITOR and REMOVE do now and what waits for a restart. `text` is the merged file, where the values are.
 *
 * @param kind a sentinel has no CONFIG
 * @param running `other-build`: the instance is restarted anyway, with a version that may have other words than the one that runs
 * @throws LabError `redis.unknown-version`
 */
export function runtimeChanges(
  changes: readonly DirectiveChange[],
  text: string,
  version: Version,
  running: "this-build" | "other-build" = "this-build",
  kind: "redis" | "sentinel" = "redis",
): RuntimeChanges {
  const words = wordsOf(version);
  const lines = parseConf(text).filter(isDirective);
  const commands: (readonly Argument[])[] = [];
  const live: string[] = [];
  const restart: string[] = [];
  const unwatched = new Set(
    changes.filter(({ name, to }) => name.startsWith(MONITOR) && to === undefined).map(({ name }) => name.slice(MONITOR.length)),
  );
  for (const change of changes) {
    const atRunTime = change.name.startsWith("sentinel ") ? sentinelCommands(change) : configSet(change);
    (atRunTime === undefined ? restart : live).push(change.key);
    commands.push(...(atRunTime ?? []));
  }
  return { commands, live, restart };

  function configSet({ name, key, to }: DirectiveChange): readonly (readonly Argument[])[] | undefined {
    if (kind === "sentinel" || to === undefined || !words.settable(name)) return undefined;
    if (running === "other-build" && !IN_ALL_VERSIONS.has(name)) return undefined;
    const own = lines.filter((line) => words.canonical(line.name) === words.canonical(name));
    const last =
      own.findLast(({ args }) => name !== "client-output-buffer-limit" || `${name} ${bufferClass(args[0] ?? "")}` === key)?.args ?? [];
    const value =
      name === "save"
        ? own.flatMap(({ args }) => args).filter((arg) => arg !== "")
        : name === "client-output-buffer-limit"
          ? [last[0] ?? "", ...plainArguments(name, last.slice(1))]
          : plainArguments(name, last);
    return [["CONFIG", "SET", name, value.join(" ")]];
  }

  function sentinelCommands({ name, from, to }: DirectiveChange): readonly (readonly Argument[])[] | undefined {
    if (running === "other-build") return undefined;
    const [, word = "", master = ""] = name.split(" ");
    // A master that is no longer watched takes its options with it.
    if (unwatched.has(master)) return word === "monitor" ? [["SENTINEL", "REMOVE", master]] : [];
    const args =
      lines.findLast((line) => line.name === "sentinel" && line.args[0]?.toLowerCase() === word && line.args[1] === master)?.args ?? [];
    // A change of a master that is watched already differs in its quorum alone.
    if (word === "monitor")
      return from === undefined ? [["SENTINEL", "MONITOR", ...args.slice(1)]] : [["SENTINEL", "SET", master, "quorum", args[4] ?? ""]];
    if (!words.sentinel.settable.has(word)) return undefined;
    // A sentinel logs and publishes what SENTINEL SET sets (`+set`, sentinelSetCommand in sentinel.c of 4.0.14), so a changed password goes in through the file.
    if (word === "auth-pass" && from !== undefined) return undefined;
    const value = to === undefined ? words.sentinel.defaults[word] : undefined;
    if (to === undefined) return value === undefined ? undefined : [["SENTINEL", "SET", master, word, value]];
    return [["SENTINEL", "SET", master, word, ...args.slice(2)]];
  }
}

const MONITOR = "sentinel monitor ";
