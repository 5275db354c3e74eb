import { readFileSync } from "node:fs";
import { type XmlElement, xmlAll, xmlText } from "./xml.ts";

/** AppArmor where libvirt confines VMs by it. */
export interface AppArmorFacts {
  /** What the profiles of all VMs allow besides what libvirt writes for each; undefined on another computer. */
  readonly rules: readonly string[] | undefined;
}

/** What the profile of every VM includes: the packages' own part and the administrator's (templates of libvirt's src/security/apparmor). */
const FILES = [
  "/etc/apparmor.d/abstractions/libvirt-qemu",
  "/etc/apparmor.d/local/abstractions/libvirt-qemu",
  "/etc/apparmor.d/libvirt/TEMPLATE.qemu",
];

/** The file for rules of one's own. */
export const LOCAL_RULES = "/etc/apparmor.d/local/abstractions/libvirt-qemu";

/** @param capabilities of the hypervisor, as `virsh capabilities` has them */
export function readAppArmor(capabilities: XmlElement, isHere: boolean): AppArmorFacts | undefined {
  if (!xmlAll(capabilities, "host/secmodel").some((model) => xmlText(model, "model") === "apparmor")) return undefined;
  return { rules: isHere ? FILES.flatMap((file) => linesOf(file)) : undefined };
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    return [];
  }
}

/**
 * Whether a line allows reading and writing all files of a folder: `/pool/** rwk,`, `/pool/*.qcow2 rw,` does not, as cloud-init disks have another name. Pure.
 *
 * @param folder absolute, without a slash at its end
 */
export function allowsFolder(rules: readonly string[], folder: string): boolean {
  return rules.some((line) => {
    const [, quoted, plain = "", access = ""] = /^\s*(?:owner\s+)?(?:"([^"]+)"|(\/\S*))\s+([a-z]+)\s*,/.exec(line) ?? [];
    const [, above, stars] = /^(\/.*)\/(\*\*?)$/.exec(quoted ?? plain) ?? [];
    if (above === undefined || !access.includes("r") || !access.includes("w")) return false;
    return above === folder || (stars === "**" && folder.startsWith(`${above}/`));
  });
}
