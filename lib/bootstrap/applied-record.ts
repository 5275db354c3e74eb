import type { Connection } from "../connection/connection.ts";
import { sh } from "../connection/quote.ts";
import type { PlacedHost, PlacedInstance } from "../lab/placement.ts";
import { commandFailed } from "./errors.ts";
import type { AppliedStamp, HostFacts, ProcessProof } from "./facts.ts";
import { parseApplied } from "./facts-parser.ts";
import { appliedFile, memoryFolder, restartMark } from "./host-paths.ts";
import type { HostWanted } from "./wanted.ts";

/** What redis-lab remembers on a host of its own doings, while they are done. Written before the doing, so that a killed run has not forgotten. */
export class AppliedRecord {
  private stamp: AppliedStamp;
  private readonly wanted: HostWanted;
  private folderExists: boolean;

  constructor(facts: HostFacts, wanted: HostWanted) {
    this.stamp = facts.applied;
    this.wanted = wanted;
    this.folderExists = facts.paths.has(memoryFolder(wanted.host.paths));
  }

  get current(): AppliedStamp {
    return this.stamp;
  }

  /**
   * Changes what is remembered, starting from what stands on the host now: several records of one host may be at work.
   *
   * @throws LabError `connection.*`, `bootstrap.command-failed`
   */
  async update(connection: Connection, change: (stamp: AppliedStamp) => AppliedStamp): Promise<void> {
    const path = appliedFile(this.wanted.host.paths);
    const key = `${connection.host} ${path}`;
    const turn = (queues.get(key) ?? Promise.resolve()).catch(() => {}).then(() => this.write(connection, path, change));
    queues.set(key, turn);
    try {
      await turn;
    } finally {
      if (queues.get(key) === turn) queues.delete(key);
    }
  }

  private async write(connection: Connection, path: string, change: (stamp: AppliedStamp) => AppliedStamp): Promise<void> {
    const text = (await connection.readFile(path))?.toString("utf8");
    const problems: string[] = [];
    this.stamp = parseApplied(text, path, problems);
    // One that cannot be read is written again, whatever is in it.
    const now = text === undefined || problems.length > 0 ? undefined : JSON.stringify(this.stamp);
    const next = change(this.stamp);
    if (JSON.stringify(next) === now) return;
    if (!this.folderExists) {
      await this.begin(connection, path);
      return this.write(connection, path, change);
    }
    await connection.writeFile(path, `${JSON.stringify(next, undefined, 1)}\n`, { mode: 0o600 });
    this.stamp = next;
  }

  /**
   * Makes the folder of the record, and in the same breath remembers which folders above it that took: between two commands a run may be killed, and nobody would
   * know any more that they are ours.
   */
  private async begin(connection: Connection, path: string): Promise<void> {
    const { paths } = this.wanted.host;
    const folder = memoryFolder(paths);
    const script = sh`umask 022
p=${paths.prefix}; made=; while [ -n "$p" ] && [ ! -e "$p" ]; do made="\\"$p\\"\${made:+,$made}"; p=\${p%/*}; done
mkdir -p -- ${folder} && chmod 0700 -- ${folder} || exit
umask 077; [ -e ${path} ] || { printf '{"files":{},"packages":[],"folders":[%s]}\n' "$made" > ${`${path}.new`} && mv -f -- ${`${path}.new`} ${path}; }`;
    const result = await connection.run(script, { title: "make a folder", root: true });
    if (result.exitCode !== 0) throw commandFailed(connection.host, "folders", result);
    this.folderExists = true;
  }
}

/** One writer at a time per host. */
const queues = new Map<string, Promise<void>>();

/** Remembers on the host that this very process must be restarted. Nobody has to clear it: it says nothing about the next process. */
export async function markRestart(
  connection: Connection,
  host: PlacedHost,
  instance: PlacedInstance,
  process: ProcessProof,
  reason: "unit-changed" | "configuration",
): Promise<void> {
  await connection.writeFile(restartMark(host.paths, instance), `${process.pid} ${process.start} ${process.boot} ${reason}\n`, {
    mode: 0o600,
  });
}
