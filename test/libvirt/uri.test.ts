import { expect, test } from "vitest";
import { connectUri, isLocalUri, sshDestination, virshCommand } from "../../lib/libvirt/uri.ts";

test.each([
  ["qemu:///system", "qemu:///system"],
  ["qemu+tcp://h/system", "qemu+tcp://h/system"],
  ["qemu+ssh://h/system", "qemu+ssh://h/system?no_tty=1"],
  ["qemu+ssh://h/system?keyfile=/k", "qemu+ssh://h/system?keyfile=/k&no_tty=1"],
  ["qemu+ssh://h/system?no_tty=0", "qemu+ssh://h/system?no_tty=0"],
  ["qemu+ssh://h/system?known_hosts_verify=ignore", "qemu+ssh://h/system?known_hosts_verify=ignore&no_tty=1&no_verify=1"],
])("virsh is given %s as %s", (uri, expected) => expect(connectUri(uri)).toBe(expected));

test.each([
  ["qemu:///system", true],
  ["qemu+unix:///system?socket=/s", true],
  ["qemu:///session", true],
  ["qemu+ssh://h/system", false],
  ["qemu+tcp://h/system", false],
])("%s is this computer: %s", (uri, expected) => expect(isLocalUri(uri)).toBe(expected));

test("how a person gets there", () => {
  expect(sshDestination("qemu+ssh://root@kvm-1:2222/system")).toBe("root@kvm-1 -p 2222");
  expect(sshDestination("qemu+ssh://kvm-1/system?keyfile=/k")).toBe("kvm-1");
  expect(sshDestination("qemu:///system")).toBeUndefined();
  expect(virshCommand("qemu:///system")).toBe("virsh -c qemu:///system");
  expect(virshCommand("qemu+ssh://h/system?a=b&c=d")).toBe("virsh -c 'qemu+ssh://h/system?a=b&c=d'");
});
