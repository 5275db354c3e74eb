import { join } from "node:path";
import * as v from "valibot";
import { readIfPresent, writeAtomically } from "../base/atomic.ts";
import type { Lab } from "../lab/schema.ts";
import { DEFAULT_TARGET, TARGET_NAMES, type TargetName } from "../lab/targets.ts";
import { corruptFile, twoLiveTargets } from "./errors.ts";
import { labKeyFile } from "./lab-key.ts";
import type { Project } from "./project.ts";

const stateSchema = v.object({
  format: v.literal(1),
  /** True from the start of an `up` to the end of a `down`. */
  live: v.boolean(),
  /** ISO time at which `live` changed last. Not remembered by older states. */
  since: v.optional(v.string()),
  /** ISO time of the last `up`. */
  lastUp: v.string(),
  /**
   * ISO time at which a preflight of Terraform's passed last: from then on the lab means its VMs, also where no `up` came to its end. It runs before the first VM is made, and again where hypervisors,
   * network or image have changed or something is in the way (stacks/lab-stack.ts): a deploy that only adds hosts leaves this time as it is.
   */
  deployBegan: v.optional(v.string()),
  /** The source that was resolved last: which Redis runs. Kept until the lab declares another source or version. */
  source: v.optional(
    v.object({
      /** What the lab declared when this was resolved; anything else makes it void. */
      declared: v.string(),
      version: v.string(),
      sha256: v.string(),
      /** Where it came from, for people. */
      origin: v.string(),
      /** The distribution's source stands in for the declared release. */
      fallback: v.boolean(),
    }),
  ),
  /** Instances as last applied: what tells a former member of the lab from a stranger, and how a host is found that is declared no more. */
  members: v.array(
    v.object({
      id: v.string(),
      address: v.string(),
      port: v.number(),
      kind: v.optional(v.picklist(["redis", "sentinel"])),
      /** Name under which the sentinels watched it. */
      monitor: v.optional(v.string()),
    }),
  ),
  /** When a planned failover changed the role of an instance last, ISO times by instance. */
  failovers: v.optional(v.record(v.string(), v.string())),
  /** The VMs as last applied, by host: the id of the libvirt domain, to which a host-key pin belongs, and what it is made of. Absent where machines are given. */
  vms: v.optional(
    v.record(
      v.string(),
      v.object({
        domainId: v.string(),
        vcpus: v.number(),
        memoryMiB: v.number(),
        /** These three are of its disk: another one of them is another disk. */
        diskGiB: v.optional(v.number()),
        image: v.optional(v.string()),
        hypervisor: v.optional(v.string()),
        /** Terraform was about to make the VM again with other hardware, around its disk. */
        diskStays: v.optional(v.boolean()),
      }),
    ),
  ),
});

/** What redis-lab remembers of a lab on one target. */
export type LabState = v.InferOutput<typeof stateSchema>;
export type RememberedMember = LabState["members"][number];
export type RememberedVm = NonNullable<LabState["vms"]>[string];

export const EMPTY_STATE: LabState = { format: 1, live: false, lastUp: "", members: [] };

/** Folders and files of a lab on one target, below the project's `.redis-lab`. */
export interface StatePaths {
  readonly labFolder: string;
  readonly targetFolder: string;
  readonly secretsFile: string;
  readonly stateFile: string;
  readonly lockFile: string;
  readonly knownHostsFile: string;
  readonly hostsFolder: string;
  /** Where hosts are namespaces: the process that holds them. */
  readonly networkFile: string;
  /** Moves of slots that did not come to their end. */
  readonly journalFolder: string;
  /** Faults that were made and are not undone. */
  readonly faultsFolder: string;
  /** Values of which there were two, and that were not kept. */
  readonly quarantineFolder: string;
  /** Private key of the lab (0600), with the public one beside it as `.pub`; made at the first synth. */
  readonly labKey: string;
}

export function statePaths(project: Project, lab: string, target: TargetName): StatePaths {
  const labFolder = join(project.stateFolder, lab);
  const targetFolder = join(labFolder, target);
  return {
    labFolder,
    targetFolder,
    secretsFile: join(labFolder, "secrets.json"),
    stateFile: join(targetFolder, "state.json"),
    lockFile: join(targetFolder, "lock"),
    knownHostsFile: join(targetFolder, "known_hosts"),
    hostsFolder: join(targetFolder, "hosts"),
    networkFile: join(targetFolder, "network.json"),
    journalFolder: join(targetFolder, "journal"),
    faultsFolder: join(targetFolder, "faults"),
    quarantineFolder: join(targetFolder, "quarantine"),
    labKey: labKeyFile(project, lab),
  };
}

/** What a lab declares about its source, as the state remembers it. */
export function declaredSource(lab: Lab): string {
  return JSON.stringify([lab.redis.version, lab.redis.source]);
}

/** The source that was resolved for what the lab declares now. */
export function rememberedSource(state: LabState, lab: Lab): LabState["source"] {
  return state.source?.declared === declaredSource(lab) ? state.source : undefined;
}

/** @throws LabError `project.corrupt-file` */
export async function readState(paths: Pick<StatePaths, "stateFile">): Promise<LabState> {
  const text = await readIfPresent(paths.stateFile);
  if (text === undefined) return EMPTY_STATE;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), stateSchema), text);
  if (parsed.success) return parsed.output;
  throw corruptFile(
    paths.stateFile,
    parsed.issues[0].message,
    `Remove it, and \`redis-lab up\` observes the lab again: rm ${paths.stateFile}`,
  );
}

export async function writeState(paths: Pick<StatePaths, "stateFile">, state: LabState): Promise<void> {
  await writeAtomically(paths.stateFile, `${JSON.stringify(state, null, 2)}\n`);
}

/**
 * The target that a verb means: the named one, else the one on which the lab is up, else that of the last `up` or of VMs that were made since, else the default.
 *
 * @throws LabError `project.two-live-targets`
 */
export async function chooseTarget(project: Project, lab: Lab, named: TargetName | undefined): Promise<TargetName> {
  if (named !== undefined) return named;
  const states = await Promise.all(
    TARGET_NAMES.map(async (target) => ({ target, state: await readState(statePaths(project, lab.name, target)) })),
  );
  const live = states.filter(({ state }) => state.live);
  if (live.length > 1)
    throw twoLiveTargets(
      lab.name,
      live.map(({ target }) => target),
    );
  const last = states.filter(({ state }) => wasMeant(state)).sort((a, b) => lastMeant(b.state).localeCompare(lastMeant(a.state)))[0];
  return live[0]?.target ?? last?.target ?? DEFAULT_TARGET;
}

/** VMs are remembered from the moment in which they are waited for, long before the first `up` has come to its end. */
function wasMeant({ lastUp, deployBegan, vms }: LabState): boolean {
  return lastUp !== "" || deployBegan !== undefined || Object.keys(vms ?? {}).length > 0;
}

/** ISO time; empty where the state of an older redis-lab knows VMs and no time. */
function lastMeant({ lastUp, deployBegan = "" }: LabState): string {
  return lastUp > deployBegan ? lastUp : deployBegan;
}
