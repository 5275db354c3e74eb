import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { appendLines, readIfPresent, writeAtomically, writeNamedFile } from "../../lib/base/atomic.ts";
import { withFileLock } from "../../lib/base/file-lock.ts";
import { intoCache } from "../../lib/bootstrap/cache.ts";
import { beginJournal, continueJournal, quarantineIn, readJournals, removeUnbegun } from "../../lib/cluster/apply/journal.ts";
import { KnownHosts } from "../../lib/connection/known-hosts.ts";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { ensureLabKey } from "../../lib/project/lab-key.ts";
import { withLock } from "../../lib/project/lock.ts";
import type { Project } from "../../lib/project/project.ts";
import { loadSecrets, rotateSecrets, secretsFileOf, settleSecrets } from "../../lib/project/secrets-file.ts";
import { EMPTY_STATE, readState, statePaths, writeState } from "../../lib/project/state.ts";
import { fakeHostKey } from "./host-key.ts";
import { clusterInput } from "./labs.ts";

/** A file of ours and how it is written and read: what must hold of it wherever its writer ends. */
export interface WrittenFile {
  /** What is there before. */
  before(folder: string): Promise<void>;
  write(folder: string): Promise<unknown>;
  /** As its real reader sees it, in a shape that can be compared. */
  read(folder: string): Promise<unknown>;
}

const lab = defineLab(clusterInput());
const projectIn = (folder: string): Project => ({
  labsFile: join(folder, "labs.ts"),
  root: folder,
  stateFolder: join(folder, ".redis-lab"),
  labs: [lab],
});
const pathsIn = (folder: string) => statePaths(projectIn(folder), lab.name, "local");
const move = { source: "redis-18:6379", target: "redis-28:6379", slots: [{ first: 0, last: 99 }] };
const journalIn = (folder: string) =>
  beginJournal(folder, { verb: "reshard", moves: [move], shardMembers: new Map([["a", new Set(["b"])]]), now: new Date(0) });
const nothing = async () => {};
const value = (key: string) => ({
  slot: 1,
  key: Buffer.from(key),
  instance: "redis-18:6379",
  dump: Buffer.alloc(2000, key),
  ttlMs: undefined,
});
export const WRITTEN_FILES: Readonly<Record<string, WrittenFile>> = {
  "state.json, the first": {
    before: nothing,
    write: (folder) => writeState(pathsIn(folder), { ...EMPTY_STATE, live: true }),
    read: (folder) => readState(pathsIn(folder)),
  },
  "state.json, another": {
    before: (folder) => writeState(pathsIn(folder), { ...EMPTY_STATE, lastUp: "before" }),
    write: (folder) => writeState(pathsIn(folder), { ...EMPTY_STATE, live: true, lastUp: "after" }),
    read: (folder) => readState(pathsIn(folder)),
  },
  "secrets.json, the first": {
    before: nothing,
    write: (folder) => loadSecrets(projectIn(folder), lab, { REDIS_LAB_PASSWORD: "a-password-of-the-test" }),
    read: async (folder) => {
      const text = await readIfPresent(secretsFileOf(projectIn(folder), lab));
      return text === undefined ? undefined : JSON.parse(text).password;
    },
  },
  "secrets.json, settled": {
    before: async (folder) => {
      await loadSecrets(projectIn(folder), lab, {});
      await rotateSecrets(projectIn(folder), lab);
      await loadSecrets(projectIn(folder), lab, {});
    },
    write: async (folder) => settleSecrets(projectIn(folder), lab, await loadSecrets(projectIn(folder), lab, {})),
    read: async (folder) => "previous" in (await loadSecrets(projectIn(folder), lab, {})),
  },
  "the key of a lab": {
    before: nothing,
    write: (folder) => ensureLabKey(projectIn(folder), lab),
    read: async (folder) =>
      (await readIfPresent(join(folder, ".redis-lab", lab.name, "id_ed25519"))) === undefined ? "none" : "a whole one",
  },
  "a journal, begun": {
    before: nothing,
    write: (folder) => journalIn(join(folder, "journal")),
    read: async (folder) => {
      const { moves, corrupt } = await readJournals(join(folder, "journal"));
      await removeUnbegun(join(folder, "journal"));
      // The test begins it more than once.
      return { begun: moves.length > 0, open: moves[0]?.open.size ?? 0, corrupt };
    },
  },
  "a journal, continued": {
    before: async (folder) => {
      const journal = await journalIn(join(folder, "journal"));
      await journal.closed([0, 1]);
    },
    write: async (folder) => {
      const [first] = (await readJournals(join(folder, "journal"))).moves;
      if (first !== undefined) await continueJournal(first.file).closed([2, 3, 4]);
    },
    read: async (folder) => {
      const { moves, corrupt, unbegun } = await readJournals(join(folder, "journal"));
      return { open: moves.map(({ open }) => open.size), corrupt, unbegun };
    },
  },
  "a quarantine": {
    before: (folder) => quarantineIn(join(folder, "quarantine"), new Date(0))([value("before")]),
    write: (folder) => quarantineIn(join(folder, "quarantine"), new Date(0))([value("after")]),
    read: async (folder) => {
      const text = await readFile(join(folder, "quarantine", "1970-01-01T00-00-00-000Z.jsonl"), "utf8");
      const keys = text
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line).text);
      // What is kept twice is kept.
      return [...new Set(keys)];
    },
  },
  "a saved plan": {
    before: (folder) => writeFile(join(folder, "plan.json"), '{"of":"before"}'),
    write: (folder) => writeNamedFile(join(folder, "plan.json"), JSON.stringify({ of: "after".repeat(100) })),
    read: async (folder) => JSON.parse(await readFile(join(folder, "plan.json"), "utf8")),
  },
  "a host key, pinned": {
    before: async (folder) => void (await new KnownHosts(join(folder, "known_hosts")).verify("a", fakeHostKey(1))),
    write: (folder) => new KnownHosts(join(folder, "known_hosts")).verify("b", fakeHostKey(2)),
    read: async (folder) => {
      const pins = new KnownHosts(join(folder, "known_hosts"));
      return [await pins.keysOf("a"), await pins.keysOf("b")].map((keys) => keys.map(({ blob }) => blob));
    },
  },
  "a host key, dropped": {
    before: async (folder) => {
      const pins = new KnownHosts(join(folder, "known_hosts"));
      await pins.verify("a", fakeHostKey(1));
      await pins.verify("b", fakeHostKey(2));
    },
    write: (folder) => new KnownHosts(join(folder, "known_hosts")).drop("b"),
    read: async (folder) => {
      const pins = new KnownHosts(join(folder, "known_hosts"));
      return [await pins.keysOf("a"), await pins.keysOf("b")].map((keys) => keys.map(({ blob }) => blob));
    },
  },
  "a file of the cache": {
    before: nothing,
    write: (folder) =>
      intoCache(join(folder, "sources", "x.json"), (temporary) => writeFile(temporary, "the whole of it", { mode: 0o600 })),
    read: (folder) => readIfPresent(join(folder, "sources", "x.json")),
  },
  "lines of any kind": {
    before: (folder) => appendLines(join(folder, "lines"), ["one", "two"]),
    write: async (folder) => {
      const text = await readFile(join(folder, "lines"), "utf8");
      if (!text.endsWith("three\nfour\n")) await appendLines(join(folder, "lines"), ["three", "four"]);
    },
    // A reader goes by whole lines; of two that were written together the first may be there alone.
    read: async (folder) => (await readFile(join(folder, "lines"), "utf8")).split("\n").slice(0, -1).includes("four"),
  },
  "under the lab's lock": {
    before: nothing,
    write: (folder) =>
      withLock(
        lab.name,
        join(folder, "lock"),
        "up",
        () => new Date(),
        () => writeAtomically(join(folder, "x"), "after"),
      ),
    read: (folder) => readIfPresent(join(folder, "x")),
  },
  "under a lock that is gone": {
    before: async (folder) => {
      await withFileLock(join(folder, "lock"), "before", nothing);
      await rm(join(folder, "lock"), { force: true });
    },
    write: (folder) => withFileLock(join(folder, "lock"), "test", () => writeAtomically(join(folder, "x"), "after")),
    read: (folder) => readIfPresent(join(folder, "x")),
  },
};
