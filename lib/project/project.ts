import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isLabError } from "../error.ts";
import type { Lab, SshSettings } from "../lab/schema.ts";
import { noLabsFile, noSuchLab, sameLoopback, unreadableLabsFile } from "./errors.ts";

/** A user's project: its labs and the folder in which redis-lab keeps what it remembers. */
export interface Project {
  readonly labsFile: string;
  /** Folder of cdktf.json, or of package.json where there is none; `.redis-lab` is beside it. */
  readonly root: string;
  readonly stateFolder: string;
  readonly labs: readonly Lab[];
}

const NAMES = ["stacks/labs.ts", "stacks/labs.js", "stacks/labs.mjs", "labs.ts", "labs.js", "labs.mjs"];

/**
 * Finds and loads the labs of the project around a folder. A TypeScript file is loaded as it is.
 *
 * @param labsFile the file itself; otherwise the first labs file in `from` or a folder above it
 * @throws LabError `project.*`, `lab.invalid`
 */
export async function openProject(options: { readonly from: string; readonly labsFile?: string | undefined }): Promise<Project> {
  const labsFile = options.labsFile === undefined ? findLabsFile(options.from) : resolve(options.from, options.labsFile);
  if (labsFile === undefined || !existsSync(labsFile)) throw noLabsFile(labsFile === undefined ? options.from : dirname(labsFile));
  const root = basename(dirname(labsFile)) === "stacks" ? dirname(dirname(labsFile)) : dirname(labsFile);
  const labs = (await loadLabs(labsFile)).map((lab) => anchorPaths(lab, root));
  return { labsFile, root, stateFolder: join(root, ".redis-lab"), labs };
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

async function loadLabs(file: string): Promise<readonly Lab[]> {
  const exported = await importFile(file);
  const labs = Object.values(exported)
    .flatMap((value) => (Array.isArray(value) ? value : [value]))
    .filter(isLab);
  const unique = [...new Map(labs.map((lab) => [lab.name, lab])).values()];
  for (const [index, lab] of unique.entries()) {
    const other = unique.slice(0, index).find(({ network }) => network.loopback === lab.network.loopback);
    if (other !== undefined) throw sameLoopback(other.name, lab.name, lab.network.loopback);
  }
  return unique;
}

/** Paths on this computer that the labs file gives count from the project's folder, wherever the command runs. */
function anchorPaths(lab: Lab, root: string): Lab {
  const anchor = (path: string) => (path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(root, path));
  const keyFiles = (ssh: SshSettings): SshSettings => ({
    ...ssh,
    ...(ssh.keyFile !== undefined && { keyFile: anchor(ssh.keyFile) }),
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

async function importFile(file: string): Promise<Record<string, unknown>> {
  // This very package, whatever is installed beside the labs file: a lab is checked by the redis-lab that runs it.
  const self = fileURLToPath(new URL(`../index.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url));
  try {
    const { createJiti } = await import("jiti");
    // Without the module cache on disk a copy of the project would load the labs of the original's path.
    return await createJiti(import.meta.url, { alias: { "redis-lab": self }, moduleCache: false }).import<Record<string, unknown>>(file);
  } catch (error) {
    if (isLabError(error) || (error instanceof Error && error.name === "LabError")) throw error;
    throw unreadableLabsFile(file, error);
  }
}

/** What defineLab returned: the shape is trusted, since only defineLab makes it. */
function isLab(value: unknown): value is Lab {
  return typeof value === "object" && value !== null && "name" in value && "hosts" in value && "layout" in value && "network" in value;
}
