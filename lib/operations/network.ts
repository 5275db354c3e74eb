import type { Emit } from "../base/events.ts";
import type { Lab } from "../lab/schema.ts";
import { TARGETS, type TargetName } from "../lab/targets.ts";
import type { LabNetwork } from "../netns/network.ts";
import type { StatePaths } from "../project/state.ts";

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
  return LabNetwork.open({ lab, folder: paths.targetFolder, file: paths.networkFile, signal });
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
