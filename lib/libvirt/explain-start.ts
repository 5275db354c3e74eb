/** A cause that is known for what libvirt or qemu says when a VM does not start. */
export interface StartHint {
  /** End of the sentence "the VM does not start: …". */
  readonly what: string;
  readonly next: string;
}

const DENIED = /(?:Could not open|Cannot access storage file) '([^'\n]*)\/[^'\n/]*'[^\n]*Permission denied/;

const HINTS: readonly { readonly when: RegExp; readonly hint: StartHint }[] = [
  {
    when: /Cannot access backing file|Could not open backing file|Cannot access storage file[^\n]*No such file|Storage volume not found/,
    hint: {
      what: "its disk, or the image below it, is not there",
      next: "Run `npx redis-lab preflight LAB` with the name of the lab: it makes the image again, and says the way out where a disk is gone.",
    },
  },
  {
    when: /cannot set up guest memory|Cannot allocate memory|qemu_memory_alloc|unable to map backing store/i,
    hint: {
      what: "its hypervisor has not enough free memory",
      next: "Give the VMs less (libvirt.memoryMiB, with maxmemory to fit), stop others, or spread the lab over several hypervisors.",
    },
  },
  {
    when: /network '[^']*' is not active|Network not found/,
    hint: {
      what: "the network of the lab is not active",
      next: "Run `npx redis-lab preflight LAB` with the name of the lab: it starts the network, or defines it again as Terraform knows it.",
    },
  },
  {
    when: /Cannot get interface MTU on '[^']*'|can't find bridge|Unable to add bridge/,
    hint: {
      what: "the bridge of the lab's network is not there",
      next: "Make the bridge on the hypervisor, or correct libvirt.network.bridge in the lab.",
    },
  },
  {
    when: /Could not access KVM kernel module|failed to initialize kvm|does not support virt type 'kvm'|accel 'kvm' is not supported|KVM is not supported/i,
    hint: {
      what: "there is no KVM on its hypervisor",
      next: 'Enable virtualization in the firmware and load kvm_intel or kvm_amd; or set domainType: "qemu" on the hypervisor in the lab, which is about ten times slower, and destroy and deploy the lab.',
    },
  },
  {
    when: /No space left on device/,
    hint: { what: "a disk of its hypervisor is full", next: "Make room in the storage pool and in /var on the hypervisor." },
  },
];

/** Finds the known cause in what libvirt said about a failed start; undefined where none is known. */
export function explainStart(message: string): StartHint | undefined {
  const denied = DENIED.exec(message);
  if (denied !== null) return { what: "qemu may not open its disk", next: permissionHint(denied[1] || "/") };
  return HINTS.find(({ when }) => when.test(message))?.hint;
}

/**
 * What helps where qemu may not read what libvirt wrote: the folder's permissions, AppArmor (its profiles miss disks of type volume in older versions) or SELinux.
 *
 * @param path folder of the storage pool
 */
export function permissionHint(path: string): string {
  return [
    `On the hypervisor, qemu's user (libvirt-qemu on Debian, qemu on CentOS) must get through every folder above ${path}: chmod o+x, and no pool below /root or a home folder.`,
    `With AppArmor (Debian, Ubuntu), allow the folder: echo '${path}/** rwk,' >> /etc/apparmor.d/local/abstractions/libvirt-qemu, and restart libvirtd.`,
    `With SELinux (CentOS), label it: semanage fcontext -a -t virt_image_t '${path}(/.*)?' && restorecon -R ${path}.`,
  ].join("\n");
}
