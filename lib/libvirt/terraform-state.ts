import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { runProgram } from "../base/process.ts";

/** A volume as Terraform knows it: what it takes to make it again as it was. */
export interface KnownVolume {
  /** Key of the volume in libvirt: its path. */
  readonly key: string;
  readonly name: string;
  readonly pool: string;
  /** In bytes. */
  readonly size: number | undefined;
  /** Key of the image below it. */
  readonly baseKey: string | undefined;
  /** Name of the hypervisor, which is that of its provider. */
  readonly hypervisor: string | undefined;
}

/** A network as Terraform knows it: what it takes to define it again. */
export interface KnownNetwork {
  /** UUID */
  readonly id: string;
  readonly name: string;
  /** `nat`, `route`, … */
  readonly mode: string;
  readonly bridge: string | undefined;
  /** In CIDR notation, the address being that of the network. */
  readonly ranges: readonly string[];
  readonly domain: string | undefined;
  readonly autostart: boolean;
  /** Name of the hypervisor, which is that of its provider. */
  readonly hypervisor: string | undefined;
}

/** What Terraform knows of the stack of a lab. */
export type TerraformState =
  /** There is no stack: it was never deployed from here, or with `cdktf destroy` and without its folder. */
  | { readonly kind: "none" }
  /** There is one and it could not be read: nothing may be called unknown to Terraform. */
  | { readonly kind: "unreadable"; readonly why: string }
  | {
      readonly kind: "read";
      /** How many resources were made; none after a destroy. */
      readonly resources: number;
      /** Names of domains by id, the UUID of libvirt. */
      readonly domains: ReadonlyMap<string, string>;
      readonly volumes: readonly KnownVolume[];
      /** By id. */
      readonly networks: ReadonlyMap<string, KnownNetwork>;
    };

export interface TerraformStateOptions {
  /** Folder of cdktf.json. */
  readonly root: string;
  /** Name of the lab, which is that of its stack. */
  readonly lab: string;
  /** Terraform gets all of it: credentials of a backend come from there. @default that of this process */
  readonly environment?: NodeJS.ProcessEnv;
  /** Longest wait for the backend, in milliseconds. @default 60000 */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads Terraform's state of a lab with `terraform state pull`, which takes no lock: it also works within a deploy, and in every backend. Never rejects but by its signal.
 */
export async function readTerraformState(options: TerraformStateOptions): Promise<TerraformState> {
  const { root, lab } = options;
  const environment = options.environment ?? process.env;
  const folder = join(root, "cdktf.out", "stacks", lab);
  if (!existsSync(join(folder, "cdk.tf.json"))) {
    // Without cdktf.out the state of the local backend is still there.
    const file = join(root, `terraform.${lab}.tfstate`);
    const text = await readFile(file, "utf8").catch(() => undefined);
    return text === undefined ? { kind: "none" } : parseTerraformState(text);
  }
  const binary = environment["TERRAFORM_BINARY_NAME"] || "terraform";
  const run = await runProgram(binary, ["state", "pull"], {
    cwd: folder,
    environment: {
      ...environment,
      LC_ALL: "C",
      CHECKPOINT_DISABLE: "1",
      TF_IN_AUTOMATION: "1",
      TF_INPUT: "0",
      TF_CLI_ARGS: "",
      TF_LOG: "",
    },
    timeoutMs: options.timeoutMs ?? 60_000,
    signal: options.signal,
  });
  if (run.failure !== undefined) {
    const { reason, text } = run.failure;
    return {
      kind: "unreadable",
      why: reason === "absent" ? `there is no ${binary} on the PATH (TERRAFORM_BINARY_NAME names another)` : text,
    };
  }
  if (run.timedOut) return { kind: "unreadable", why: "its backend did not answer in time" };
  // A stack that was synthesised and never deployed has no backend yet.
  if (run.exitCode !== 0 && /init/i.test(run.stderr) && !existsSync(join(folder, ".terraform"))) return noBackendYet(root, lab);
  if (run.exitCode !== 0) return { kind: "unreadable", why: reasonIn(run.stderr) };
  return parseTerraformState(run.stdout);
}

async function noBackendYet(root: string, lab: string): Promise<TerraformState> {
  const text = await readFile(join(root, `terraform.${lab}.tfstate`), "utf8").catch(() => undefined);
  return text === undefined ? { kind: "none" } : parseTerraformState(text);
}

/** Terraform's box of `│ Error: …` as one line. */
function reasonIn(stderr: string): string {
  const lines = stripVTControlCharacters(stderr)
    .split("\n")
    .map((line) => line.replace(/^[│╷╵\s]+/, "").trim())
    .filter((line) => line !== "");
  // Warnings may come first.
  const first = Math.max(
    0,
    lines.findIndex((line) => line.startsWith("Error: ")),
  );
  return lines.slice(first, first + 3).join(" ") || "Terraform gave no reason";
}

interface StateFile {
  readonly version?: unknown;
  readonly resources?: readonly {
    readonly mode?: unknown;
    readonly type?: unknown;
    readonly provider?: unknown;
    readonly instances?: readonly { readonly attributes?: Readonly<Record<string, unknown>> }[];
  }[];
}

/** Reads the text of a state (format 4, of Terraform since 0.12 and of OpenTofu); empty text is an empty state. */
export function parseTerraformState(text: string): TerraformState {
  const domains = new Map<string, string>();
  const volumes: KnownVolume[] = [];
  const networks = new Map<string, KnownNetwork>();
  let resources = 0;
  if (text.trim() === "") return { kind: "read", resources, domains, volumes, networks };
  let state: StateFile;
  try {
    state = JSON.parse(text) as StateFile;
  } catch {
    return { kind: "unreadable", why: "the state is not JSON" };
  }
  if (state.version !== 4)
    return { kind: "unreadable", why: `the state has format ${String(state.version)}, and 4 is the one that is known` };
  for (const { mode, type, provider, instances = [] } of state.resources ?? []) {
    if (mode !== "managed") continue;
    // provider["registry.terraform.io/dmacvicar/libvirt"].ALIAS
    const hypervisor = /\]\.([^.\]]+)$/.exec(String(provider))?.[1];
    for (const { attributes = {} } of instances) {
      const id = wordOf(attributes["id"]);
      if (id === undefined) continue;
      resources++;
      const name = wordOf(attributes["name"]) ?? "";
      const pool = wordOf(attributes["pool"]) ?? "";
      switch (type) {
        case "libvirt_domain":
          domains.set(id, name);
          break;
        case "libvirt_network":
          networks.set(id, {
            id,
            name,
            mode: wordOf(attributes["mode"]) ?? "nat",
            bridge: wordOf(attributes["bridge"]),
            ranges: wordsOf(attributes["addresses"]),
            domain: wordOf(attributes["domain"]),
            autostart: attributes["autostart"] === true,
            hypervisor,
          });
          break;
        case "libvirt_volume": {
          const size = attributes["size"];
          volumes.push({
            key: id,
            name,
            pool,
            size: typeof size === "number" ? size : undefined,
            baseKey: wordOf(attributes["base_volume_id"]),
            hypervisor,
          });
          break;
        }
      }
    }
  }
  return { kind: "read", resources, domains, volumes, networks };
}

function wordsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.flatMap((each) => wordOf(each) ?? []) : [];
}

function wordOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
