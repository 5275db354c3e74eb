import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Volume } from "@cdktf/provider-libvirt/lib/volume";
import { App, type ITerraformDependable, TerraformStack } from "cdktf";
import { Construct } from "constructs";
import type { CloudInitFiles } from "../../lib/render/cloud-init.ts";
import { cloudInitDisk } from "../../lib/render/cloud-init-disk.ts";
import { checkProps, cloudInitChecks } from "./checked-props.ts";
import type { Hypervisor } from "./hypervisor.ts";

export interface CloudInitDiskProps {
  readonly hypervisor: Hypervisor;
  /** Name of the volume. */
  readonly name: string;
  readonly files: CloudInitFiles;
  /** @default - nothing */
  readonly dependsOn?: readonly ITerraformDependable[];
}

/**
 * The disk that cloud-init reads, made here and uploaded as any other volume. Not the provider's `libvirt_cloudinit_disk`: that one downloads itself again for every plan, and where
 * computers are busy libvirt's answer and its first data change places now and then. The provider (0.8.3, with its go-libvirt) then fails with "corrupted-image: EOF", or waits for
 * ever: one plan in ten, of seven disks. It would want mkisofs on this computer besides.
 */
export class CloudInitDisk extends Construct {
  readonly volume: Volume;

  constructor(scope: Construct, id: string, props: CloudInitDiskProps) {
    super(scope, id);
    const { hypervisor, name, files, dependsOn = [] } = props;
    checkProps(this, [
      { prop: "name", value: name, rule: "word", known: "a file of that name is written now" },
      ...cloudInitChecks("files", files),
    ]);
    this.volume = new Volume(this, "Default", {
      provider: hypervisor.provider,
      pool: hypervisor.pool,
      name,
      source: this.#write(name.replace(/\.iso$/, ""), cloudInitDisk(files)),
      format: "raw",
      dependsOn: [...dependsOn],
      // libvirt calls it `iso` when it has looked at it.
      lifecycle: { ignoreChanges: ["format"] },
    });
  }

  /** Writes the disk where Terraform will run; returns its path from there. The name changes with the content: nothing else tells Terraform of it. */
  #write(name: string, content: Buffer): string {
    const folder = join(App.of(this).outdir, "stacks", TerraformStack.of(this).node.id, "seeds");
    const file = `${name}-${createHash("sha256").update(content).digest("hex").slice(0, 12)}.iso`;
    mkdirSync(folder, { recursive: true });
    for (const other of readdirSync(folder))
      if (other !== file && other.startsWith(`${name}-`) && /^[0-9a-f]{12}\.iso$/.test(other.slice(name.length + 1)))
        rmSync(join(folder, other));
    writeFileSync(join(folder, file), content);
    return `seeds/${file}`;
  }
}
