import type { HostFacts } from "../../bootstrap/facts.ts";
import { observeHost } from "../../bootstrap/observe.ts";
import { planHost } from "../../bootstrap/plan-host.ts";
import { wantedOf } from "../../bootstrap/wanted.ts";
import { sh } from "../../connection/quote.ts";
import { isLabError, whatOf } from "../../error.ts";
import { portsOf } from "../../lab/instances.ts";
import { type PlacedHost, placedInstances } from "../../lab/placement.ts";
import { domainStates } from "../../libvirt/domains.ts";
import { effectiveDirectives } from "../../redis/conf.ts";
import { pairsOf } from "../../redis/pairs.ts";
import { readCloudInit } from "../cloud-init.ts";
import type { Session } from "../session.ts";
import { readStatus } from "../status.ts";
import { DOCTOR_CHECKS, type DoctorCheck, type DoctorFinding, finding } from "./finding.ts";
import { type ClockReading, checkClocks, checkHost } from "./host-checks.ts";
import { checkInstance } from "./instance-checks.ts";
import { checkPlacement, checkPorts, type PortReading } from "./layout-checks.ts";
import { readLeftovers } from "./orphans.ts";
import { checkVms } from "./vm-checks.ts";

/** What doctor found. Healthy: no problem among the findings. */
export interface Diagnosis {
  readonly lab: string;
  readonly target: string;
  readonly healthy: boolean;
  /** Every check that was made, in order; those without a finding are fine. */
  readonly checks: readonly DoctorCheck[];
  /** Checks that this target does not have. */
  readonly notApplicable: readonly DoctorCheck[];
  readonly findings: readonly DoctorFinding[];
}

const HOST_ONLY: readonly DoctorCheck[] = ["rc-local", "selinux", "firewall"];
const VM_ONLY: readonly DoctorCheck[] = ["hypervisor", "vm", "hardware", "cloud-init", "orphans"];

/** Compares what runs with what is wanted, by effective values: limits of processes, kernel settings, CONFIG GET, ports between all hosts. Changes nothing. */
export async function diagnose(session: Session, environment: NodeJS.ProcessEnv): Promise<Diagnosis> {
  const { placement } = session;
  const { capabilities } = placement;
  const reached = placement.hosts.filter(({ name }) => session.connections.has(name));
  const [hosts, ports, status, vms] = await Promise.all([
    Promise.all(reached.map((host) => examineHost(session, host))),
    readPorts(session),
    readStatus(session),
    capabilities.machines === "terraform" ? examineVms(session, environment) : [],
  ]);
  const findings: DoctorFinding[] = [
    ...vms,
    ...[...session.unreachable].map(([host, error]) => unreachable(host, error)),
    ...hosts.flatMap(({ findings: found }) => found),
    ...checkClocks(hosts.flatMap(({ clock }) => (clock === undefined ? [] : [clock]))),
    ...checkPorts(ports),
    ...checkPlacement(placement, status),
    ...status.findings.map(({ severity, instance, text, next }) =>
      finding("layout", severity === "note" ? "note" : "problem", instance, text, next),
    ),
  ];
  const notApplicable = [...(capabilities.machines === "terraform" ? [] : VM_ONLY), ...(capabilities.managesHost ? [] : HOST_ONLY)];
  return {
    lab: session.lab.name,
    target: session.target,
    healthy: findings.every(({ severity }) => severity !== "problem"),
    checks: DOCTOR_CHECKS.filter((check) => !notApplicable.includes(check)),
    notApplicable,
    findings,
  };
}

async function examineVms(session: Session, environment: NodeJS.ProcessEnv): Promise<readonly DoctorFinding[]> {
  const { lab, signal } = session;
  const [statuses, { orphans, unknown }, ends] = await Promise.all([
    domainStates(lab, { signal }),
    readLeftovers({ ...session, environment }),
    Promise.all(
      [...session.connections].map(async ([host, connection]) => {
        const end = await readCloudInit(connection).catch(() => undefined);
        return end === undefined ? [] : [[host, end] as const];
      }),
    ),
  ]);
  return checkVms(lab, { statuses, cloudInit: new Map(ends.flat()), orphans, orphansUnknown: unknown });
}

interface Examination {
  readonly findings: readonly DoctorFinding[];
  readonly clock: ClockReading | undefined;
}

async function examineHost(session: Session, host: PlacedHost): Promise<Examination> {
  const connection = session.connections.get(host.name);
  if (connection === undefined) return { findings: [], clock: undefined };
  try {
    const asked = Date.now();
    const facts = await observeHost(connection, session.placement, host);
    const clock = { host: host.name, theirs: facts.clockMs, asked, answered: Date.now() };
    const limits = await readOpenFiles(session, host, facts);
    // As on a host without files: what Redis lowered there is just what doctor has to tell.
    const wanted = wantedOf(session.placement, host, { ...facts, files: new Map() }, session.secrets, undefined);
    const plan = planHost(facts, { placement: session.placement, host, secrets: session.secrets });
    const instances = await Promise.all(
      host.instances.map(async (instance) => {
        try {
          const client = await session.access.client(instance.id);
          const config = instance.kind === "sentinel" ? {} : pairsOf(await client.call(["CONFIG", "GET", "*"]));
          const file = wanted.files.find(({ path }) => path === instance.configFile);
          const somaxconn = facts.sysctl.get("net.core.somaxconn")?.value;
          return checkInstance(
            session.placement,
            instance,
            { config, openFiles: limits.get(instance.id) },
            effectiveDirectives(file?.content ?? ""),
            session.secrets,
            somaxconn === undefined ? undefined : Number(somaxconn),
          );
        } catch (error) {
          return [finding("reachable", "problem", instance.id, whatOf(error), `Run: redis-lab up ${session.lab.name}`)];
        }
      }),
    );
    return {
      findings: [
        ...checkHost(session.placement, host, facts, wanted.os.rcLocal),
        ...facts.problems.map((problem) => finding("files", "warning", host.name, problem)),
        ...plan.changes.map(({ summary, step }) =>
          finding("files", "warning", host.name, `${step}: ${summary}`, `Run: redis-lab plan ${session.lab.name}`),
        ),
        ...plan.reconfigure.map(({ instance, live, restart }) =>
          finding(
            "files",
            "warning",
            instance,
            `its configuration differs in ${[...live, ...restart].join(", ")}`,
            `Run: redis-lab plan ${session.lab.name}`,
          ),
        ),
        ...instances.flat(),
      ],
      clock,
    };
  } catch (error) {
    return { findings: [unreachable(host.name, error)], clock: undefined };
  }
}

function unreachable(host: string, error: unknown): DoctorFinding {
  return finding("reachable", "problem", host, whatOf(error), isLabError(error) ? error.next : undefined);
}

/** Soft limit of open files of each running process, from /proc. */
async function readOpenFiles(session: Session, host: PlacedHost, facts: HostFacts): Promise<ReadonlyMap<string, number>> {
  const processes = host.instances.flatMap(({ id }) => {
    const pid = facts.instances.get(id)?.process?.pid;
    return pid === undefined ? [] : [{ id, pid }];
  });
  const script = processes.map(({ pid }) => sh`grep "Max open files" ${`/proc/${pid}/limits`} || echo`).join("\n");
  const result = await session.connections.get(host.name)?.run(script, { title: "read limits", root: true });
  const lines = result?.stdout.split("\n") ?? [];
  return new Map(
    processes.flatMap(({ id }, index) => {
      const soft = /^Max open files\s+(\d+)/.exec(lines[index] ?? "")?.[1];
      return soft === undefined ? [] : [[id, Number(soft)] as const];
    }),
  );
}

/** Every instance's ports from every host. */
async function readPorts(session: Session): Promise<readonly PortReading[]> {
  const instances = placedInstances(session.placement).filter(({ host }) => session.connections.has(host));
  const ports = instances.flatMap((instance) => portsOf(session.lab.layout, instance).map((port) => ({ instance, port })));
  const readings = [...session.connections].flatMap(([from, connection]) =>
    ports
      .filter(({ instance }) => instance.host !== from)
      .map(async ({ instance, port }) => ({
        from,
        instance,
        port,
        result: await connection.probe(instance.address, port, 3_000).catch(() => "unreachable" as const),
      })),
  );
  return Promise.all(readings);
}
