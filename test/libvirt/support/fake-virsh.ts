import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab } from "../../../lib/lab/schema.ts";

const ID = "5b2c9a3e-6a0f-4b07-9a2e-1d4f6c8b0a11";

/**
 * A virsh in the folder `bin` that knows one network of the lab, which is not active, and nothing else; and the Terraform state of a deploy that made it, in `root`.
 *
 * @param answers what it does instead, in words of a shell, by the beginning of a command
 */
export async function fakeDeployed(
  folder: string,
  lab: Pick<Lab, "name" | "network">,
  answers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const bin = join(folder, "bin");
  const [address] = lab.network.cidr.split("/");
  const xml = `<network><name>${lab.name}</name><uuid>${ID}</uuid><bridge name="virbr7"/><ip address="${address}" prefix="24"/></network>`;
  const cases = {
    "net-list --all --name": `echo ${lab.name}`,
    [`net-dumpxml ${lab.name}`]: `echo '${xml}'`,
    "net-list": ":",
    "net-start": ":",
    list: ":",
  };
  const lines = [...Object.entries(answers), ...Object.entries(cases)].map(([words, answer]) => `  "${words}"*) ${answer} ;;`);
  await mkdir(bin, { recursive: true });
  // After -q -c URI.
  await writeFile(join(bin, "virsh"), `#!/bin/sh\nshift 3\ncase "$*" in\n${lines.join("\n")}\n  *) exit 1 ;;\nesac\n`);
  await chmod(join(bin, "virsh"), 0o755);
  const network = { id: ID, name: lab.name, mode: "nat", bridge: "virbr7", addresses: [lab.network.cidr], autostart: true };
  const provider = 'provider["registry.terraform.io/dmacvicar/libvirt"].local';
  const resources = [{ mode: "managed", type: "libvirt_network", provider, instances: [{ attributes: network }] }];
  await writeFile(join(folder, `terraform.${lab.name}.tfstate`), JSON.stringify({ version: 4, resources }));
}
