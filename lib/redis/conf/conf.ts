import { createHash } from "node:crypto";
import type { Version } from "../version.ts";
import { type ProductLine, repeatableAnywhere, wordsOf } from "../words.ts";
import { isSecretDirective } from "./compare.ts";
import { type Document, type Edit, editDocument, openDocument } from "./edit.ts";
import { type ConfDirective, isDirective, parseConf } from "./line.ts";
import { redisScheme, type Scheme, sentinelScheme, sentinelWord } from "./scheme.ts";
import { formatArgument } from "./value.ts";

export { type ConfDirective, type ConfLine, isDirective, parseConf } from "./line.ts";

/** One directive that the merge changes. Values of secret directives are given as `********`; the wanted ones are in the wanted text. */
export interface DirectiveChange {
  /** Name of the directive as this version writes it; in sentinel.conf `sentinel WORD` or `sentinel WORD MASTER`. */
  readonly name: string;
  /** The name, and what tells one line of a repeatable directive from another: `client-output-buffer-limit pubsub`. */
  readonly key: string;
  /** Arguments before, joined; several lines are joined by `, `. Undefined: there was no line. */
  readonly from: string | undefined;
  /** Arguments after. Undefined: removed, so that Redis' default holds after the next start. */
  readonly to: string | undefined;
  readonly secret: boolean;
}

export interface MergeInput {
  /** The file on the host; undefined when there is none. */
  readonly live: string | undefined;
  /** The rendered file. */
  readonly wanted: string;
  /** What was applied last time: `directiveKeys` of that text, or plain names. What is in here and no longer wanted is removed. */
  readonly owned: readonly string[];
  readonly version: Version;
}

export interface MergeResult {
  /** The file to be. Identical to `live`, byte by byte, where nothing changes. */
  readonly text: string;
  readonly changes: readonly DirectiveChange[];
  /**
   * Lines that are fixed in the file and that no running process needs to hear of: remains of an interrupted write, lines that Redis can't read, a `user default` that
   * CONFIG REWRITE derived from an older requirepass. One sentence each, without values. The text differs from `live` exactly where there are changes or repairs.
   */
  readonly repairs: readonly string[];
}

/** One directive of a file: all the lines that make up its value. */
interface Entry {
  readonly name: string;
  readonly key: string;
  readonly lines: ConfDirective[];
}

/**
 * Merges our directives into a redis.conf that Redis, Sentinel (CONFIG REWRITE on failover) or an operator may have changed. Ours win; comments, unknown lines and
 * everything else stay where they are. `replicaof`/`slaveof` is state once the file exists. Pure.
 *
 * @throws LabError `redis.unknown-version`
 */
export function mergeRedisConf(input: MergeInput): MergeResult {
  const words = wordsOf(input.version);
  const scheme = redisScheme(words);
  const document = openDocument(input.live ?? "", words);
  if (document.directives.length === 0) return fresh(input, scheme);
  const stale = staleDefaultUser(document, input.wanted, words);
  return merge(document, input, scheme, { lines: stale, repairs: stale.map(staleText) });
}

/**
 * The same for sentinel.conf. Sentinel's state stays: `myid`, epochs, `known-*`, and the address in `sentinel monitor`, while the quorum there is ours. A master that we
 * owned and no longer want goes with its state. Pure.
 *
 * @throws LabError `redis.unknown-version`
 */
export function mergeSentinelConf(input: MergeInput): MergeResult {
  const words = wordsOf(input.version);
  const scheme = sentinelScheme(words);
  const document = openDocument(input.live ?? "", words);
  if (document.directives.length === 0) return fresh(input, scheme);
  const { dropped, orphaned } = unwatchedLines(document, input, words);
  const stale = staleDefaultUser(document, input.wanted, words);
  const repairs = [
    ...orphaned.map(({ args }) => `\`sentinel ${args[0]} ${args[1]}\` removed: nothing in the file monitors that master`),
    ...stale.map(staleText),
  ];
  return merge(document, input, scheme, { lines: [...dropped, ...orphaned, ...stale], repairs, reported: dropped });
}

/**
 * A rendered redis.conf without the line that makes it a replica, and without its comment. It is what is written: a server that starts with data in its folder must load it and show it before
 * anything is replicated over it. The engine gives the role, and Redis writes it down.
 */
export function withoutRole(text: string): string {
  return text.replace(/(?:^#.*\n)?^(?:slaveof|replicaof)[ \t].*\n/gim, "");
}

/** What a text sets, to be kept and given as `owned` next time. State is not in it. */
export function directiveKeys(text: string, version: Version): string[] {
  const scheme = sentinelScheme(wordsOf(version));
  return [...entriesOf(parseConf(text).filter(isDirective), scheme).values()]
    .filter(({ name }) => !scheme.isState(name))
    .map(({ key }) => key);
}

/**
 * What a file sets: directive (lower case; its canonical name where a version is given) → the arguments of each of its lines. Of a directive that does not add up only
 * the last line is in effect, and only it is given. All Sentinel lines are under `sentinel`.
 */
export function effectiveDirectives(text: string, version?: Version): ReadonlyMap<string, readonly string[][]> {
  const words = version === undefined ? undefined : wordsOf(version);
  const found = new Map<string, string[][]>();
  for (const { name, args } of parseConf(text).filter(isDirective)) {
    const own = words?.canonical(name) ?? name;
    const adds = own === "sentinel" || (words?.repeatable(own) ?? repeatableAnywhere(own));
    found.set(own, [...(adds ? (found.get(own) ?? []) : []), [...args]]);
  }
  return found;
}

/** A file without any whole directive holds no state: it is replaced. */
function fresh(input: MergeInput, scheme: Scheme): MergeResult {
  const entries = entriesOf(parseConf(input.wanted).filter(isDirective), scheme);
  return {
    text: input.wanted,
    changes: [...entries.values()].map((entry) => changeOf(entry, undefined, textOf(entry.lines))),
    repairs: [],
  };
}

/** Lines that go, managed or not. */
interface Removal {
  readonly lines: readonly ConfDirective[];
  readonly repairs: readonly string[];
  /** Those of the lines that are changes, to be set in the running process. @default none */
  readonly reported?: readonly ConfDirective[];
}

function merge(document: Document, input: MergeInput, scheme: Scheme, removal: Removal): MergeResult {
  const removed = new Set(removal.lines);
  const live = entriesOf(
    document.directives.filter((line) => !removed.has(line)),
    scheme,
  );
  const wanted = entriesOf(parseConf(input.wanted).filter(isDirective), scheme);
  const edits: Edit[] = removal.lines.map((line) => ({ kind: "replace", lines: [line], by: [] }));
  const changes: DirectiveChange[] = [];
  for (const entry of entriesOf(removal.reported ?? [], scheme).values()) changes.push(changeOf(entry, textOf(entry.lines), undefined));

  for (const entry of wanted.values()) {
    const { name, key } = entry;
    const there = live.get(key);
    const value = scheme.valueOf(name, entry.lines);
    if (scheme.isState(name) || value === (there ? scheme.valueOf(name, there.lines) : scheme.absent(name, key))) continue;
    const by = scheme.adopt(name, entry.lines, there?.lines ?? []);
    edits.push(there ? { kind: "replace", lines: there.lines, by } : { kind: "add", after: scheme.anchor(key, document), by });
    changes.push(changeOf(entry, there && textOf(there.lines), textOf(parseConf(by.join("\n")).filter(isDirective))));
  }
  for (const entry of live.values()) {
    if (wanted.has(entry.key) || scheme.isState(entry.name) || !isOwned(entry, input.owned, scheme)) continue;
    edits.push({ kind: "replace", lines: entry.lines, by: [] });
    changes.push(changeOf(entry, textOf(entry.lines), undefined));
  }
  return { text: editDocument(document, edits), changes, repairs: [...document.repairs, ...removal.repairs] };
}

function entriesOf(lines: readonly ConfDirective[], scheme: Scheme): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const line of lines) {
    const { name, key } = scheme.keyOf(line);
    const entry = entries.get(key) ?? { name, key, lines: [] };
    entry.lines.push(line);
    entries.set(key, entry);
  }
  return entries;
}

/** An owned plain name stands for all lines of that name; second names are taken for the name that this version writes. */
function isOwned(entry: Entry, owned: readonly string[], scheme: Scheme): boolean {
  return owned.some((item) => {
    if (item === entry.key || item === entry.name) return true;
    const [line] = parseConf(item).filter(isDirective);
    return (
      line !== undefined && (scheme.keyOf(line).key === entry.key || (line.args.length === 0 && scheme.keyOf(line).name === entry.name))
    );
  });
}

function changeOf({ name, key }: Entry, from: string | undefined, to: string | undefined): DirectiveChange {
  const secret = isSecretDirective(name);
  const shown = (text: string | undefined) => (text === undefined ? undefined : secret ? "********" : text);
  return { name, key, from: shown(from), to: shown(to), secret };
}

function textOf(lines: readonly ConfDirective[]): string {
  return lines.map(({ args }) => args.map(formatArgument).join(" ")).join(", ");
}

/** The lines of masters that nobody monitors any more; Sentinel refuses to start on them: of those that we owned and dropped, and of those whose `monitor` is gone. */
function unwatchedLines(
  document: Document,
  input: MergeInput,
  { sentinel }: ProductLine,
): { readonly dropped: readonly ConfDirective[]; readonly orphaned: readonly ConfDirective[] } {
  const monitored = (lines: readonly ConfDirective[]) =>
    new Set(lines.filter((line) => line.name === "sentinel" && sentinelWord(line) === "monitor").map(({ args }) => args[1]));
  const wanted = monitored(parseConf(input.wanted).filter(isDirective));
  const live = monitored(document.directives);
  const isDropped = (master: string | undefined) =>
    live.has(master) && !wanted.has(master) && input.owned.includes(`sentinel monitor ${master}`);
  const ofMasters = document.directives.filter((line) => {
    const word = sentinelWord(line);
    return (
      line.name === "sentinel" &&
      line.args.length > 1 &&
      (sentinel.perMaster.has(word) || (sentinel.state.has(word) && !sentinel.globalState.has(word)))
    );
  });
  return {
    dropped: ofMasters.filter(({ args }) => isDropped(args[1])),
    orphaned: ofMasters.filter(({ args }) => !live.has(args[1])),
  };
}

const staleText = () => "`user default` of an older requirepass removed";

/**
 * `user default` as CONFIG REWRITE derived it from a requirepass that is no longer wanted: at the next start it would win over our requirepass and lock the lab out.
 * One that says more than CONFIG REWRITE would is an operator's and stays; so does any where we want `user default` ourselves. Versions without users know no such line at all.
 */
function staleDefaultUser(document: Document, wantedText: string, { rewritesDefaultUser }: ProductLine): ConfDirective[] {
  const wanted = effectiveDirectives(wantedText);
  if (wanted.get("user")?.some(([name]) => name === "default")) return [];
  const password = wanted.get("requirepass")?.at(-1)?.[0] ?? "";
  const login = password === "" ? "nopass" : `#${createHash("sha256").update(password).digest("hex")}`;
  return document.directives.filter(({ name, args }) => {
    const logins = args.filter((arg) => arg === "nopass" || /^#[0-9a-f]{64}$/.test(arg));
    const derived = name === "user" && args[0] === "default" && logins.length > 0;
    return derived && !(rewritesDefaultUser && logins.length === 1 && logins[0] === login);
  });
}
