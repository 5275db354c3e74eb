import { applyCluster } from "../../cluster/apply/apply.ts";
import { failOverMaster } from "../../cluster/apply/failover.ts";
import { openMoves, removeUnbegun } from "../../cluster/apply/journal.ts";
import { leaveCluster, slotsOwned } from "../../cluster/apply/leave.ts";
import { proveCluster } from "../../cluster/apply/prove.ts";
import { resumeMove } from "../../cluster/apply/resume-and-rollback.ts";
import { absentMembers } from "../../cluster/findings/absent.ts";
import { findingsOf } from "../../cluster/findings/declared.ts";
import { awaitAgreement } from "../../cluster/gossip/await-agreement.ts";
import { isWait } from "../../cluster/model/actions/index.ts";
import { clusterMembers } from "../../cluster/model/members.ts";
import { observeCluster } from "../../cluster/model/observe.ts";
import { countSlots, formatRanges } from "../../cluster/model/slots.ts";
import { clusterOf, readTopology, type Topology } from "../../cluster/model/topology.ts";
import type { ClusterFinding } from "../../cluster/model/types.ts";
import { assertPlanValid } from "../../cluster/plan/assert-plan.ts";
import { planCluster } from "../../cluster/plan/create-and-join.ts";
import { placedInstances } from "../../lab/placement.ts";
import { linkOf } from "../../redis/health.ts";
import { moveOptions } from "../cluster/move-options.ts";
import { failoverOfShards, lastCopy, noShards } from "../errors.ts";
import { failoverTimes } from "../failover-times.ts";
import { handOverSlots } from "../leaving/hand-over-slots.ts";
import type { Session } from "../session.ts";
import type { LayoutOperations, LayoutPlan, StatusRow } from "./row.ts";
import { endpointOf, found, linkNote, missing, placeOf, silentPart, waitUntilSettled, warnOfOutage } from "./settle.ts";

export function clusterOperations(session: Session): LayoutOperations {
  const { lab, placement, access, emit, signal, state } = session;
  const members = clusterMembers(placement);
  const options = { emit, signal, move: moveOptions(session, "up") };
  const failovers = failoverTimes(session);
  return {
    async status() {
      const topology = readTopology(await observeCluster(members, access), members, state.members);
      return { rows: rowsOf(session, topology), findings: findingsOf(topology) };
    },
    async plan() {
      const formerMembers = state.members;
      const look = async () => {
        const observation = await observeCluster(members, access);
        const plan = planCluster(observation, members, { formerMembers });
        const topology = readTopology(observation, members, formerMembers);
        return { plan, view: { members, topology, cluster: clusterOf(topology) } };
      };
      const open = await openMoves(session.paths.journalFolder);
      const first = await look();
      const { plan } = first;
      return {
        actions: [
          ...open.map(({ verb, begun, open: slots }) => ({
            summary: `finish the ${verb} of ${begun}: ${slots.size} slots`,
            reason: "continue",
          })),
          ...plan.actions.filter(({ action }) => !isWait(action)),
        ] satisfies LayoutPlan["actions"],
        findings: plan.findings,
        async apply() {
          await removeUnbegun(session.paths.journalFolder);
          for (const move of open) await resumeMove(move, members, access, options);
          // What was open is not any more, and what was planned around it is planned again.
          const now = open.length === 0 ? first : await look();
          assertPlanValid(now.plan, now.view);
          await applyCluster(now.plan, members, access, options);
          // Replicas hear of moved slots last, and what follows is judged by what all say.
          if (open.length > 0 || now.plan.actions.some(({ action }) => !isWait(action))) await awaitAgreement(members, access, { signal });
        },
      };
    },
    formation() {
      const count = members.filter(({ role }) => role.kind !== "standby").length;
      return `create the cluster of ${count} instances, or go on with the one in their data`;
    },
    async restartOrder() {
      const { nodes } = await observeCluster(members, access);
      const rank = (id: string) => {
        const node = nodes.get(id);
        return node?.reachable === true && node.role === "master" && node.knownNodes > 1 ? 1 : 0;
      };
      return members.map(({ id }) => id).sort((a, b) => rank(a) - rank(b));
    },
    async unlinked() {
      const { nodes } = await observeCluster(members, access);
      const live = [...nodes.values()].flatMap((node) => (node.reachable && !node.loading ? [node] : []));
      const masters = new Set(live.filter(({ role }) => role === "master").map(({ nodeId }) => nodeId));
      const masterOf = ({ view }: (typeof live)[number]) => view.find(({ myself }) => myself)?.masterId ?? "";
      return live.filter((node) => node.masterLink === "down" && masters.has(masterOf(node))).map(({ id }) => id);
    },
    async release(id, oldMaster = "follows") {
      const { nodes } = await observeCluster(members, access);
      const node = nodes.get(id);
      if (node === undefined || !node.reachable || node.role !== "master") return false;
      if (!node.view.some(({ masterId }) => masterId === node.nodeId))
        return warnOfOutage(emit, id, node.view.find(({ myself }) => myself)?.slots.length === 0);
      const lastFailoverAt = failovers.lastOf(id);
      const successor = await failOverMaster(id, members, access, {
        ...options,
        oldMaster,
        lastFailoverAt,
      });
      await failovers.record([id, successor]);
      return true;
    },
    async settled(id) {
      await waitUntilSettled(id, signal, async () => {
        const { nodes } = await observeCluster(members, access);
        const node = nodes.get(id);
        if (node === undefined || !node.reachable) return missing(node?.error ?? "no answer");
        if (node.loading) return missing("it is loading its data");
        if (node.role === "replica" && node.masterLink !== "up") return missing("it is catching up with its master");
        if (node.knownNodes > 1 && node.clusterState !== "ok") return missing("it does not see a working cluster");
        // A start that took longer than cluster-node-timeout: a master with slots is taken for failed for twice that time yet, and its cluster serves nobody.
        const doubting = [...nodes.values()].filter(
          (other) => other.reachable && other.view.some((line) => line.id === node.nodeId && line.flags.has("fail")),
        );
        return doubting.length > 0 ? missing(`${doubting.map((other) => other.id).join(", ")} still takes it for failed`) : found;
      });
    },
    async traffic() {
      const topology = readTopology(await observeCluster(members, access), members, state.members);
      const shards = [...topology.live.values()]
        .filter(({ role, self }) => role === "master" && self.slots.length > 0)
        .map(({ self: { slots } }) => ({ name: `slots ${formatRanges(slots)}`, slots }));
      if (shards.length === 0) throw noShards(lab.name);
      // A standby answers, and knows no slot: a client that asked it first would find none for ever.
      const nodes = [...topology.live.values()]
        .filter(({ view }) => view.some((node) => node.slots.length > 0))
        .map(({ member }) => endpointOf(member));
      const first = ({ slots }: (typeof shards)[number]) => slots[0]?.first ?? 0;
      return { client: "cluster", nodes, shards: shards.sort((a, b) => first(a) - first(b)) };
    },
    async prove() {
      const proofs = await proveCluster(members, access, { signal });
      const redirects = proofs.reduce((sum, proof) => sum + proof.redirects.length, 0);
      return `SET and GET in each of ${proofs.length} shards, following ${redirects} MOVED: ${proofs.map(({ slot, master }) => `slot ${slot} at ${master}`).join(", ")}`;
    },
    failOver: async () => {
      throw failoverOfShards(lab.name);
    },
    async assertNothingLeft(ids) {
      const observation = await observeCluster(members, access);
      for (const [id, slots] of slotsOwned(observation, { declared: members, former: [], leaving: new Set(ids) }))
        throw lastCopy(id, `owns ${countSlots(slots)} slots`);
    },
    async leave({ declared, leaving, access: anyRoute }) {
      const hosts = new Set(declared.hosts.map(({ name }) => name));
      const stays = ({ id, host }: { readonly id: string; readonly host: string }) => hosts.has(host) && !leaving.has(id);
      const context = { declared: members.filter(stays), former: members.filter((member) => !stays(member)), leaving };
      const handed = await handOverSlots(session, context, anyRoute);
      const { done, stillKnownBy } = await leaveCluster(context, anyRoute, { emit, signal });
      return { done: [...handed, ...done], stillKnownBy };
    },
    backup: `redis-lab cluster backup ${lab.name} FOLDER`,
    unknownMembers: ["extra-member", "foreign-cluster"] satisfies ClusterFinding["code"][],
    departing: ["extra-member"] satisfies ClusterFinding["code"][],
  };
}

function rowsOf({ placement }: Session, topology: Topology): StatusRow[] {
  const { observation, live } = topology;
  const absent = new Map(absentMembers(topology).map((each) => [each.instance, each]));
  return placedInstances(placement).map((instance) => {
    const node = observation.nodes.get(instance.id);
    const away = absent.get(instance.id);
    // What the lab declares is no news of an instance that no other knows.
    const known = away?.nodeId === undefined ? {} : { role: away.role, master: away.master ?? "" };
    if (node === undefined || !node.reachable) return { ...placeOf(instance), ...silentPart(node), ...known };
    const own = node.view.find(({ myself }) => myself);
    const slots = own?.slots ?? [];
    const alone = node.knownNodes === 1 && slots.length === 0;
    const master = own?.masterId === undefined ? undefined : topology.instanceOf(own.masterId);
    const link = linkOf(node, live.get(master ?? ""));
    return {
      ...placeOf(instance),
      role: alone ? "standby" : node.role,
      state: node.loading ? "loading" : "up",
      slots: formatRanges(slots),
      slotCount: slots.reduce((sum, { first, last }) => sum + last - first + 1, 0),
      master: own?.masterId === undefined ? "" : (master ?? own.masterId),
      version: node.version.text,
      link,
      note: [
        ...(alone && instance.role.kind !== "standby" ? ["not joined"] : []),
        ...(!alone && node.clusterState === "fail" ? ["cluster_state:fail"] : []),
        ...(linkNote(link) === "" ? [] : [linkNote(link)]),
      ].join(", "),
    };
  });
}
