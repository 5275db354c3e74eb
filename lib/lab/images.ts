import type { OsFamilyName } from "./os.ts";
import type { LibvirtSettings } from "./schema.ts";

/** A cloud image that VMs start from. */
export interface Image {
  /** http(s) URL, or absolute path on this computer. */
  readonly location: string;
  /** SHA-256 of the file, in lower case. It names the file in the cache and the volume in a pool. */
  readonly sha256: string;
  /** Login user that cloud-init makes. */
  readonly user: string;
  /** Family of its operating system. */
  readonly osFamily: OsFamilyName;
  /** Size of the disk inside the image in GiB: no VM can have a smaller one. Undefined where it is not known before the image is there. */
  readonly minDiskGiB?: number;
}

/** Images that a lab may name. URL and sum are CentOS's own (sha256sum.txt beside the image). */
export const KNOWN_IMAGES: Readonly<Record<string, Image>> = {
  "centos-7": {
    location: "https://cloud.centos.org/centos/7/images/CentOS-7-x86_64-GenericCloud-2211.qcow2",
    sha256: "284aab2b23d91318f169ff464bce4d53404a15a0618ceb34562838c59af4adea",
    user: "centos",
    osFamily: "rhel",
    minDiskGiB: 8,
  },
  "centos-7-2009": {
    location: "https://cloud.centos.org/centos/7/images/CentOS-7-x86_64-GenericCloud-2009.qcow2",
    sha256: "e38bab0475cc6d004d2e17015969c659e5a308111851b0e2715e84646035bdd3",
    user: "centos",
    osFamily: "rhel",
    minDiskGiB: 8,
  },
};

/** The image of a lab; undefined for a name that is not known, which `checkVms` reports. */
export function imageOf(settings: Pick<LibvirtSettings, "image">): Image | undefined {
  return typeof settings.image === "string" ? KNOWN_IMAGES[settings.image] : settings.image;
}
