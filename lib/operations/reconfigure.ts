import { writeConfiguration } from "../bootstrap/configuration.ts";
import { mergeFile } from "../bootstrap/managed-file.ts";
import { runningBuild } from "../bootstrap/plan-host.ts";
import type { PlacedInstance } from "../lab/placement.ts";
import { effectiveDirectives } from "../redis/conf/conf.ts";
import { runtimeChanges } from "../redis/conf/runtime.ts";
import { RedisReplyError } from "../redis/reply-error.ts";
import { sentinelSetPassword } from "../redis/sentinel-commands.ts";
import type { Argument } from "../redis/types.ts";
import { settingRefused } from "./errors.ts";
import type { Prepared, PreparedHost } from "./prepare.ts";

/** A running instance whose configuration changes. */
interface Target {
  readonly prepared: PreparedHost;
  readonly instance: PlacedInstance;
  readonly commands: readonly (readonly Argument[])[];
  readonly live: readonly string[];
  /** Of a sentinel: clients and other sentinels are to give a password, or another one. */
  readonly givesPassword: boolean;
  /** Something is left that only a restart brings about. */
  readonly needsRestart: boolean;
}

/**
 * Applies to running instances what they can take without a restart, by CONFIG SET and SENTINEL SET, and then writes their files.
 *
 * A new password goes round in three: every masterauth, then everything else, then every requirepass; sentinels last. Links that are up stay up, and one that
 * breaks in the middle finds its master with the old password or the new one a moment later. The file is written after the commands: a run that is cut off before
 * finds the same difference again, and sets the same again.
 *
 * @param done instances that have their file already, as they were restarted
 * @returns the instances that need a restart for the rest; their files are written when they have stopped
 * @throws LabError `operations.setting-refused`
 */
export async function reconfigure(prepared: Prepared, done: ReadonlySet<string> = new Set()): Promise<readonly string[]> {
  const targets = await Promise.all(
    [...prepared.hosts.values()].flatMap((host) =>
      host.plan.reconfigure.flatMap(({ instance }) => (done.has(instance) ? [] : readTarget(prepared, host, instance))),
    ),
  );
  const servers = targets.filter(({ instance }) => instance.kind === "redis");
  const nameOf = (command: readonly Argument[]) => String(command[2]).toLowerCase();
  for (const pick of [
    (name: string) => name === "masterauth",
    (name: string) => name !== "masterauth" && name !== "requirepass",
    (name: string) => name === "requirepass",
  ]) {
    await Promise.all(
      servers.map((target) =>
        send(
          prepared,
          target,
          target.commands.filter((command) => pick(nameOf(command))),
        ),
      ),
    );
  }
  const sentinels = targets.filter(({ instance }) => instance.kind === "sentinel");
  await passSentinels(
    prepared,
    sentinels.filter(({ givesPassword }) => givesPassword),
  );
  await Promise.all(sentinels.map((target) => send(prepared, target, target.commands)));
  await Promise.all(targets.filter(({ needsRestart }) => !needsRestart).map((target) => write(prepared, target)));
  return targets.filter(({ needsRestart }) => needsRestart).map(({ instance }) => instance.id);
}

const PASSWORDS: ReadonlySet<string> = new Set(["requirepass", "sentinel sentinel-pass"]);

/**
 * Running sentinels get a password, or another one, without a moment in which one lets no other in. First each takes the new one as well, which leaves the connections that stand as they are; then each gives it to the
 * others, for which it connects to them again (sentinelDropConnections in sentinel.c of 6.2). Not the other way round: SENTINEL CONFIG GET tells `sentinel-pass` to all who need no password. The restart that follows, one by
 * one, takes the former password back, and ends connections that were made without one.
 */
async function passSentinels(prepared: Prepared, sentinels: readonly Target[]): Promise<void> {
  const { password } = prepared.session.secrets;
  await Promise.all(sentinels.map((target) => send(prepared, target, [["ACL", "SETUSER", "default", `>${password}`]])));
  await Promise.all(sentinels.map((target) => send(prepared, target, [["SENTINEL", "CONFIG", "SET", "sentinel-pass", password]])));
}

/** What differs now, from a fresh look at the file: Redis may have written it since the plan. */
async function readTarget(prepared: Prepared, host: PreparedHost, id: string): Promise<Target> {
  const { session } = prepared;
  const instance = host.host.instances.find((each) => each.id === id);
  const file = host.wanted.files.find(({ path }) => path === instance?.configFile);
  const connection = session.connections.get(host.host.name);
  if (instance === undefined || file === undefined || connection === undefined) throw new Error(`${id} was planned and is not there`);
  const { version } = session.placement;
  const live = (await connection.readFile(file.path))?.toString("utf8");
  const merged = mergeFile(file, live, host.facts.applied, version);
  const running = runningBuild(host.facts, host.wanted, id);
  const { commands, live: names, restart } = runtimeChanges(merged.changes, merged.text, version, running, instance.kind);
  // Another build that has no password may know none (`prepare` sees to it that it gets none before its restart).
  const knowsPasswords = running === "this-build" || (live !== undefined && effectiveDirectives(live).has("requirepass"));
  const givesPassword =
    instance.kind === "sentinel" && knowsPasswords && merged.changes.some(({ name, to }) => PASSWORDS.has(name) && to !== undefined);
  return { prepared: host, instance, commands, live: names, givesPassword, needsRestart: restart.length > 0 };
}

async function send({ session }: Prepared, { instance }: Target, commands: readonly (readonly Argument[])[]): Promise<void> {
  if (commands.length === 0) return;
  const client = await session.access.client(instance.id);
  for (const command of commands) {
    const name = command.slice(0, command[0] === "SENTINEL" ? 4 : 3).join(" ");
    try {
      // A password is not for those who listen to a sentinel.
      if (command[0] === "SENTINEL" && command[3] === "auth-pass")
        await sentinelSetPassword(client, String(command[2]), String(command[4]));
      else await client.call(command);
    } catch (error) {
      // The reply may repeat the value, which may be a password.
      if (error instanceof RedisReplyError) throw settingRefused(instance.id, name, error.code);
      throw error;
    }
  }
}

async function write({ session }: Prepared, { prepared, instance, live }: Target): Promise<void> {
  const connection = session.connections.get(instance.host);
  if (connection === undefined) return;
  await writeConfiguration(connection, prepared.facts, requestOf(prepared), instance, { needsRestart: false });
  session.emit({
    type: "step",
    host: instance.host,
    step: "files",
    state: "changed",
    detail: `${instance.id}: ${live.join(", ")} set at run time`,
  });
}

/** What bootstrap's planners want to know of a prepared host. */
export function requestOf({ host, wanted }: PreparedHost) {
  return { placement: wanted.placement, host, secrets: wanted.secrets, build: wanted.build };
}
