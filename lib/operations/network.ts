import type { Emit } from "../base/events.ts";
import { placeLab } from "../lab/placement.ts";
import type { Lab } from "../lab/schema.ts";
import { TARGETS, type TargetName } from "../lab/targets.ts";
import type { LabNetwork } from "../netns/network.ts";
import type { StatePaths } from "../project/state.ts";
import { memoryBytes } from "../redis/memory-units.ts";

/** The network of a lab where redis-lab makes one. @throws LabError `netns.*`, `lab.*` */
export async function openNetwork(options: {
  readonly lab: Lab;
  readonly target: TargetName;
  readonly paths: StatePaths;
  readonly signal?: AbortSignal | undefined;
}): Promise<LabNetwork | undefined> {
  const { lab, target, paths, signal } = options;
  if (TARGETS[target].network !== "namespaces") return undefined;
  const { LabNetwork } = await import("../netns/network.ts");
  const bytes = lab.netns.disk === undefined ? undefined : memoryBytes(lab.netns.disk);
  const { hosts } = placeLab(lab, { target, ...paths });
  const disks = bytes === undefined ? [] : hosts.map((host) => ({ host: host.name, folder: host.paths.data, bytes }));
  return LabNetwork.open({ lab, folder: paths.targetFolder, file: paths.networkFile, disks, signal });
}

interface Networked {
  readonly network: LabNetwork | undefined;
  readonly emit: Emit;
}

const STEP = { type: "step", host: undefined, step: "network" } as const;

/** Makes the network, or brings it to what the lab declares. No change of the lab is counted: what the lab is, its files, data and layout, is as it was. @throws LabError `netns.*` */
export async function raiseNetwork({ network, emit }: Networked): Promise<void> {
  const done = await network?.raise();
  if (done !== undefined) emit({ ...STEP, state: "changed", detail: done, changes: 0 });
}

/** Ends the network with everything that still runs in it. @throws LabError `netns.not-ended` */
export async function removeNetwork({ network, emit }: Networked): Promise<void> {
  if ((await network?.remove()) === true) emit({ ...STEP, state: "changed", detail: "removed", changes: 0 });
}

/** Ends networks of the lab that are no longer known. @throws LabError `netns.*` */
export async function endNetworksLeft(options: Parameters<typeof openNetwork>[0]): Promise<void> {
  const network = await openNetwork(options);
  await network?.endOthers();
}
