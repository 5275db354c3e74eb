import { saveFindings } from "../redis/health.ts";
import { addressOf, serverAt } from "../redis/server.ts";
import type { EngineInstance } from "../redis/types.ts";
import { wordsOf } from "../redis/words.ts";
import { bestToForce, judgeMaster, type MasterOfReplication, successorOf } from "./judge.ts";
import {
  declaredServers,
  follows,
  knownServers,
  type ReplicationFinding,
  type ReplicationObservation,
  type ReplicationWanted,
  reachable,
} from "./model.ts";

/** Everything that is not as declared, or not healthy. Pure. A layout that is formed and whole has no findings; a master that is not the declared one is none. */
export function checkReplication(observation: ReplicationObservation, wanted: ReplicationWanted): readonly ReplicationFinding[] {
  const verdict = judgeMaster(observation, wanted);
  const declared = declaredServers(wanted);
  return [
    ...declared.flatMap(({ id }): ReplicationFinding[] => {
      const said = observation.get(id);
      return said?.reachable === false
        ? [
            {
              code: "unreachable",
              severity: "problem",
              instance: id,
              text: `${id} can't be reached: ${said.error}`,
              next: said.next ?? `\`redis-lab up ${wanted.lab}\` starts it.`,
            },
          ]
        : [];
    }),
    ...declared.flatMap((server) => foreignFindings(observation, wanted, server)),
    ...declared.flatMap((server) => saveFindings(server.id, reachable(observation, server)?.health)),
    ...masterFindings(observation, wanted, verdict),
    ...(verdict.kind === "master"
      ? declared.filter(({ id }) => id !== verdict.instance.id).flatMap((server) => replicaFindings(observation, wanted, server, verdict))
      : []),
    ...wanted.former
      .filter((server) => {
        const said = reachable(observation, server);
        return said?.role === "replica" || (verdict.kind === "master" && verdict.instance.id === server.id);
      })
      .map(
        ({ id }): ReplicationFinding => ({
          code: "extra-member",
          severity: "problem",
          instance: id,
          text: `${id} is ${reachable(observation, { id })?.role === "master" ? "the master" : "a replica"}, and its host is no longer declared.`,
          next: `\`redis-lab up ${wanted.lab}\` lets its host leave, as \`redis-lab leave ${wanted.lab} HOST\` does.`,
        }),
      ),
    ...declared
      .filter((server) => reachable(observation, server)?.fencedFrom !== undefined)
      .map(
        ({ id }): ReplicationFinding => ({
          code: "fenced",
          severity: "problem",
          instance: id,
          text: `${id} refuses writes: a hand-over was interrupted.`,
          next: `\`redis-lab up ${wanted.lab}\` continues it, or takes the fence back.`,
        }),
      ),
  ];
}

function foreignFindings(observation: ReplicationObservation, wanted: ReplicationWanted, server: EngineInstance): ReplicationFinding[] {
  const said = reachable(observation, server);
  if (said?.role !== "replica" || serverAt(knownServers(wanted), said.masterAddress, said.masterPort) !== undefined) return [];
  const words = wordsOf(said.version);
  const command = `redis-lab cli ${wanted.lab} ${server.id}`;
  return [
    {
      code: "foreign-master",
      severity: "refuses",
      instance: server.id,
      text: `${server.id} replicates ${said.masterAddress}:${said.masterPort}, which is not an instance of the lab.`,
      next: `If its data may go: \`${command} ${words.instead("replicaof") ?? "replicaof"} no one\`, \`${command} flushall\`, then \`redis-lab up ${wanted.lab}\`.`,
    },
  ];
}

function masterFindings(
  observation: ReplicationObservation,
  wanted: ReplicationWanted,
  verdict: MasterOfReplication,
): ReplicationFinding[] {
  const force = (id: string) => `redis-lab failover ${wanted.lab} ${id} --force`;
  switch (verdict.kind) {
    case "master":
      return reachable(observation, verdict.instance)?.loading === true
        ? [
            {
              code: "no-master",
              severity: "problem",
              instance: verdict.instance.id,
              text: `${verdict.instance.id} is still loading its data.`,
            },
          ]
        : [];
    case "absent": {
      const best = bestToForce(observation, wanted, verdict);
      const up = `\`redis-lab up ${wanted.lab}\``;
      // After a crash it hands over by itself before it starts (render/before-start.ts); given up it can be without its host.
      const next =
        best === undefined
          ? `Start it: ${up}.`
          : `Start it: ${up}; if it crashed, it hands over to the replica that has more than its disk. Or give it up: \`${force(best.id)}\` makes ${best.id} the master.`;
      return [
        {
          code: "no-master",
          severity: "problem",
          instance: verdict.instance.id,
          text: `The master ${verdict.instance.id} does not answer, and nothing can be written.`,
          next,
        },
      ];
    }
    case "circle": {
      const best = bestToForce(observation, wanted, verdict);
      return [
        {
          code: "no-master",
          severity: "refuses",
          instance: verdict.instances[0]?.id,
          text: `${verdict.instances.map(({ id }) => id).join(" and ")} replicate one another, and none of them is a master.`,
          next: `Make the one with the latest data the master: \`${force(best?.id ?? "HOST:PORT")}\``,
        },
      ];
    }
    case "several": {
      const answering = verdict.instances.filter((server) => reachable(observation, server) !== undefined);
      const absent = verdict.instances.filter((server) => !answering.includes(server));
      const ids = (servers: readonly EngineInstance[]) => servers.map(({ id }) => id).join(" and ");
      const empty = `\`redis-lab cli ${wanted.lab} ${answering.at(-1)?.id} flushall\``;
      return [
        {
          code: "two-masters",
          severity: "refuses",
          instance: verdict.instances[0]?.id,
          text:
            absent.length === 0
              ? `${ids(answering)} are masters with data of their own.`
              : `${ids(answering)} is a master with data, and others replicate ${ids(absent)}, which does not answer.`,
          next:
            absent.length === 0
              ? `Decide whose data to keep. Empty the other, for example ${empty}, then \`redis-lab up ${wanted.lab}\`.`
              : `If ${answering[0]?.id} is to be the master: \`${force(answering[0]?.id ?? "HOST:PORT")}\`. Else start ${ids(absent)}, empty the other (${empty}), then \`redis-lab up ${wanted.lab}\`.`,
        },
      ];
    }
    default:
      return verdict satisfies never;
  }
}

function replicaFindings(
  observation: ReplicationObservation,
  wanted: ReplicationWanted,
  server: EngineInstance,
  { instance: master }: Extract<MasterOfReplication, { kind: "master" }>,
): ReplicationFinding[] {
  const said = reachable(observation, server);
  if (said === undefined) return [];
  const { id } = server;
  const problem = (code: ReplicationFinding["code"], text: string, next?: string): ReplicationFinding[] => [
    { code, severity: "problem", instance: id, text, next },
  ];
  const up = `Run \`redis-lab up ${wanted.lab}\`.`;
  if (said.loading) return problem("replica-missing", `${id} is still loading its data.`);
  if (said.role === "master") {
    if (said.keys === 0) return problem("replica-missing", `${id} does not replicate ${master.id}.`, up);
    if (successorOf(observation, wanted, server)?.id === master.id)
      return problem("replica-missing", `${id} does not replicate its successor ${master.id} yet.`, up);
    const command = `redis-lab cli ${wanted.lab} ${id}`;
    return [
      {
        code: "has-data",
        severity: "refuses",
        instance: id,
        text: `${id} is a master with ${said.keys} ${said.keys === 1 ? "key" : "keys"} of its own, and would throw them away as a replica of ${master.id}.`,
        next: `Save what is needed of it, empty it: \`${command} flushall\`, then \`redis-lab up ${wanted.lab}\`.`,
      },
    ];
  }
  if (!follows(said, master)) {
    const at = serverAt(knownServers(wanted), said.masterAddress, said.masterPort);
    return at === undefined ? [] : problem("replica-missing", `${id} replicates ${at.id} and not ${master.id}.`, up);
  }
  if (said.masterLink === "up") return [];
  return said.syncing
    ? problem("replica-link-down", `${id} is still synchronising with its master ${master.id}.`)
    : problem(
        "replica-link-down",
        `${id} has no link to its master ${master.id} (${addressOf(master)}).`,
        `\`redis-lab doctor ${wanted.lab}\` tries the ports between the hosts; \`redis-lab logs ${wanted.lab} ${id}\` says what the replica met.`,
      );
}
