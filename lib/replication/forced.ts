import { stopReplicating } from "../redis/commands.ts";
import { lowerFence } from "../redis/fence.ts";
import { persistRole } from "../redis/server.ts";
import type { InstanceAccess } from "../redis/types.ts";
import { checkReplication } from "./check.ts";
import { awaitFormed, follow, type ReplicationOptions, step } from "./engine.ts";
import { masterAnswers, notReady, planRefused } from "./errors.ts";
import { bestToForce, judgeMaster } from "./judge.ts";
import { declaredServers, follows, observeReplication, type ReplicationWanted, reachable } from "./model.ts";

/**
 * Makes a replica the master although the old one does not answer, and others follow it. What the old one acknowledged and this one has not read is lost.
 *
 * @param to the replica that becomes the master. Default: of those that follow the lost master, the one that has read most
 * @throws LabError `replication.refused`, `replication.master-answers`, `replication.not-ready`, `replication.not-formed`
 */
export async function failOverForced(
  wanted: ReplicationWanted,
  access: InstanceAccess,
  options: ReplicationOptions,
  to: string | undefined,
): Promise<{ readonly from: string | undefined; readonly to: string }> {
  const engine = { wanted, access, options };
  const seen = await observeReplication(wanted, access);
  const verdict = judgeMaster(seen, wanted);
  if (verdict.kind === "master" && verdict.instance.id !== to) throw masterAnswers(wanted.lab, verdict.instance.id);
  // A replica of a stranger has other data, which it would lose as a replica of the new master; whose data to keep where there are several masters, a person decides.
  const refusing = checkReplication(seen, wanted).filter(
    ({ code }) => code === "foreign-master" || (code === "two-masters" && to === undefined),
  );
  if (refusing.length > 0) throw planRefused(refusing);
  const next = to === undefined ? bestToForce(seen, wanted, verdict) : declaredServers(wanted).find(({ id }) => id === to);
  const said = next === undefined ? undefined : reachable(seen, next);
  if (next === undefined || said === undefined)
    throw notReady(wanted.lab, to === undefined ? "No replica of the lost master can be reached." : `${to} can't be reached.`);
  const client = await access.client(next.id);
  if (said.role === "replica") await step(engine, next.host, `make ${next.id} the master`, () => stopReplicating(client));
  if (said.fencedFrom !== undefined) await lowerFence(client, said.fencedFrom);
  await persistRole(client, next.id, options.emit);
  const others = declaredServers(wanted).filter((server) => {
    const other = reachable(seen, server);
    return server.id !== next.id && other?.role === "replica" && !follows(other, next);
  });
  await follow(engine, others, next);
  await awaitFormed(engine);
  return { from: verdict.kind === "absent" ? verdict.instance.id : undefined, to: next.id };
}
