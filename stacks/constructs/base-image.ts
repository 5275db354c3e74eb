import { Volume } from "@cdktf/provider-libvirt/lib/volume";
import { type ITerraformDependable, Token } from "cdktf";
import { Construct } from "constructs";
import { baseImageName } from "../../lib/libvirt/names.ts";
import { checkProps } from "./checked-props.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { literal } from "./literal.ts";

export interface BaseImageProps {
  readonly hypervisor: Hypervisor;
  /** Name of the lab. Two labs on one pool have a base each: the provider overwrites a volume of the same name and takes it for its own. */
  readonly lab: string;
  /** Absolute path on this computer of the verified image; it is uploaded once. */
  readonly file: string;
  /** Its SHA-256, in lower case. */
  readonly sha256: string;
  /** @default - nothing */
  readonly dependsOn?: readonly ITerraformDependable[];
}

/** The image that the disks of a hypervisor's VMs are laid over, as a volume of its pool. */
export class BaseImage extends Construct {
  readonly volume: Volume;

  constructor(scope: Construct, id: string, props: BaseImageProps) {
    super(scope, id);
    const { hypervisor, lab, file, sha256, dependsOn = [] } = props;
    const known = "the volume is named after it";
    checkProps(this, [
      { prop: "lab", value: lab, rule: "name", known },
      { prop: "file", value: file, rule: "absolutePath" },
      { prop: "sha256", value: sha256, rule: "sha256", known },
    ]);
    this.volume = new Volume(this, "Default", {
      provider: hypervisor.provider,
      pool: hypervisor.pool,
      name: baseImageName({ name: lab }, sha256),
      source: Token.isUnresolved(file) ? file : literal(file),
      // The provider recognises version 3 of the header alone, and CentOS 7 may have version 2.
      format: "qcow2",
      dependsOn: [...dependsOn],
      // The path differs from computer to computer. And another image would replace this volume, with every disk that lies over it.
      lifecycle: { ignoreChanges: ["name", "source"] },
    });
  }
}
