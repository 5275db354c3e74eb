import { LabError } from "../base/error.ts";
import type { StartFailure } from "../base/process.ts";
import type { Vm } from "../lab/vms.ts";
import { explainStart } from "./explain-start.ts";
import type { ImageKind } from "./image-kind.ts";
import { sshDestination, virshCommand } from "./uri.ts";

/** virsh could not be started. */
export function noVirsh({ reason, text, cause }: StartFailure): LabError {
  if (reason !== "absent")
    return new LabError({
      code: "libvirt.virsh-not-started",
      kind: "environment",
      what: `virsh could not be started: ${text}.`,
      next: "Check owner and mode of the program (`namei -l PATH`), and that this user may start more processes (`ulimit -u`).",
      cause,
    });
  return new LabError({
    code: "libvirt.no-virsh",
    kind: "environment",
    what: "There is no virsh on this computer.",
    why: "redis-lab asks libvirt through it; the Terraform provider does without.",
    next: "Install it: apt install libvirt-clients, or dnf install libvirt-client.",
    cause,
  });
}

export function noLibvirtd(uri: string, failure: string): LabError {
  const ssh = sshDestination(uri);
  const where = ssh === undefined ? "this computer" : ssh;
  return new LabError({
    code: "libvirt.no-libvirtd",
    kind: "environment",
    what: `No libvirtd answers at ${uri}.`,
    why: failure,
    next: `Install libvirt on ${where} and start it: apt install libvirt-daemon-system qemu-system-x86, or dnf install libvirt-daemon-kvm; then systemctl enable --now libvirtd (where there is none: virtqemud.socket virtnetworkd.socket virtstoraged.socket virtproxyd.socket).`,
  });
}

export function noPermission(uri: string, failure: string): LabError {
  const ssh = sshDestination(uri);
  return new LabError({
    code: "libvirt.no-permission",
    kind: "environment",
    what: `The libvirtd at ${uri} does not let this user in.`,
    why: failure,
    next:
      ssh === undefined
        ? "Join the group libvirt and log in again: sudo usermod -aG libvirt $USER (`newgrp libvirt` does for one shell). `virsh -c qemu:///system list` must work without sudo."
        : `On ${ssh}, add the login user to the group libvirt: sudo usermod -aG libvirt USER; then \`ssh ${ssh} virsh -c qemu:///system list\` must work.`,
  });
}

export function authenticationRefused(uri: string, failure: string): LabError {
  return new LabError({
    code: "libvirt.no-permission",
    kind: "environment",
    what: `The libvirtd at ${uri} refuses to be used.`,
    why: failure,
    next: `Give it credentials that it takes (https://libvirt.org/auth.html); \`${virshCommand(uri)} list\` must work without a question.`,
  });
}

/** What to do about what ssh says, in the order of looking. */
const SSH_CURES: readonly (readonly [RegExp, (ssh: string) => string])[] = [
  [
    /Host key verification failed/,
    (ssh) => `Log in once and compare the host key: ssh ${ssh}. Terraform's provider reads ~/.ssh/known_hosts too.`,
  ],
  [
    /Permission denied/,
    (ssh) =>
      `Let a key of yours in (ssh-copy-id ${ssh}), or name one in the URI: ?keyfile=/home/me/.ssh/id_ed25519. \`ssh -o BatchMode=yes ${ssh} true\` must work.`,
  ],
  [
    /Could not resolve|timed out|No route|refused|unreachable/i,
    (ssh) => `Check name, address and port of the hypervisor in the lab, and that its sshd runs: ssh ${ssh} true.`,
  ],
  [
    /Cannot find 'ssh' in path/,
    () => "Install the OpenSSH client on this computer: apt install openssh-client, or dnf install openssh-clients.",
  ],
  [/virt-ssh-helper|\bnc: (command )?not found/, (ssh) => `Install libvirt on ${ssh} (libvirt-daemon brings virt-ssh-helper), or netcat.`],
  [/(?:)/, (ssh) => `\`ssh -o BatchMode=yes ${ssh} virsh -c qemu:///system list\` must work.`],
];

export function noSshToHypervisor(uri: string, failure: string): LabError {
  const ssh = sshDestination(uri) ?? "HOST";
  return new LabError({
    code: "libvirt.no-ssh",
    kind: "environment",
    what: `The hypervisor ${uri} can't be reached by ssh.`,
    why: sshReason(failure),
    next: SSH_CURES.find(([when]) => when.test(failure))?.[1](ssh) ?? "",
  });
}

/** `Cannot recv data: …: Connection reset by peer` without what libvirt puts around ssh's words, of which the last line tells all. */
function sshReason(failure: string): string {
  const changed = /REMOTE HOST IDENTIFICATION HAS CHANGED/.test(failure) ? "The host key is another one than before. " : "";
  const last = failure.split("\n").at(-1) ?? "";
  return (
    changed +
    last
      .replace(/^(Cannot recv data|End of file while reading data): /, "")
      .replace(/: (Connection reset by peer|Input\/output error)$/, "")
  );
}

export function noConnection(uri: string, failure: string): LabError {
  return new LabError({
    code: "libvirt.no-connection",
    kind: "environment",
    what: `There is no connection to ${uri}.`,
    why: failure,
    next: `Correct \`uri\` of the hypervisor in the lab (https://libvirt.org/uri.html); \`${virshCommand(uri)} list\` must work.`,
  });
}

export function connectionLost(uri: string, failure: string): LabError {
  return new LabError({
    code: "libvirt.connection-lost",
    kind: "environment",
    what: `The connection to ${uri} was lost.`,
    why: failure,
    next: "libvirtd was restarted, or the way to it broke: run the same command again, it continues where it stopped.",
  });
}

export function hypervisorSilent(uri: string, command: string, timeoutMs: number): LabError {
  return new LabError({
    code: "libvirt.time-out",
    kind: "environment",
    what: `The hypervisor ${uri} did not answer \`${command.split(/[ ;]/)[0]}\` within ${Math.round(timeoutMs / 1000)} s.`,
    why: "libvirtd hangs, or the way to it swallows packets.",
    next: `Try \`${virshCommand(uri)} list --all\`; when it hangs too, look at the hypervisor's journal (journalctl -u libvirtd -u virtqemud).`,
  });
}

export function virshFailed(uri: string, args: readonly string[], message: string): LabError {
  return new LabError({
    code: "libvirt.command-failed",
    kind: "environment",
    what: `virsh ${args.join(" ")} failed on ${uri}.`,
    why: message || "It said nothing.",
    next: "Fix what libvirt says and run the same command again: it continues where it stopped.",
  });
}

const WHAT_IT_IS: Readonly<Record<ImageKind, string>> = {
  gzip: "it is compressed with gzip",
  xz: "it is compressed with xz",
  zip: "it is a zip archive",
  zstd: "it is compressed with zstd",
  html: "it is a web page: the address, or a proxy on the way, answered with a page instead of a file",
  vmdk: "it is a VMware disk",
  dependent: "it needs another image as its backing file",
  empty: "it is empty",
  raw: "it is a raw disk",
  unknown: "it has neither the header of a qcow2 image nor any that is known",
};

const INTO_QCOW2: Readonly<Partial<Record<ImageKind, string>>> = {
  gzip: "gunzip FILE",
  xz: "unxz FILE",
  zip: "unzip FILE",
  zstd: "unzstd FILE",
  vmdk: "qemu-img convert -O qcow2 FILE image.qcow2",
  dependent: "qemu-img convert -O qcow2 FILE image.qcow2",
  raw: "qemu-img convert -O qcow2 FILE image.qcow2",
};

export function imageUnreachable(location: string, reason: string, cause: unknown): LabError {
  return new LabError({
    code: "image.unreachable",
    kind: "environment",
    what: `The image ${location} could not be downloaded: ${reason}.`,
    next: 'Try again; or download it by any other way and name the file: libvirt.image { location: "/path/image.qcow2", sha256, user, osFamily }.',
    cause,
  });
}

export function imageFileMissing(path: string, cause: unknown): LabError {
  return new LabError({
    code: "image.file-missing",
    kind: "environment",
    what: `The image ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
    next: "Correct libvirt.image.location in the lab.",
    cause,
  });
}

export function imageDigestWrong(location: string, wanted: string, got: string, bytes: number, kind: ImageKind | undefined): LabError {
  const seen = kind === undefined || kind === "unknown" ? "" : ` By its beginning, ${WHAT_IT_IS[kind]}.`;
  return new LabError({
    code: "image.digest-wrong",
    kind: "environment",
    what: `The image ${location} has the SHA-256\n  ${got} (${bytes} bytes), not\n  ${wanted}.`,
    why: `The file is truncated, changed or another one; it was not kept, and nothing was started from it.${seen}`,
    next: "Try again; if it stays so, compare with the sums that the publisher of the image gives, and correct libvirt.image.sha256 only when they say so.",
  });
}

export function imageNotQcow2(location: string, kind: ImageKind): LabError {
  const how = INTO_QCOW2[kind];
  return new LabError({
    code: "image.not-qcow2",
    kind: "refused",
    what: `The image ${location} is no qcow2 image that a VM can start from: ${WHAT_IT_IS[kind]}.`,
    why: "Its SHA-256 is the declared one, so this is the file that the lab asks for.",
    next:
      how === undefined
        ? "Name a qcow2 cloud image in libvirt.image."
        : `Make one of it (${how}), and name the result by path, with its own sha256sum, in libvirt.image.`,
  });
}

export function imageDiskFull(path: string, cause: unknown): LabError {
  return new LabError({
    code: "image.disk-full",
    kind: "environment",
    what: `There is no room for the image ${path}.`,
    why: "The disk is full, or the quota of this user is used up. What had arrived was removed again.",
    next: "Make room, or set XDG_CACHE_HOME to a folder on a larger disk, and run the same command again.",
    cause,
  });
}

export function vmAbsent(domainName: string, uri: string): LabError {
  return new LabError({
    code: "libvirt.vm-absent",
    kind: "refused",
    what: `There is no VM ${domainName} on ${uri}.`,
    why: "VMs are made by Terraform, from the stack that has the lab's name.",
    next: "Run `npx cdktf deploy LAB` with the name of the lab.",
  });
}

export function startFailed(vm: Vm, message: string): LabError {
  const hint = explainStart(message);
  return new LabError({
    code: "libvirt.start-failed",
    kind: "environment",
    what: `The VM ${vm.domainName} does not start on ${vm.hypervisor.uri}: ${hint?.what ?? "libvirt refuses it"}.`,
    why: message || "libvirt gave no reason.",
    next: hint?.next ?? `Fix what libvirt says; the log of the VM is /var/log/libvirt/qemu/${vm.domainName}.log on its hypervisor.`,
  });
}

/** Interfaces of this computer are changed by root alone. */
export function notPlugged(name: string, bridge: string, reason: string): LabError {
  return new LabError({
    code: "libvirt.not-plugged",
    kind: "environment",
    what: `The interface ${name} could not be put into the bridge ${bridge}.`,
    why: reason,
    next: `sudo ip link set ${name} master ${bridge}`,
  });
}

/** What was to be removed is in use by now. */
export function inUse(name: string, uri: string, users: readonly string[]): LabError {
  return new LabError({
    code: "libvirt.in-use",
    kind: "refused",
    what: `${name} on ${uri} is in use by now: ${users.join(", ")}.`,
    why: "It was not when it was found, so it was not removed.",
    next: "Look again: npx redis-lab doctor LAB",
  });
}

export function diskUnknown(vm: Vm, disk: string, image?: string): LabError {
  return new LabError({
    code: "libvirt.disk-unknown",
    kind: "refused",
    what:
      image === undefined
        ? `The disk ${disk} of ${vm.domainName} lies over no image that could be recognised.`
        : `The image ${image} below the disk ${disk} of ${vm.domainName} is not there.`,
    why: "A disk is made again from the image that it lay over; nothing was changed.",
    next: "Run `npx redis-lab preflight LAB` with the name of the lab: it makes the image again, or says how to get it back.",
  });
}
