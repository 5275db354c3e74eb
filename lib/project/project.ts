import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { makeFolder } from "../base/atomic.ts";
import { cacheFolder } from "../base/cache-folder.ts";
import { defineLab } from "../lab/define-lab.ts";
import type { Lab, SshSettings } from "../lab/schema.ts";
import { type TargetName, terraformsTarget } from "../lab/targets.ts";
import { labsNotTrusted, noLabsFile, noSuchLab, sameLoopback, sameName } from "./errors.ts";
import { whyNotTrusted } from "./trusted-file.ts";

/** A user's project: its labs and the folder in which redis-lab keeps what it remembers. */
export interface Project {
  readonly labsFile: string;
  /** Folder of cdktf.json, or of package.json where there is none; `.redis-lab` is beside it. */
  readonly root: string;
  readonly stateFolder: string;
  readonly labs: readonly Lab[];
  /** What the labs file exports besides labs, as it is: drills among it. */
  readonly others?: readonly unknown[] | undefined;
}

const NAMES = ["stacks/labs.ts", "stacks/labs.js", "stacks/labs.mjs", "labs.ts", "labs.js", "labs.mjs"];

/**
 * Finds and loads the labs of the project around a folder. A TypeScript file is loaded as it is.
 *
 * @param labsFile the file itself; otherwise the first labs file in `from` or a folder above it, which others must not be able to write
 * @throws LabError `project.*`, `lab.invalid`
 */
export async function openProject(options: { readonly from: string; readonly labsFile?: string | undefined }): Promise<Project> {
  const labsFile = options.labsFile === undefined ? findLabsFile(options.from) : resolve(options.from, options.labsFile);
  if (labsFile === undefined || !existsSync(labsFile))
    throw noLabsFile(labsFile === undefined ? options.from : dirname(labsFile), options.labsFile !== undefined);
  // A labs file is a program. One that was named is the caller's choice; one that was found may have been put there.
  const fault = options.labsFile === undefined ? whyNotTrusted(labsFile) : undefined;
  if (fault !== undefined) throw labsNotTrusted(labsFile, fault);
  const root = basename(dirname(labsFile)) === "stacks" ? dirname(dirname(labsFile)) : dirname(labsFile);
  const { labs, others } = await loadLabs(labsFile, options.from);
  return { labsFile, root, stateFolder: join(root, ".redis-lab"), labs: labs.map((lab) => anchorPaths(lab, root)), others };
}

/** The project of a lab that a program has defined, in a folder of its choice. */
export function projectOf(lab: Lab, folder: string): Project {
  const root = resolve(folder);
  return { labsFile: root, root, stateFolder: join(root, ".redis-lab"), labs: [anchorPaths(lab, root)] };
}

/** @throws LabError `project.no-such-lab` */
export function findLab(project: Project, name: string): Lab {
  const lab = project.labs.find((each) => each.name === name);
  if (lab === undefined)
    throw noSuchLab(
      name,
      project.labs.map((each) => each.name),
      project.labsFile,
    );
  return lab;
}

function findLabsFile(from: string): string | undefined {
  const found = NAMES.map((name) => join(from, name)).find((file) => existsSync(file));
  if (found !== undefined) return found;
  const parent = dirname(from);
  return parent === from ? undefined : findLabsFile(parent);
}

async function loadLabs(file: string, from: string): Promise<{ readonly labs: readonly Lab[]; readonly others: readonly unknown[] }> {
  const labs = new Map<unknown, string>();
  const others = new Set<unknown>();
  for (const [name, value] of Object.entries(await importLabs(file, from)))
    for (const each of Array.isArray(value) ? value : [value]) {
      if (!isLab(each)) others.add(each);
      else if (!labs.has(each)) labs.set(each, name);
    }
  // One that is exported without defineLab is held to the same, and one that it made stays as it is.
  const defined = [...labs].map(([lab, exported]) => ({ lab: defineLab(lab as Lab), exported }));
  for (const [index, { lab, exported }] of defined.entries()) {
    for (const other of defined.slice(0, index)) {
      if (other.lab.name === lab.name) throw sameName(lab.name, [other.exported, exported], file);
      if (other.lab.network.loopback === lab.network.loopback) throw sameLoopback(other.lab.name, lab.name, lab.network.loopback);
    }
  }
  return { labs: defined.map(({ lab }) => lab), others: [...others] };
}

/** Paths on this computer that the labs file gives count from the project's folder, wherever the command runs. */
function anchorPaths(lab: Lab, root: string): Lab {
  const anchor = (path: string) => (path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(root, path));
  const keyFiles = (ssh: SshSettings): SshSettings => ({
    ...ssh,
    ...(ssh.keyFile !== undefined && { keyFile: anchor(ssh.keyFile) }),
    ...(ssh.configFile !== undefined && ssh.configFile !== "none" && { configFile: anchor(ssh.configFile) }),
    ...(ssh.jumpKeyFile !== undefined && { jumpKeyFile: anchor(ssh.jumpKeyFile) }),
  });
  const { source } = lab.redis;
  const { image, publicKeyFile } = lab.libvirt;
  const isFile = typeof image !== "string" && !/^https?:/.test(image.location);
  return {
    ...lab,
    ssh: keyFiles(lab.ssh),
    hosts: lab.hosts.map((host) => ({ ...host, ssh: keyFiles(host.ssh) })),
    libvirt: {
      ...lab.libvirt,
      image: isFile ? { ...image, location: anchor(image.location) } : image,
      ...(publicKeyFile !== undefined && { publicKeyFile: anchor(publicKeyFile) }),
    },
    redis: { ...lab.redis, source: source.kind === "file" ? { ...source, path: anchor(source.path) } : source },
  };
}

const FOLDER = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

async function importLabs(file: string, from: string): Promise<Record<string, unknown>> {
  // This very package, whatever is installed beside the labs file: a lab is checked by the redis-lab that runs it.
  const self = fileURLToPath(new URL(`../index.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url));
  try {
    const { createJiti } = await import("jiti");
    const fsCache = await cacheOfLabs();
    // Without the module cache on disk a copy of the project would load the labs of the original's path.
    return await createJiti(import.meta.url, { alias: { "redis-lab": self }, moduleCache: false, fsCache }).import<Record<string, unknown>>(
      file,
    );
  } catch (error) {
    const { explainLabsFile } = await import("./explain.ts");
    throw await explainLabsFile(error, { file, from, own: FOLDER });
  }
}

/**
 * Where jiti keeps labs files as JavaScript, which it runs without a look at their origin: left to itself it takes `jiti` in the folder for temporary files, and the user who made that first decides
 * what runs. False, so that it is made again each time, where there is no folder that other users can't write.
 */
async function cacheOfLabs(): Promise<string | false> {
  const folder = join(cacheFolder(), "labs");
  try {
    await makeFolder(folder);
    return whyNotTrusted(folder) === undefined ? folder : false;
  } catch {
    return false;
  }
}

/** What defineLab returned, or what is meant for it. */
function isLab(value: unknown): value is object {
  return typeof value === "object" && value !== null && "name" in value && "hosts" in value && "layout" in value && "network" in value;
}

/** A provisioner means the VMs that Terraform makes, wherever else the lab is up. */
export function provisionersTarget(environment: NodeJS.ProcessEnv): TargetName | undefined {
  return isInsideTerraform(environment) ? terraformsTarget() : undefined;
}

/** True where a provisioner of the lab's stack runs us: Terraform says so in the environment. */
export function isInsideTerraform(environment: NodeJS.ProcessEnv): boolean {
  return environment["REDIS_LAB_IN_TERRAFORM"] === "1";
}
