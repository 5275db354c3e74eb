import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { lstat, mkdir, open, readFile, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readIfPresent } from "../base/atomic.ts";
import { notScaffolded, scaffoldInTheWay } from "./errors.ts";

/** Where the redis-lab came from that makes the project, so that the project can get the same one. */
export type PackageOrigin =
  | { readonly kind: "registry" }
  | { readonly kind: "tarball"; readonly file: string }
  | { readonly kind: "checkout"; readonly root: string };

/** A project that was made. */
export interface Scaffold {
  readonly folder: string;
  readonly name: string;
  /** Relative to the folder. */
  readonly files: readonly string[];
  readonly origin: PackageOrigin;
  readonly cdk: Cdk;
}

/** Files of `templates/init` by the name that they get. npm would leave out or read some of them under their own names. */
const TEMPLATES: Readonly<Record<string, string>> = {
  ".gitignore": "gitignore",
  ".npmrc": "npmrc",
  "stacks/labs.ts": "stacks/labs.ts",
  "stacks/main.ts": "stacks/main.ts",
  "test/labs.test.ts": "test/labs.test.ts",
  "tsconfig.json": "tsconfig.json",
};

/** Which CDK makes the stacks: cdktf, archived by its makers in December 2025, or cdktn, the fork that goes on from it. */
export type Cdk = "cdktf" | "cdktn";

/** What the project needs besides redis-lab itself; in the versions that redis-lab is tested with, which its package.json says. */
const DEPENDENCIES = ["cdktf", "constructs"];
const DEVELOPMENT_DEPENDENCIES = ["@types/node", "jiti", "typescript", "vitest"];

/** What each CDK adds to the project's package.json. All code goes on importing `cdktf`: under that name an alias installs cdktn. */
const CDKS = {
  cdktf: { alias: {}, cli: { "cdktf-cli": "cdktf-cli" } },
  // cdktn-cli is released with cdktn, under the same version, and names it as its peer.
  cdktn: { alias: { cdktf: "cdktn" }, cli: { "cdktn-cli": "cdktn", cdktn: "cdktn" } },
} as const satisfies Record<Cdk, { readonly alias: Readonly<Record<string, string>>; readonly cli: Readonly<Record<string, string>> }>;

/**
 * Makes a user's own project: labs, stacks, a test, and what they need around them. Nothing that exists is overwritten.
 *
 * @throws LabError `project.in-the-way`, `project.not-scaffolded`
 */
export async function scaffold(path: string, cdk: Cdk = "cdktf"): Promise<Scaffold> {
  const folder = resolve(path);
  const root = packageRoot();
  const ours = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as PackageManifest;
  const origin = await originOf(root);
  const name = packageName(basename(folder));
  const templates = Object.entries(TEMPLATES).map(
    async ([file, template]) => [file, await readFile(join(root, "templates/init", template), "utf8")] as const,
  );
  const files = new Map([
    ["package.json", json(manifest(name, ours, origin, cdk))],
    ["cdktf.json", json(cdktfSettings(randomUUID()))],
    ...(await Promise.all(templates)),
  ]);
  const names = [...files.keys()].sort();
  const existing = (await Promise.all(names.map(async (file) => ((await isThere(join(folder, file))) ? [file] : [])))).flat();
  if (existing.length > 0) throw scaffoldInTheWay(folder, existing);
  const made: string[] = [];
  try {
    for (const [file, text] of files) {
      const path = join(folder, file);
      await mkdir(dirname(path), { recursive: true });
      const handle = await open(path, "wx");
      made.push(path);
      await handle.writeFile(text).finally(() => handle.close());
    }
  } catch (error) {
    // Half a project would be in the way of the next attempt.
    for (const path of made) await rm(path, { force: true }).catch(() => {});
    throw notScaffolded(folder, error);
  }
  return { folder, name, files: names, origin, cdk };
}

interface PackageManifest {
  readonly version: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

function manifest(name: string, ours: PackageManifest, origin: PackageOrigin, cdk: Cdk) {
  const versions = { ...ours.dependencies, ...ours.devDependencies };
  const pick = (names: readonly string[]) => Object.fromEntries(names.map((each) => [each, versions[each]]));
  const { alias, cli } = CDKS[cdk];
  const aliased = Object.entries(alias).map(([as, real]) => [as, `npm:${real}@${versions[real]}`]);
  const released = Object.entries(cli).map(([each, as]) => [each, versions[as]]);
  return {
    name,
    private: true,
    type: "module",
    engines: ours.engines,
    scripts: {
      up: "redis-lab up cluster",
      synth: "jiti stacks/main.ts",
      deploy: `${cdk} deploy cluster`,
      destroy: `${cdk} destroy cluster`,
      check: "tsc",
      test: "tsc && vitest run",
    },
    dependencies: {
      ...pick(DEPENDENCIES),
      ...Object.fromEntries(aliased),
      "redis-lab": origin.kind === "tarball" ? `file:${origin.file}` : ours.version,
    },
    devDependencies: sorted({ ...pick(DEVELOPMENT_DEPENDENCIES), ...Object.fromEntries(released) }),
  };
}

/** As npm writes them. */
function sorted(record: Readonly<Record<string, unknown>>) {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The settings of cdktf. Its project id tells projects apart in reports about crashes, which are off. */
function cdktfSettings(projectId: string) {
  return {
    language: "typescript",
    app: "npm run --silent synth",
    projectId,
    sendCrashReports: "false",
    terraformProviders: [],
    terraformModules: [],
    context: {},
  };
}

/** A name that npm takes, and that is not a package's which the project depends on: npm refuses to install one into itself. */
function packageName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replaceAll(/^[._-]+|[._-]+$/g, "");
  const clis = Object.values(CDKS).flatMap(({ cli }) => Object.keys(cli));
  return ["", "redis-lab", ...DEPENDENCIES, ...DEVELOPMENT_DEPENDENCIES, ...clis].includes(name) ? "my-redis-labs" : name;
}

/** The folder of our package.json: two folders up from lib/project, three up from dist/lib/project. */
function packageRoot(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const [checkout, compiled] = [resolve(here, "../.."), resolve(here, "../../..")];
  return existsSync(join(checkout, "package.json")) ? checkout : compiled;
}

/** npm remembers in node_modules which tarball a package came from. */
async function originOf(root: string): Promise<PackageOrigin> {
  const modules = dirname(root);
  if (basename(modules) !== "node_modules") return { kind: "checkout", root };
  const text = await readIfPresent(join(modules, ".package-lock.json"));
  const resolved: unknown = text === undefined ? undefined : JSON.parse(text).packages?.["node_modules/redis-lab"]?.resolved;
  if (typeof resolved !== "string" || !resolved.startsWith("file:")) return { kind: "registry" };
  const file = resolve(dirname(modules), resolved.slice("file:".length));
  return existsSync(file) ? { kind: "tarball", file } : { kind: "registry" };
}

/** A link that leads nowhere is there, too; a file where a folder is needed is reported by the writing. */
async function isThere(file: string): Promise<boolean> {
  return await lstat(file).then(
    () => true,
    () => false,
  );
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
