import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { isLocal } from "./constructs/hypervisor.ts";

/** libvirt's sockets on this computer; the provider speaks to the first. */
const LIBVIRT_SOCKET = "/var/run/libvirt/libvirt-sock";
const MODULAR_SOCKET = "/var/run/libvirt/virtqemud-sock";

/**
 * What a deploy needs on this computer and does not find, each with its cure. It looks at files alone: nothing is connected to.
 *
 * @param uris of the hypervisors that the labs use
 */
export function missingPrerequisites(uris: readonly string[], environment: NodeJS.ProcessEnv = process.env): readonly string[] {
  const terraform = environment["TERRAFORM_BINARY_NAME"] || "terraform";
  const programs = [
    {
      name: terraform,
      cure: "install Terraform, or OpenTofu and name it: export TERRAFORM_BINARY_NAME=tofu",
      use: "it makes the VMs",
    },
    { name: "npx", cure: "install npm, with which it comes", use: "Terraform runs redis-lab by it" },
  ];
  return [
    ...programs
      .filter(({ name }) => !isOnPath(name, environment))
      .map(({ name, use, cure }) => `${name} is not on the PATH, and ${use}: ${cure}.`),
    ...[...new Set(uris.filter(isLocal).map(socketOf))].flatMap(socketFault),
  ];
}

function socketOf(uri: string): string {
  return new URLSearchParams(uri.split("?")[1] ?? "").get("socket") ?? LIBVIRT_SOCKET;
}

function socketFault(socket: string): readonly string[] {
  if (!existsSync(socket)) {
    const cure =
      socket === LIBVIRT_SOCKET && existsSync(MODULAR_SOCKET)
        ? "libvirt runs as separate daemons, and the provider needs their common socket: systemctl enable --now virtproxyd.socket virtnetworkd.socket virtstoraged.socket"
        : "install libvirt and start it (Debian: apt install libvirt-daemon-system; CentOS: yum install libvirt qemu-kvm), then: systemctl enable --now libvirtd";
    return [`There is no libvirt on this computer (${socket} is absent): ${cure}.`];
  }
  try {
    accessSync(socket, constants.R_OK | constants.W_OK);
    return [];
  } catch {
    return [
      `You may not use libvirt on this computer (no permission on ${socket}): sudo usermod --append --groups libvirt $USER, then log in again.`,
    ];
  }
}

function isOnPath(program: string, environment: NodeJS.ProcessEnv): boolean {
  const folders = isAbsolute(program) ? [""] : (environment["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
