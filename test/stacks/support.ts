import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { App, Testing } from "cdktf";
import { afterAll } from "vitest";
import { cacheFolder } from "../../lib/base/cache-folder.ts";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { Lab, LabInput } from "../../lib/lab/schema.ts";
import type { Project } from "../../lib/project/project.ts";
import { labDigest } from "../../lib/render/digest.ts";
import { LabStack, type LabStackProps } from "../../stacks/lab-stack.ts";

export const PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOtest redis-lab";

/** The parts of Terraform's JSON that these tests look at. */
export interface TerraformJson {
  readonly terraform: { readonly backend: Readonly<Record<string, Readonly<Record<string, unknown>>>>; readonly [name: string]: unknown };
  readonly provider: { readonly libvirt: readonly { readonly alias: string; readonly uri: string }[] };
  readonly resource: Readonly<Record<string, Readonly<Record<string, TerraformResource>>>>;
  readonly output: Readonly<Record<string, { readonly value: unknown }>>;
}

/** A stack as Terraform reads it, and the folder in which Terraform would run. */
export interface Synth extends TerraformJson {
  readonly folder: string;
}

// biome-ignore lint/suspicious/noExplicitAny: what a resource of Terraform holds has no type here; the tests say what they expect.
export type TerraformResource = Readonly<Record<string, any>>;

const base = mkdtempSync(join(tmpdir(), "redis-lab-stacks-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** A project in a folder of its own, where nothing is written but the output of cdktf. */
export function projectOf(...labs: readonly Lab[]): Project {
  const root = mkdtempSync(join(base, "project-"));
  return { root, labsFile: join(root, "stacks/labs.ts"), stateFolder: join(root, ".redis-lab"), labs };
}

/** What `prepareLab` would make, without a file. */
export function preparedLab(lab: Lab, project: Project = projectOf(lab)): LabStackProps {
  return { project, lab, publicKey: PUBLIC_KEY, digest: labDigest(lab, "generation"), formerVms: undefined };
}

/** An app whose output is where cdktf would put it: beside cdktf.json. */
export function appOf(project: Project): App {
  return new App({ outdir: join(project.root, "cdktf.out"), stackTraces: false });
}

/** An app for constructs alone. Without a folder, cdktf would leave one behind for each. */
export function bareApp(): App {
  return Testing.app({ outdir: mkdtempSync(join(base, "app-")) });
}

export function stackOf(lab: Lab, changes: Partial<LabStackProps> = {}): LabStack {
  const props = { ...preparedLab(lab), ...changes };
  return new LabStack(appOf(props.project), lab.name, props);
}

/** The stack of a lab as Terraform reads it, with validations run. */
export function synthOf(input: Lab | LabInput, changes: Partial<LabStackProps> = {}): Synth {
  const stack = stackOf(defineLab(input), changes);
  const folder = join(App.of(stack).outdir, "stacks", stack.node.id);
  return { ...(JSON.parse(Testing.synth(stack, true)) as TerraformJson), folder };
}

/** What is on the cloud-init disk of a host, `HYPERVISOR_HOST`: its three files, one after the other. */
export function seedOf(synth: Synth, host: string): string {
  const disk = readFileSync(join(synth.folder, resourceOf(synth, "libvirt_volume", `${host}_cloud-init`)["source"]));
  // The files begin in the sectors that follow the root folder, and are filled up with zeros.
  return disk
    .subarray(21 * 2048)
    .toString("utf8")
    .replaceAll(/\0+/g, "");
}

/** Annotations of a stack and of all below it, as `LEVEL TEXT`. */
export function annotationsOf(stack: LabStack): readonly string[] {
  return stack.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type.startsWith("@cdktf/"))
    .map(({ type, data }) => `${type.replace("@cdktf/", "")} ${data}`);
}

/** The text with the paths of this computer replaced by words. */
export function withoutPaths(text: string, project: Project): string {
  return text.replaceAll(project.root, "PROJECT").replaceAll(cacheFolder(), "CACHE");
}

/** Addresses of all resources of a stack, `TYPE.NAME`. */
export function resourcesOf({ resource }: TerraformJson): readonly string[] {
  return Object.entries(resource)
    .flatMap(([type, all]) => Object.keys(all).map((name) => `${type}.${name}`))
    .sort();
}

/** The one resource of a type whose name begins so. */
export function resourceOf({ resource }: TerraformJson, type: string, name: string): TerraformResource {
  const found = Object.entries(resource[type] ?? {}).filter(([key]) => key === name || key.startsWith(`${name}_`));
  if (found.length !== 1 || found[0] === undefined)
    throw new Error(`${found.length} resources ${type}.${name}: ${Object.keys(resource[type] ?? {})}`);
  return found[0][1];
}
