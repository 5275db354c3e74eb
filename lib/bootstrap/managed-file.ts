import type { Connection } from "../connection/connection.ts";
import { raw, sh } from "../connection/quote.ts";
import { type DirectiveChange, directiveKeys, mergeRedisConf, mergeSentinelConf, withoutRole } from "../redis/conf/conf.ts";
import type { Version } from "../redis/version.ts";
import { mergeBlock } from "../render/block.ts";
import { maskedDiff } from "../render/diff.ts";
import type { RenderedFile } from "../render/rendered-file.ts";
import type { AppliedRecord } from "./applied-record.ts";
import { commandFailed } from "./errors.ts";
import type { AppliedStamp, HostFacts, PathFact } from "./facts.ts";
import { originalOf, ownerOf } from "./host-paths.ts";
import { isMarked } from "./ownership.ts";
import type { Change } from "./plan.ts";
import type { StepContext } from "./step.ts";
import type { HostWanted } from "./wanted.ts";

export interface MergedFile {
  readonly text: string;
  /** Of configurations only. */
  readonly changes: readonly DirectiveChange[];
}

/** A rendered file as it is to stand on the host, given what stands there. Pure. */
export function mergeFile(file: RenderedFile, live: string | undefined, applied: AppliedStamp, version: Version): MergedFile {
  const owned = applied.files[file.path]?.owned ?? [];
  switch (file.kind) {
    case "whole":
      return { text: file.content, changes: [] };
    case "block":
      return { text: mergeBlock(live, file.content), changes: [] };
    case "redis-conf":
      return mergeRedisConf({ live, wanted: withoutRole(file.content), owned, version });
    case "sentinel-conf":
      return mergeSentinelConf({ live, wanted: file.content, owned, version });
    default:
      return file.kind satisfies never;
  }
}

/** The files of a step that are not as wanted. Files that a running instance has read are left to the operations, but for owner and mode. */
export function fileChanges(facts: HostFacts, wanted: HostWanted, step: RenderedFile["step"]): Change[] {
  return wanted.files.filter((file) => file.step === step).flatMap((file) => fileChange(facts, wanted, file) ?? []);
}

function fileChange(facts: HostFacts, wanted: HostWanted, file: RenderedFile): Change | undefined {
  const { path, step } = file;
  const live = facts.files.get(path);
  const merged = mergeFile(file, live, facts.applied, wanted.placement.version);
  const change = (reason: Change["reason"], summary: string, diff?: string): Change => ({
    step,
    subject: path,
    reason,
    summary,
    ...(diff !== undefined && { diff }),
  });
  if (live === undefined) return change("absent", `write ${path}`, maskedDiff(path, undefined, merged.text, wanted.secrets));
  if (merged.text !== live && !isRead(facts, file)) {
    return change("different", `change ${path}${sideEffects(facts, file, live)}`, maskedDiff(path, live, merged.text, wanted.secrets));
  }
  if (hasRightMode(facts, wanted, file)) return undefined;
  return change(
    "wrong-owner-or-mode",
    file.kind === "block" ? `make ${path} ${isScript(file) ? "executable" : "readable for all"}` : `set owner and mode of ${path}`,
  );
}

/** What we need of the mode of a file of others: that all may read it, and run a script. Whether it may be written is theirs to say; ours replaces it. */
function neededMode(file: RenderedFile): number {
  return file.mode & 0o555;
}

function isScript(file: RenderedFile): boolean {
  return (file.mode & 0o111) !== 0;
}

/** What a change of a file of others does besides what its diff shows. */
function sideEffects(facts: HostFacts, file: RenderedFile, live: string): string {
  const mode = facts.paths.get(file.path)?.mode;
  return [
    ...(isScript(file) && mode !== undefined && (mode & 0o111) !== 0o111 ? [" and make it executable"] : []),
    ...(isMarked(live) ? [] : [`; what it was is kept as ${originalOf(file.path)}`]),
  ].join("");
}

/** Whether a running process has read this file, so that a change concerns it. */
export function isRead(facts: HostFacts, file: RenderedFile): boolean {
  const conf = file.kind === "redis-conf" || file.kind === "sentinel-conf";
  return conf && file.instance !== undefined && facts.instances.get(file.instance)?.process !== undefined;
}

function hasRightMode(facts: HostFacts, wanted: HostWanted, file: RenderedFile): boolean {
  const fact = facts.paths.get(file.path);
  const owner = ownerOf(wanted.placement, file.owner);
  if (fact === undefined) return false;
  // The mode of a file that others own too is theirs; only what we need of it is asked for.
  const mode = rightMode(fact.mode, file);
  return mode && (owner === undefined || file.kind === "block" || owner === `${fact.owner}:${fact.group}`);
}

function rightMode(mode: number, file: RenderedFile): boolean {
  switch (file.kind) {
    case "whole":
      return mode === file.mode;
    case "block":
      return (mode & neededMode(file)) === neededMode(file);
    case "redis-conf":
    case "sentinel-conf":
      // From 7.0 on Redis rewrites it through a rename, with 0644 less its umask (rewriteConfigOverwriteFile in config.c of 7.0.15): ours makes that 0600.
      return (mode & ~file.mode) === 0 && (mode & 0o600) === 0o600;
    default:
      return file.kind satisfies never;
  }
}

/** Writes the files of a step that changed: what was there before is kept once beside it as `*.redis-lab-orig`. */
export async function applyFiles(connection: Connection, changes: readonly Change[], context: StepContext): Promise<void> {
  const { wanted, facts } = context;
  const subjects = new Map(changes.map((change) => [change.subject, change] as const));
  for (const file of wanted.files) {
    const change = subjects.get(file.path);
    if (change === undefined || change.step !== file.step) continue;
    if (change.reason === "wrong-owner-or-mode") {
      await setMode(connection, wanted, file);
      continue;
    }
    await writeManagedFile(connection, wanted, context.applied, file, facts);
  }
}

async function setMode(connection: Connection, wanted: HostWanted, file: RenderedFile): Promise<void> {
  const owner = ownerOf(wanted.placement, file.owner);
  const chown = owner === undefined || file.kind === "block" ? "" : sh`chown ${owner} ${file.path} && `;
  // What others have set in a file of theirs stays.
  const mode = file.kind === "block" ? `a+r${isScript(file) ? "x" : ""}` : file.mode.toString(8);
  const result = await connection.run(`${chown}${sh`chmod ${mode} ${file.path}`}`, { title: "chmod", root: true });
  if (result.exitCode !== 0) throw commandFailed(connection.host, file.step, result);
}

/**
 * Reads a file afresh (Redis may have written it since the facts were taken), merges and writes it. What we own in it is remembered before it is written.
 *
 * @throws LabError `connection.*`, `render.broken-block`
 */
export async function writeManagedFile(
  connection: Connection,
  wanted: HostWanted,
  applied: AppliedRecord,
  file: RenderedFile,
  facts: HostFacts,
): Promise<MergedFile> {
  const { version } = wanted.placement;
  const live = (await connection.readFile(file.path))?.toString("utf8");
  const merged = mergeFile(file, live, applied.current, version);
  if (live !== undefined && !isMarked(live)) {
    const copy = originalOf(file.path);
    // A link stays a link: a copy of the unit behind an alias would come back as a second unit. It is made once: half of it, after a kill or on a full disk, would stand for the original for ever.
    const keep = sh`[ -e ${copy} ] || [ -L ${copy} ] || { cp -pP -- ${file.path} ${`${copy}.new`} && mv -fT -- ${`${copy}.new`} ${copy}; }`;
    const kept = await connection.run(keep, { title: "keep the original", root: true });
    if (kept.exitCode !== 0) throw commandFailed(connection.host, file.step, kept);
  }
  const conf = file.kind === "redis-conf" || file.kind === "sentinel-conf";
  const owned = conf ? directiveKeys(file.content, version) : [];
  const remember = (keys: readonly string[]) =>
    applied.update(connection, (stamp) => ({ ...stamp, files: { ...stamp.files, [file.path]: { owned: [...new Set(keys)].sort() } } }));
  if (conf) await remember([...(applied.current.files[file.path]?.owned ?? []), ...owned]);
  if (merged.text !== live) {
    const theirs = file.kind === "block" ? await theirFile(connection, file.path, facts.paths.get(file.path)) : undefined;
    const owner = theirs?.owner ?? ownerOf(wanted.placement, file.owner);
    await connection.writeFile(theirs?.path ?? file.path, merged.text, {
      mode: theirs === undefined ? file.mode : theirs.mode | neededMode(file),
      ...(owner !== undefined && { owner }),
    });
  }
  if (conf) await remember(owned);
  if (facts.selinux !== "disabled" && facts.commands.has("restorecon")) {
    await connection.run(sh`restorecon ${file.path}`, { title: "restorecon", root: true });
  }
  return merged;
}

/** Removes files of ours; where one took the place of a file or link of others, that one comes back. */
export function giveBack(files: readonly string[]): ReturnType<typeof raw> {
  const each = files.map((path) => {
    const original = originalOf(path);
    return sh`if [ -e ${original} ] || [ -L ${original} ]; then mv -fT -- ${original} ${path}; else rm -f -- ${path}; fi`;
  });
  return raw(each.length === 0 ? ":" : each.join("; "));
}

/** A file of others that is to be edited: where a link leads to it, the file and not the link. Undefined where there is none. */
export async function theirFile(
  connection: Connection,
  path: string,
  fact: PathFact | undefined,
): Promise<{ readonly path: string; readonly mode: number; readonly owner: string } | undefined> {
  if (fact === undefined) return undefined;
  if (fact.kind !== "link") return { path, mode: fact.mode, owner: `${fact.owner}:${fact.group}` };
  const result = await connection.run(sh`f=$(readlink -f -- ${path}) && stat -c '%a %U:%G' -- "$f" && printf '%s\n' "$f"`, {
    title: "follow a link",
    root: true,
  });
  const [, mode, owner, target] = /^([0-7]+) (\S+)\n(.+)\n$/.exec(result.stdout) ?? [];
  if (result.exitCode !== 0 || mode === undefined || owner === undefined || target === undefined) return undefined;
  return { path: target, mode: Number.parseInt(mode, 8), owner };
}
