import { type PlacedHost, type Placement, placeLab } from "../../lib/lab/placement.ts";
import { declaredVersion } from "../../lib/lab/product.ts";
import type { Lab } from "../../lib/lab/schema.ts";
import type { Secrets } from "../../lib/lab/secrets.ts";
import type { TargetName } from "../../lib/lab/targets.ts";

export const SECRETS: Secrets = { password: "a-password-of-the-tests_00000000", generation: "k3f9" };

export function placed(lab: Lab, target: TargetName, version = declaredVersion(lab)): Placement {
  return placeLab(lab, { target, version, hostsFolder: `/home/someone/project/.redis-lab/${lab.name}/${target}/hosts` });
}

export function hostOf(placement: Placement, name: string): PlacedHost {
  const host = placement.hosts.find((candidate) => candidate.name === name);
  if (host === undefined) throw new Error(`no host ${name}`);
  return host;
}
