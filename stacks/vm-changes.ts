import type { VmPlan } from "../lib/lab/vms.ts";
import type { LabState } from "../lib/project/state.ts";

/** Says what a deploy would do, and what it would not, about VMs that the lab declares otherwise than they were applied. */
export function vmChanges(lab: string, { vms, image }: Pick<VmPlan, "vms" | "image">, former: LabState["vms"]): readonly string[] {
  const changes = vms.flatMap((vm) => {
    const had = former?.[vm.host];
    if (had === undefined) return [];
    return [
      {
        kind: "hardware" as const,
        host: vm.host,
        texts: [...change("vcpus", had.vcpus, vm.vcpus), ...change("memoryMiB", had.memoryMiB, vm.memoryMiB)],
      },
      { kind: "disk" as const, host: vm.host, texts: change("diskGiB", had.diskGiB, vm.diskGiB) },
      { kind: "image" as const, host: vm.host, texts: change("image", had.image?.slice(0, 12), image.sha256.slice(0, 12)) },
      { kind: "hypervisor" as const, host: vm.host, texts: change("hypervisor", had.hypervisor, vm.hypervisor.name) },
    ].filter(({ texts }) => texts.length > 0);
  });
  return Object.entries(EFFECTS).flatMap(([kind, effect]) => {
    const hosts = changes.filter((each) => each.kind === kind).map(({ host, texts }) => `${host} (${texts.join(", ")})`);
    return hosts.length === 0 ? [] : [`${hosts.join(", ")}: ${effect(lab)}`];
  });
}

const EFFECTS = {
  hardware: (lab: string) =>
    `cdktf deploy replaces the VM of a host whose hardware changed, and refuses more than one at once. Host by host, with its roles handed over: npx redis-lab rebuild ${lab} --rolling`,
  disk: (lab: string) => `cdktf deploy leaves the disks that exist as they are. As new ones, empty: npx redis-lab rebuild ${lab}`,
  image: (lab: string) =>
    `cdktf deploy leaves VMs on the image that they were made from. For another one: cdktf destroy ${lab}, and deploy again.`,
  hypervisor: () => "cdktf deploy destroys the VM where it is and makes a new one, with an empty disk, on the other hypervisor.",
};

function change(name: string, had: string | number | undefined, has: string | number): readonly string[] {
  return had === undefined || had === has ? [] : [`${name} ${had} → ${has}`];
}
