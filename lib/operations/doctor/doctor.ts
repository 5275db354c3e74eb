import { allEnded } from "../../base/all-ended.ts";
import { isLabError } from "../../base/error.ts";
import type { HostFacts } from "../../bootstrap/facts.ts";
import { observeHost } from "../../bootstrap/observe.ts";
import { planHost } from "../../bootstrap/plan-host.ts";
import { wantedOf } from "../../bootstrap/wanted.ts";
import type { Connection } from "../../connection/connection.ts";
import { sh } from "../../connection/quote.ts";
import type { PlacedHost, PlacedInstance } from "../../lab/placement.ts";
import { planVms } from "../../lab/vms.ts";
import { domainStates } from "../../libvirt/domains.ts";
import { effectiveDirectives } from "../../redis/conf/conf.ts";
import { pairsOf } from "../../redis/pairs.ts";
import { openFaults } from "../fault.ts";
import type { Session } from "../session.ts";
import { readStatus } from "../status.ts";
import { type CloudInitResult, readCloudInit } from "../vms/cloud-init.ts";
import {
  type Examination,
  type HostReading,
  type HypervisorsReading,
  type InstanceReading,
  onSharedNetwork,
  type Unreachable,
  type VmReading,
} from "./check.ts";
import { runChecks, type Verdict } from "./checks.ts";
import { expected } from "./expected.ts";
import { lookAround } from "./orphans.ts";
import { otherPeople } from "./people.ts";
import { readPorts } from "./ports.ts";

/** What doctor found. Healthy: no problem among the findings. */
export interface DoctorReport extends Verdict {
  readonly lab: string;
  readonly target: string;
  /** No finding is a problem. */
  readonly healthy: boolean;
}

/** Compares what runs with what is wanted, by effective values: limits of processes, kernel settings, CONFIG GET, ports between all hosts. Changes nothing. */
export async function examineLab(session: Session, environment: NodeJS.ProcessEnv): Promise<DoctorReport> {
  const { placement, lab, target } = session;
  const { checks, notLookedAt, notApplicable, findings } = runChecks(await gather(session, environment), placement.capabilities);
  const healthy = findings.every(({ severity }) => severity !== "problem");
  return { lab: lab.name, target, healthy, checks, notLookedAt, notApplicable, findings };
}

/** Everything that the checks read, looked at once. */
async function gather(session: Session, environment: NodeJS.ProcessEnv): Promise<Examination> {
  const { placement } = session;
  for (const error of session.unreachable.values()) expected(error);
  const withoutConnection = [...session.unreachable].map(([subject, error]): Unreachable => ({ subject, error }));
  const [looks, ports, status, faults, people, machines] = await allEnded([
    allEnded(placement.hosts.map((host) => lookAtHost(session, host))),
    readPorts(session),
    readStatus(session),
    openFaults(session),
    onSharedNetwork(placement.capabilities) ? otherPeople(environment) : [],
    placement.capabilities.machines === "terraform" ? lookAtVms(session, environment) : { hypervisors: [], vms: [] },
  ]);
  return {
    lab: {
      placement,
      status,
      ports,
      faults,
      people,
      unreachable: [...withoutConnection, ...looks.flatMap(({ unreachable }) => unreachable)],
    },
    hosts: looks.flatMap(({ host }) => host),
    instances: looks.flatMap(({ instances }) => instances),
    ...machines,
  };
}

async function lookAtVms(session: Session, environment: NodeJS.ProcessEnv): Promise<Pick<Examination, "hypervisors" | "vms">> {
  const { lab, signal } = session;
  const [statuses, { orphans, unknown, missing }, ends] = await allEnded([
    domainStates(lab, { signal }),
    lookAround({ ...session, environment }),
    allEnded([...session.connections].map(async ([host, connection]) => [host, await cloudInitOf(connection)] as const)),
  ]);
  const cloudInit = new Map(ends);
  const hypervisors: HypervisorsReading = {
    lab: lab.name,
    hypervisors: lab.libvirt.hypervisors.map(({ name }) => name),
    statuses: [...statuses.values()],
    orphans,
    orphansUnknown: unknown,
    missing,
  };
  const vms = planVms(lab).vms.map(
    (vm): VmReading => ({ lab: lab.name, vm, status: statuses.get(vm.host), cloudInit: cloudInit.get(vm.host) }),
  );
  return { hypervisors: [hypervisors], vms };
}

/** Undefined where the VM can't be asked, which is a finding of another check. */
async function cloudInitOf(connection: Connection): Promise<CloudInitResult | undefined> {
  try {
    return await readCloudInit(connection);
  } catch (error) {
    expected(error);
    return undefined;
  }
}

/** What one look at a host and its instances saw; empty for a host without a connection. */
interface Look {
  readonly host: readonly HostReading[];
  readonly instances: readonly InstanceReading[];
  readonly unreachable: readonly Unreachable[];
}

async function lookAtHost(session: Session, host: PlacedHost): Promise<Look> {
  const { placement, secrets } = session;
  const connection = session.connections.get(host.name);
  if (connection === undefined) return { host: [], instances: [], unreachable: [] };
  try {
    const asked = Date.now();
    const facts = await observeHost(connection, placement, host);
    const answered = Date.now();
    const limits = await readOpenFiles(connection, host, facts);
    // As on a host without files: what Redis lowered there is just what doctor has to tell.
    const wanted = wantedOf(placement, host, { ...facts, files: new Map() }, secrets, undefined);
    const plan = planHost(facts, { placement, host, secrets });
    const somaxconn = facts.sysctl.get("net.core.somaxconn")?.value;
    const instances = await allEnded(
      host.instances.map(async (instance): Promise<InstanceReading | Unreachable> => {
        const config = await configOf(session, instance);
        if ("error" in config)
          return { subject: instance.id, error: config.error, ...(!isRefused(config.error) && { next: "Run: redis-lab up LAB" }) };
        return {
          placement,
          instance,
          config: config.pairs,
          openFiles: limits.get(instance.id),
          wanted: effectiveDirectives(wanted.files.find(({ path }) => path === instance.configFile)?.content ?? ""),
          secrets,
          somaxconn: somaxconn === undefined ? undefined : Number(somaxconn),
        };
      }),
    );
    return {
      host: [{ placement, host, facts, rcLocal: wanted.os.rcLocal, plan, asked, answered }],
      instances: instances.flatMap((each) => ("error" in each ? [] : [each])),
      unreachable: instances.flatMap((each) => ("error" in each ? [each] : [])),
    };
  } catch (error) {
    expected(error);
    return { host: [], instances: [], unreachable: [{ subject: host.name, error }] };
  }
}

/** Something else answers there: to start the instance is no remedy, and the error names one. */
const isRefused = (error: unknown) => isLabError(error) && error.kind === "refused";

/** CONFIG GET *, or why it was not answered. A sentinel has no CONFIG: of it there is only what it asks for. */
async function configOf(
  session: Session,
  instance: PlacedInstance,
): Promise<{ readonly pairs: Readonly<Record<string, string>> } | { readonly error: unknown }> {
  try {
    const client = await session.access.client(instance.id);
    if (instance.kind === "sentinel") return { pairs: { requirepass: client.credentials?.password ?? "" } };
    return { pairs: pairsOf(await client.call(["CONFIG", "GET", "*"])) };
  } catch (error) {
    expected(error);
    return { error };
  }
}

/** Soft limit of open files of each running process, from /proc. */
async function readOpenFiles(connection: Connection, host: PlacedHost, facts: HostFacts): Promise<ReadonlyMap<string, number>> {
  const processes = host.instances.flatMap(({ id }) => {
    const pid = facts.instances.get(id)?.process?.pid;
    return pid === undefined ? [] : [{ id, pid }];
  });
  const script = processes.map(({ pid }) => sh`grep "Max open files" ${`/proc/${pid}/limits`} || echo`).join("\n");
  const { stdout } = await connection.run(script, { title: "read limits", root: true, look: true });
  const lines = stdout.split("\n");
  return new Map(
    processes.flatMap(({ id }, index) => {
      const soft = /^Max open files\s+(\d+)/.exec(lines[index] ?? "")?.[1];
      return soft === undefined ? [] : [[id, Number(soft)] as const];
    }),
  );
}
