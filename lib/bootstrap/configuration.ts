import type { Connection } from "../connection/connection.ts";
import type { PlacedInstance } from "../lab/placement.ts";
import { AppliedRecord, markRestart } from "./applied-record.ts";
import type { HostFacts } from "./facts.ts";
import { type MergedFile, writeManagedFile } from "./managed-file.ts";
import type { PlanRequest } from "./plan-host.ts";
import { wantedOf } from "./wanted.ts";

/**
 * Writes the configuration of an instance whose plan has a `reconfigure`: merged around what Redis itself has written meanwhile. For directives that need a restart
 * the process is marked first, so that a run that is killed before the restart is continued by the next. The file of a running sentinel is overwritten by the
 * sentinel: stop it first, unless SENTINEL SET did it all.
 *
 * @throws LabError `connection.*`
 */
export async function writeConfiguration(
  connection: Connection,
  facts: HostFacts,
  request: PlanRequest,
  instance: PlacedInstance,
  options: { readonly needsRestart: boolean },
): Promise<MergedFile> {
  const wanted = wantedOf(request.placement, request.host, facts, request.secrets, request.build);
  const file = wanted.files.find(({ path }) => path === instance.configFile);
  if (file === undefined) throw new Error(`${instance.id} has no configuration among the rendered files`);
  const process = facts.instances.get(instance.id)?.process;
  if (options.needsRestart && process !== undefined) await markRestart(connection, request.host, instance, process, "configuration");
  return writeManagedFile(connection, wanted, new AppliedRecord(facts, wanted), file, facts);
}
