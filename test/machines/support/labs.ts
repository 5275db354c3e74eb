import type { LabInput } from "../../../lib/lab/schema.ts";
import { clusterInput, sentinelInput } from "../../support/labs.ts";
import { testSource } from "../../support/sources.ts";
import type { Rig } from "../rig/rig.ts";

type Changes = Partial<LabInput>;

/** The shipped `cluster` lab on the machines of a rig. */
export async function clusterOn(rig: Rig, version: string, changes: Changes = {}): Promise<LabInput> {
  return clusterInput({ ...(await common(rig, version, changes)), ...without(changes) });
}

/** The shipped `sentinel` lab on the machines of a rig. */
export async function sentinelOn(rig: Rig, version: string, changes: Changes = {}): Promise<LabInput> {
  return sentinelInput({ ...(await common(rig, version, changes)), ...without(changes) });
}

async function common(rig: Rig, version: string, changes: Changes): Promise<Changes> {
  const source = await testSource(version);
  return {
    ssh: { user: rig.users.root, keyFile: rig.keyFile, ...changes.ssh },
    redis: {
      version: source.version,
      source: { kind: "file", path: source.path, sha256: source.sha256 },
      makeFlags: [...source.makeFlags],
      ...changes.redis,
    },
  };
}

/** What was merged above must not replace the result. */
function without({ ssh: _, redis: __, ...rest }: Changes): Changes {
  return rest;
}
