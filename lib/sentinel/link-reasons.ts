import { reasonUnreachable } from "../redis/reply-error.ts";
import { addressOf } from "../redis/server.ts";
import type { EngineInstance, InstanceAccess } from "../redis/types.ts";
import type { FormationGap } from "./formation.ts";

/** Probable reasons for gaps that do not close, each found by a probe from the host that does not see to the host that is not seen. Tells nothing where nothing is known. */
export async function linkReasonsFor(gaps: readonly FormationGap[], access: InstanceAccess): Promise<readonly string[]> {
  const pairs = new Map<string, { readonly gap: FormationGap; readonly towards: EngineInstance }>();
  for (const gap of gaps) {
    if (gap.towards !== undefined && gap.code !== "masters-disagree")
      pairs.set(`${gap.instance} ${gap.towards.id}`, { gap, towards: gap.towards });
  }
  const reasons = await Promise.all([...pairs.values()].map(({ gap, towards }) => reasonFor(gap, towards, access)));
  return [...new Set(reasons.filter((reason) => reason !== undefined))];
}

async function reasonFor(gap: FormationGap, towards: EngineInstance, access: InstanceAccess): Promise<string | undefined> {
  const result = await access.probe(gap.instance, towards.address, towards.port).catch((error: unknown) => {
    reasonUnreachable(error);
    return undefined;
  });
  const [fromHost] = gap.instance.split(":");
  const at = `${towards.id} (${addressOf(towards)})`;
  switch (result) {
    case "refused":
      return `${fromHost} is refused at ${at}: it listens on another address (see its bind), or a firewall rejects`;
    case "timeout":
    case "unreachable":
      return `${fromHost} can't reach ${at}: a firewall or the route between them`;
    case "open":
      return reasonThoughOpen(gap, towards);
    case "forbidden":
    case undefined:
      return undefined;
    default:
      return result satisfies never;
  }
}

function reasonThoughOpen(gap: FormationGap, towards: EngineInstance): string | undefined {
  // An instance announces the address that its own connections come from: its first bind address, from 7.0 on bind-source-addr alone.
  const announced = `${towards.id} announces another address (its connections must come from ${towards.address}: first bind address, bind-source-addr)`;
  switch (gap.code) {
    case "sentinel-missing":
      return `${gap.instance} can reach ${towards.id} but does not hear of it: ${announced}, or both have the same "sentinel myid"`;
    case "replica-missing":
      return `${gap.instance} can reach ${towards.id}: it hears of new replicas within ten seconds, unless ${announced}`;
    case "replica-link-down":
      return `${gap.instance} can reach ${towards.id}: a wrong masterauth, or the first synchronisation still runs`;
    case "no-master":
      return `${gap.instance} can reach ${towards.id}: a wrong auth-pass, or the first bind address of ${gap.instance} is a loopback address`;
    default:
      return undefined;
  }
}
