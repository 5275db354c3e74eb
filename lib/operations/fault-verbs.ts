import type { FaultRequest, MadeFault } from "../fault/types.ts";
import { type HealReport, healFaults, injectFault, type OpenFault, openFaults } from "./fault.ts";
import { hostsNamed } from "./fault-targets.ts";
import { putBackMinReplicas } from "./min-replicas.ts";
import { type SessionOptions, withSession } from "./session.ts";

// The verbs: one session each.

/** What `fault` did. */
export interface FaultReport extends MadeFault {
  readonly lab: string;
  readonly target: string;
}

/** What `fault` without a fault found. */
export interface OpenFaultsReport {
  readonly lab: string;
  readonly target: string;
  readonly open: readonly OpenFault[];
}

/** What `heal` did. */
export interface HealVerbReport extends HealReport {
  /** Instances whose min-replicas-to-write a killed load had set, and which have their own again. */
  readonly putBack: readonly string[];
  readonly lab: string;
  readonly target: string;
}

/** Makes a fault. Only the hosts that are named are reached, where no role has to be looked for and no other side is meant. @throws those of `injectFault` */
export async function faultLab(options: SessionOptions & { readonly request: FaultRequest }): Promise<FaultReport> {
  const { lab, target, request } = options;
  const hosts = hostsNamed(request.targets);
  const known = hosts !== undefined && hosts.length > 0 && hosts.every((name) => lab.hosts.some((host) => host.name === name));
  const made = await withSession({ ...options, ...(known && { hosts }) }, (session) => injectFault(session, request));
  return { lab: lab.name, target, ...made };
}

/** Changes nothing. */
export async function listOpenFaults(options: SessionOptions): Promise<OpenFaultsReport> {
  const { lab, target } = options;
  return { lab: lab.name, target, open: await withSession(options, (session) => openFaults(session)) };
}

/** Undoes every fault of a lab. It needs no lock: what is healed twice is healed. */
export async function healLab(options: SessionOptions): Promise<HealVerbReport> {
  const { lab, target } = options;
  return withSession(options, async (session) => {
    const report = await healFaults(session);
    return { lab: lab.name, target, ...report, putBack: await putBackMinReplicas(session) };
  });
}
