import { kindOf, LabError } from "../base/error.ts";
import { oneOf } from "../base/list.ts";
import { byCount, plural } from "../base/text.ts";
import { PRODUCTS } from "../redis/products.ts";
import type { Version } from "../redis/version.ts";

// Which product wrote a file is not known here.
const PROGRAMS = Object.values(PRODUCTS).map(({ programs }) => programs);
const SERVER = oneOf(PROGRAMS.map(({ server }) => server));

// No factory takes a password, and none shows a value.

/** Keys are not text; those that are not are shown byte by byte. */
export function shownKey(key: Buffer): string {
  const text = JSON.stringify(key.toString("latin1"));
  return text.length > 120 ? `${text.slice(0, 117)}…"` : text;
}

// The source of an import.

export function sourcePassword(source: string, given: "none" | "wrong", user: string | undefined): LabError {
  const who = user === undefined ? "" : ` of the user ${user}`;
  return new LabError({
    code: "cluster.source-password",
    kind: "environment",
    what:
      given === "none"
        ? `The source ${source} asks for a password, and none was given.`
        : `The source ${source} refused the password${who}.`,
    next:
      given === "none"
        ? "Give it: --from-password-file FILE, REDIS_LAB_FROM_PASSWORD, or --from-askpass; with --from-user where it belongs to an ACL user."
        : "Give the password (requirepass, or that of the ACL user) of the source; it need not be that of the cluster.",
  });
}

export function sourceIsCluster(source: string): LabError {
  return new LabError({
    code: "cluster.source-is-cluster",
    kind: "refused",
    what: `The source ${source} is a node of a cluster: it has the keys of its own slots alone.`,
    why: "An import of one node of a cluster leaves the keys of the others behind.",
    next: "Back that cluster up and restore the backup here (`backup`, `restore`), or take the keys of this node alone (--this-node).",
  });
}

export function sourceIsMember(source: string, instance: string): LabError {
  return new LabError({
    code: "cluster.source-is-member",
    kind: "usage",
    what: `The source ${source} is ${instance}, a node of this very cluster.`,
    why: "Its keys are in the cluster already.",
    next: "Name a server outside the cluster as the source.",
  });
}

export function sourceIsSentinel(source: string): LabError {
  return new LabError({
    code: "cluster.source-is-sentinel",
    kind: "usage",
    what: `The source ${source} is a sentinel, which has no keys.`,
    next: "Name the master that it watches.",
  });
}

export function sourceLoading(source: string, why: string): LabError {
  return new LabError({
    code: "cluster.source-loading",
    kind: "refused",
    what: `The source ${source} ${why}.`,
    why: "An import now would miss keys.",
    next: "Wait until it has all of its keys (INFO persistence, INFO replication), or make a replica whose master is gone a master; then import again.",
  });
}

export function sourceIsReplica(source: string, master: string): LabError {
  return new LabError({
    code: "cluster.source-is-replica",
    kind: "refused",
    what: `The source ${source} is a replica of ${master}, and a replica deletes nothing.`,
    why: "A move deletes each key at the source once the cluster has it.",
    next: `Move from ${master}, or copy from the replica.`,
  });
}

export function sourceRefuses(source: string, command: string, reply: string): LabError {
  return new LabError({
    code: "cluster.source-refuses",
    kind: "refused",
    what: `The source ${source} answered ${command} with: ${reply}`,
    why: "An import reads with SCAN, DUMP, PTTL, TYPE and the commands that read each type; a move also watches and deletes (WATCH, MULTI, DEL, EXEC).",
    next: "Give a user who may do that, then import again: it continues.",
  });
}

export function badDatabase(value: number, databases: readonly number[]): LabError {
  return new LabError({
    code: "cluster.bad-database",
    kind: "usage",
    what: `${value} is not a database with keys of the source.`,
    next: databases.length === 0 ? "The source has no keys at all." : `Name some of ${databases.join(", ")}, or all of them.`,
  });
}

// The cluster as a target.

export function notWhole(missing: string): LabError {
  return new LabError({
    code: "cluster.not-whole",
    kind: "refused",
    what: `The cluster can't take keys now; not seen: ${missing}.`,
    why: "A key can go to any slot, so every slot needs a master that answers.",
    next: "`check` lists what is wrong, `fix` fixes it; then run the same command again: it continues.",
  });
}

export function sourceTooNew(given: {
  readonly source: string;
  readonly version: Version;
  readonly rdbVersion: number | undefined;
  readonly instance: string;
  readonly instanceVersion: Version;
}): LabError {
  const { source, version, rdbVersion, instance, instanceVersion } = given;
  return new LabError({
    code: "cluster.source-too-new",
    kind: "refused",
    what: `${instance} (${instanceVersion.title}) can't read what ${source} (${version.title}) writes: DUMP payload version or checksum are wrong.`,
    why: `Values of the source come in RDB version ${rdbVersion ?? "?"}; a server reads its own version and older ones.`,
    next: `Import into a cluster of ${version.title} or newer. It holds for every key, so none of the others was tried.`,
  });
}

export function targetRefuses(instance: string, reply: string): LabError {
  return new LabError({
    code: "cluster.target-refuses",
    kind: "refused",
    what: `${instance} takes no more keys: ${reply}`,
    next: "Fix what it says (with OOM: more maxmemory, or more masters), then run the same command again: it continues.",
  });
}

export function notTaken(keys: number, why: string, seconds: number): LabError {
  return new LabError({
    code: "cluster.not-taken",
    kind: "environment",
    what: `${plural(keys, "key")} found no master that would take ${byCount(keys, "it", "them")} for ${seconds} s: ${why}`,
    next: "`check` lists what is wrong with the cluster; then run the same command again: it continues.",
  });
}

/** Why an import ended before its end, with what it did. Keeps the code of the reason. */
export function importStopped(error: Error, imported: number): LabError {
  const reason = error instanceof LabError ? error : undefined;
  return new LabError({
    code: reason?.code ?? "cluster.import-stopped",
    kind: kindOf(error),
    what: `${reason?.what ?? error.message} ${plural(imported, "key was", "keys were")} imported before.`,
    why: reason?.why,
    next: reason?.next ?? "Run the same command again: what the cluster has already is found equal.",
    cause: error,
  });
}

// Files, and the server that reads them.

/** @param damaged it is of such a kind, and can't be read as one */
export function noDataFile(file: string, why: string, { damaged = false } = {}): LabError {
  return new LabError({
    code: "cluster.no-data-file",
    kind: damaged ? "refused" : "usage",
    what: `${file} can't be imported: ${why}.`,
    next: "Name an RDB file (dump.rdb), an AOF file (appendonly.aof), or the folder of a multi-part AOF (appendonlydir).",
  });
}

export function notLoaded(file: string, server: string, words: readonly string[]): LabError {
  return new LabError({
    code: "cluster.not-loaded",
    // Without a word it was killed, for example for want of memory: that says nothing of the file.
    kind: words.length === 0 ? "environment" : "refused",
    what: `${server} could not load ${file}: ${words.length === 0 ? "it ended without a word" : words.join(" / ")}`,
    why:
      words.length === 0
        ? "The kernel may have killed it for want of memory (dmesg)."
        : "The file is damaged, or was written by a newer Redis.",
    next: `${oneOf(PROGRAMS.flatMap(({ checkRdb, checkAof }) => [`\`${checkRdb}\``, `\`${checkAof}\``]))} tells where it is damaged; a newer file needs the ${SERVER} of its version or a newer one.`,
  });
}

/** A command that the temporary server was not given, or that its version does not know. */
export function foreignCommand(file: string, command: string): LabError {
  return new LabError({
    code: "cluster.foreign-command",
    kind: "refused",
    what: `${file} was not loaded: it holds the command ${JSON.stringify(command)}.`,
    why: "A file of commands may hold those that write data, and scripts. Others could run programs on this computer or contact other servers; a newer Redis may also have written a command that this one does not know.",
    next: "Look at the file where it came from. If that server is newer, name its server program by --server.",
  });
}

export function noServer(binary: string, why: string): LabError {
  return new LabError({
    code: "cluster.no-server",
    kind: "environment",
    what: `The ${SERVER} that reads files could not be started from ${binary}: ${why}.`,
    next: `Name a ${SERVER} program of this computer.`,
  });
}

// Backups.

export function folderTaken(folder: string, why: string): LabError {
  return new LabError({
    code: "cluster.backup-folder",
    kind: "usage",
    what: `No backup was made in ${folder}: ${why}.`,
    next: "Name a folder that does not exist yet, below one that you may write to.",
  });
}

export function notSent(instance: string, why: string): LabError {
  return new LabError({
    code: "cluster.snapshot-failed",
    kind: "environment",
    what: `${instance} did not send its data: ${why}.`,
    next: "The reason is in its log; fix it and back up again. Nothing of this attempt was kept.",
  });
}

export function notWritten(file: string, why: string): LabError {
  return new LabError({
    code: "cluster.backup-not-written",
    kind: "environment",
    what: `${file} could not be written: ${why}.`,
    next: "Make room or name another folder, then back up again. Nothing of this attempt was kept.",
  });
}

export function movedMeanwhile(changes: readonly string[], attempts: number): LabError {
  return new LabError({
    code: "cluster.changed-meanwhile",
    kind: "refused",
    what: `The cluster changed during each of ${attempts} attempts to back it up: ${changes.join("; ")}.`,
    why: "Files that were taken before and after a slot moved, or a replica took over, may lack keys or have them twice.",
    next: "Wait until nothing moves, then back up again.",
  });
}

/** @param damaged it was one, and can't be read */
export function noBackup(folder: string, why: string, { damaged = false } = {}): LabError {
  return new LabError({
    code: "cluster.no-backup",
    kind: damaged ? "refused" : "usage",
    what: `${folder} is not a complete backup: ${why}.`,
    next: "Name the folder that a backup has made; one whose name holds `.incomplete-` was broken off and can be deleted.",
  });
}

export function badBackup(folder: string, findings: readonly string[]): LabError {
  return new LabError({
    code: "cluster.bad-backup",
    kind: "refused",
    what: `The backup ${folder} is damaged: ${findings.join(" ")}`,
    why: "Nothing was restored from it.",
    next: "Use another backup, or bring back the files as they were.",
  });
}

export function targetNotEmpty(holders: readonly string[]): LabError {
  return new LabError({
    code: "cluster.target-not-empty",
    kind: "refused",
    what: `The cluster has keys already: ${holders.join(", ")}.`,
    why: "A restore into a cluster that has keys would mix both.",
    next: "Restore into an empty cluster, or overwrite (--replace), which is also how a restore that was broken off is finished.",
  });
}
