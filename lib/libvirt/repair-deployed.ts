import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "../base/atomic.ts";
import { isLabError, whatOf } from "../base/error.ts";
import type { Emit } from "../base/events.ts";
import { temporaryFolder } from "../base/temporary-folder.ts";
import { imageOf } from "../lab/images.ts";
import type { HypervisorSettings, Lab } from "../lab/schema.ts";
import { planVms, usedHypervisors } from "../lab/vms.ts";
import {
  absentNetworks,
  absentVolumes,
  type DeployedFacts,
  type DeployedLab,
  inactiveNetworks,
  type LooseTap,
  looseTaps,
  observeDeployed,
} from "./deployed.ts";
import { ensureImage, type FetchedImage } from "./images.ts";
import { baseImageName } from "./names.ts";
import { networkXml } from "./networks.ts";
import type { KnownNetwork, TerraformState } from "./terraform-state.ts";
import { plugInto } from "./this-computer.ts";
import { virsh, virshOutput } from "./virsh.ts";

/** Something that can be put back as it was, without a loss whatever else is true. */
export type Repair =
  /** With the id that Terraform knows. */
  | { readonly kind: "define-network"; readonly network: KnownNetwork; readonly bridge: string | undefined }
  | { readonly kind: "start-network"; readonly name: string; readonly id: string }
  | ({ readonly kind: "plug" } & LooseTap)
  /** The same bytes: its name has their digest. */
  | { readonly kind: "upload-image"; readonly pool: string; readonly name: string };

/** The order in which they are done: each may make the next one necessary. */
const ORDER = ["upload-image", "define-network", "start-network", "plug"] as const satisfies readonly Repair["kind"][];

/** Pure. */
export function planRepairs(deployed: DeployedLab & { readonly image: string | undefined }, facts: DeployedFacts): readonly Repair[] {
  const { hypervisor, image } = deployed;
  const taken = new Set(facts.networks.map(({ bridge }) => bridge));
  return [
    ...absentVolumes(deployed, facts)
      .filter((name) => name === image)
      .map((name): Repair => ({ kind: "upload-image", pool: hypervisor.pool, name })),
    ...absentNetworks(deployed, facts)
      .filter(isPlainNetwork)
      .map((network): Repair => ({ kind: "define-network", network, bridge: taken.has(network.bridge) ? undefined : network.bridge })),
    ...inactiveNetworks(deployed, facts).map(({ name, id }): Repair => ({ kind: "start-network", name, id })),
    ...looseTaps(facts).map((tap): Repair => ({ kind: "plug", ...tap })),
  ];
}

/** Whether a state, which others may write, says what a network of a lab can be. */
function isPlainNetwork({ id, ranges }: KnownNetwork): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) && ranges.every((range) => /^\d+(\.\d+){3}\/\d+$/.test(range));
}

/** The verb of each repair: what is to be done, and what was done. */
const VERBS: Readonly<Record<Repair["kind"], { readonly wanted: string; readonly done: string }>> = {
  "define-network": { wanted: "define", done: "defined" },
  "start-network": { wanted: "start", done: "started" },
  plug: { wanted: "plug", done: "plugged" },
  "upload-image": { wanted: "upload", done: "uploaded" },
};

/** As a sentence without its end: `start the network cluster`, or that it was done: `started the network cluster`. */
export function describeRepair(repair: Repair, tense: "wanted" | "done"): string {
  const verb = VERBS[repair.kind][tense];
  switch (repair.kind) {
    case "define-network":
      return `${verb} the network ${repair.network.name} again`;
    case "start-network":
      return `${verb} the network ${repair.name}`;
    case "plug":
      return `${verb} ${repair.domain} into ${repair.bridge} again`;
    case "upload-image":
      return `${verb} the image ${repair.name} again`;
    default:
      return repair satisfies never;
  }
}

export interface Repaired {
  /** As sentences without an end: `started the network cluster`. */
  readonly done: readonly string[];
  /** What was to be done, `start the network cluster`, and why it could not. */
  readonly failed: readonly { readonly what: string; readonly why: string }[];
}

/**
 * Puts back what a lab that was deployed has lost of networks and images: as Terraform knows it, so that it finds nothing to do. Nothing is removed or replaced. A second call changes nothing.
 *
 * @throws LabError `lab.invalid`
 */
export async function repairDeployed(
  lab: Lab,
  terraform: TerraformState,
  options: { readonly emit: Emit; readonly signal?: AbortSignal | undefined },
): Promise<Repaired> {
  if (terraform.kind !== "read" || terraform.resources === 0) return { done: [], failed: [] };
  const used = usedHypervisors(lab, planVms(lab));
  const done: string[] = [];
  const failed: { what: string; why: string }[] = [];
  for (const hypervisor of used) {
    try {
      await repairOn(lab, hypervisor, terraform, options, {
        done: (repair) => done.push(describeRepair(repair, "done")),
        failed: (what, why) => failed.push({ what, why }),
      });
    } catch (error) {
      options.signal?.throwIfAborted();
      // That it can't be asked is said by the checks that come next.
      if (!isLabError(error)) throw error;
    }
  }
  return { done, failed };
}

async function repairOn(
  lab: Lab,
  hypervisor: HypervisorSettings,
  terraform: TerraformState,
  options: { readonly emit: Emit; readonly signal?: AbortSignal | undefined },
  tell: { readonly done: (repair: Repair) => void; readonly failed: (what: string, why: string) => void },
): Promise<void> {
  const image = imageOf(lab.libvirt);
  const wanted = { lab, hypervisor, terraform, image: image === undefined ? undefined : baseImageName(lab, image.sha256) };
  const look = async () => planRepairs(wanted, await observeDeployed(lab, hypervisor, options));
  let repairs = await look();
  for (const kind of ORDER) {
    const now = repairs.filter((repair) => repair.kind === kind);
    if (now.length === 0) continue;
    for (const repair of now) {
      options.signal?.throwIfAborted();
      try {
        await carryOut(repair, hypervisor.uri, () => (image === undefined ? undefined : ensureImage(image, options)), options.signal);
        tell.done(repair);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!isLabError(error)) throw error;
        tell.failed(describeRepair(repair, "wanted"), error.why ?? whatOf(error));
      }
    }
    repairs = await look();
  }
}

async function carryOut(
  repair: Repair,
  uri: string,
  image: () => Promise<FetchedImage> | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  switch (repair.kind) {
    case "define-network": {
      const { network, bridge } = repair;
      // virsh reads files alone.
      const folder = await temporaryFolder("virsh");
      try {
        const file = join(folder, "network.xml");
        await writeAtomically(file, networkXml({ ...network, bridge }));
        await virshOutput(uri, ["net-define", file], { signal });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
      if (network.autostart) await virshOutput(uri, ["net-autostart", network.id], { signal });
      return;
    }
    case "start-network":
      await virshOutput(uri, ["net-start", repair.id], { signal });
      return;
    case "plug":
      return plugInto(repair.tap, repair.bridge, signal);
    case "upload-image": {
      const file = await image();
      if (file === undefined) return;
      const { pool, name } = repair;
      await virshOutput(uri, ["vol-create-as", pool, name, String(file.fileBytes), "--format", "raw"], { signal });
      const upload = ["vol-upload", "--pool", pool, name, file.path];
      try {
        await virshOutput(uri, upload, { signal, timeoutMs: UPLOAD_MS });
      } catch (error) {
        // Half an image must not be taken for one, also where the wait for the rest was given up.
        await virsh(uri, ["vol-delete", "--pool", pool, name]);
        throw error;
      }
      // libvirt sees only now that it is a qcow2 image.
      await virsh(uri, ["pool-refresh", pool], { signal });
      return;
    }
    default:
      return repair satisfies never;
  }
}

/** A gigabyte over a slow line, in milliseconds. */
const UPLOAD_MS = 30 * 60_000;
