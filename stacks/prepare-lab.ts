import type { Lab } from "../lib/lab/schema.ts";
import { terraformsTarget } from "../lib/lab/targets.ts";
import { glanceBeforeDeploy } from "../lib/libvirt/glance.ts";
import { ensureLabKey } from "../lib/project/lab-key.ts";
import type { Project } from "../lib/project/project.ts";
import { loadSecrets } from "../lib/project/secrets-file.ts";
import { type LabState, readState, statePaths } from "../lib/project/state.ts";
import { labDigest } from "../lib/render/digest.ts";

/** A lab with what its stack needs and only files can tell. */
export interface PreparedLab {
  readonly project: Project;
  readonly lab: Lab;
  /** Line of authorized_keys for the login user of the VMs. */
  readonly publicKey: string;
  /** Digest of what the lab wants on its hosts; neither a secret nor a digest of one is in it. */
  readonly digest: string;
  /** The VMs as last applied. @default - none yet */
  readonly formerVms?: LabState["vms"];
  /** What a deploy would stumble over on the hypervisors, for people. @default - nothing */
  readonly obstacles?: readonly string[];
}

/**
 * Reads, and at the first synth makes, what the stack of a lab rests on: its SSH key and its secrets. Nothing but files below `.redis-lab` is touched. Where VMs were made, their hypervisors are
 * asked what is missing.
 *
 * @throws LabError `project.*`, `secrets.*`, and those of the lab's key
 */
export async function prepareLab(project: Project, lab: Lab, environment: NodeJS.ProcessEnv = process.env): Promise<PreparedLab> {
  // One after the other: a fault of the first must not leave the second at work in the folder of a program that has ended.
  const generation = await generationOf(project, lab, environment);
  const state = await readState(statePaths(project, lab.name, terraformsTarget()));
  const publicKey = await ensureLabKey(project, lab);
  // A synth where no VM was made asks nothing but files.
  const obstacles =
    state.vms === undefined && state.deployBegan === undefined ? [] : await glanceBeforeDeploy(lab, { root: project.root, environment });
  return { project, lab, publicKey, digest: labDigest(lab, generation), formerVms: state.vms, obstacles };
}

/** A given password need not be at hand for a synth, and has no generation that everybody in a team would know. */
async function generationOf(project: Project, lab: Lab, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  return lab.secrets.password.from === "generated" ? (await loadSecrets(project, lab, environment)).generation : undefined;
}
