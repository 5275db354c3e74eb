import type { ValueKinds } from "./value-kinds.ts";

/** What one line of a product's versions (`4.0`, `7.0` of Redis) calls its directives, and what it does otherwise than others. Data only; `wordsOf` answers questions about it. */
export interface LineWords extends LineFacts {
  /** Directives of redis.conf that CONFIG SET takes too. */
  readonly settable: ReadonlySet<string>;
  /** Directives of redis.conf that only a restart changes. */
  readonly fixed: ReadonlySet<string>;
  /** Directives that may stand several times, each line adding to the others. */
  readonly repeatable: ReadonlySet<string>;
  /** Second names → the name under which CONFIG REWRITE writes the directive. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Directives of builds with BUILD_TLS=yes. */
  readonly tls: ReadonlySet<string>;
  /** What may stand behind each directive, by the name under which CONFIG REWRITE writes it. */
  readonly values: ValueKinds;
  readonly sentinel: SentinelWords;
}

/** What every line says for itself, since none of it may be taken over from the line before without a look into the sources. */
export interface LineFacts {
  /** Whether the tests run against a real server of this line. */
  readonly verified: boolean;
  /** Version of the format of its snapshots and of DUMP (RDB_VERSION in rdb.h): a server reads its own and older ones. */
  readonly rdbVersion: number;
  /** What a file without any `save` means: up to 5.0 a configuration file switches the built-in save points off, and CONFIG REWRITE drops `save ""`. */
  readonly withoutSave: "nothing" | "defaults";
  /** CONFIG REWRITE adds `user default … #SHA256-OF-REQUIREPASS …`, which wins over requirepass at the next start (ACLLoadConfiguredUsers in acl.c). */
  readonly rewritesDefaultUser: boolean;
  /** Whether `module.setting` lines are taken. */
  readonly moduleSettings: boolean;
  /** Whether a build without TLS reads the TLS directives, and ends only when one of them asks for TLS; else it ends with "Bad directive". */
  readonly plainBuildReadsTls: boolean;
  /** `supervised systemd` says READY only when it was built with USE_SYSTEMD=yes; before 6.0 Redis wrote to the socket itself (redis#7329). */
  readonly supervisedNeedsLibsystemd: boolean;
  /** Arguments of make without which the line does not build with today's compilers. */
  readonly makeFlags: readonly string[];
  /** Whether a node keeps the mark of a slot that its owner seems to claim no longer (owner_not_claiming_slot in cluster.c), even when the node gets the slot itself. */
  readonly keepsSlotMarks: boolean;
}

/** The words after `sentinel` in sentinel.conf. */
export interface SentinelWords {
  /** Without a master's name. */
  readonly global: ReadonlySet<string>;
  /** `sentinel WORD MASTER …`. */
  readonly perMaster: ReadonlySet<string>;
  /** What Sentinel writes for itself. Of `monitor` the address is state as well, the quorum is not. */
  readonly state: ReadonlySet<string>;
  /** Those of `state` that carry no master's name. */
  readonly globalState: ReadonlySet<string>;
  /** Per-master words that SENTINEL SET takes; it takes `quorum` too. Scripts are left out: deny-scripts-reconfig forbids them. */
  readonly settable: ReadonlySet<string>;
  /** Values that Sentinel drops from its file when it rewrites it. */
  readonly defaults: Readonly<Record<string, string>>;
  /** Whether sentinels are given a password (`requirepass`, `sentinel-pass`): in 4.0 it locks everybody out, as AUTH is not among Sentinel's commands. */
  readonly takesPassword: boolean;
}

/** The line after another: the facts are its own, and words that it does not name are those of the line before. */
export function lineAfter(before: LineWords, line: LineFacts & Partial<LineWords>): LineWords {
  return { ...before, ...line };
}

/** The words of a text, as a set. */
export function words(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/).filter((word) => word !== ""));
}

/** A line's words with those that the next line brought. */
export function plus(before: ReadonlySet<string>, text: string): ReadonlySet<string> {
  return new Set([...before, ...words(text)]);
}

/** A line's words without those that the next line dropped. */
export function minus(before: ReadonlySet<string>, text: string): ReadonlySet<string> {
  const dropped = words(text);
  return new Set([...before].filter((word) => !dropped.has(word)));
}

/** A line's words under the names that the next line gave them. @param aliases old names → new names */
export function renamed(before: ReadonlySet<string>, aliases: Readonly<Record<string, string>>): ReadonlySet<string> {
  return new Set([...before].map((name) => aliases[name] ?? name));
}
