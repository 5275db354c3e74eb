import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { planVms, vmNetworkView } from "../../lib/lab/vms.ts";
import { type CloudInitFiles, renderCloudInit } from "../../lib/render/cloud-init.ts";
import { clusterInput } from "../support/labs.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH2vkNOu1tdIQRNKMRAsMvxBLKCZUTdeCRXQ2lT1XRU6 redis-lab cluster";

function rendered(input: LabInput = clusterInput(), host = 0, publicKey = KEY): CloudInitFiles {
  const lab = defineLab(input);
  const plan = planVms(lab);
  const vm = plan.vms[host];
  if (vm === undefined) throw new Error(`no VM ${host}`);
  return renderCloudInit({ lab: lab.name, vm, user: plan.image.user, publicKey, network: vmNetworkView(plan, lab) });
}

/** As PyYAML reads it, which cloud-init uses: YAML 1.1, where `no` is a boolean and 52:54:00:12:34:56 a number. */
function read(text: string): unknown {
  return parse(text, { version: "1.1" });
}

test("user data name the host, let the lab's key in and no password, and grow the disk", () => {
  const { userData } = rendered();
  expect(userData).toMatch(/^#cloud-config\n/);
  expect(read(userData)).toEqual({
    hostname: "redis-18",
    fqdn: "redis-18.cluster.internal",
    preserve_hostname: false,
    manage_etc_hosts: false,
    ssh_pwauth: false,
    users: [{ name: "centos", lock_passwd: true, shell: "/bin/bash", sudo: "ALL=(ALL) NOPASSWD:ALL", ssh_authorized_keys: [KEY] }],
    growpart: { mode: "auto", devices: ["/"] },
    resize_rootfs: true,
  });
});

test("meta data give the instance an id that stays the same", () => {
  expect(read(rendered().metaData)).toEqual({ "instance-id": "cluster-redis-18", "local-hostname": "redis-18" });
  expect(rendered(clusterInput({ libvirt: { vcpus: 2, memoryMiB: 4096 } }))).toEqual(rendered());
});

describe("the network configuration", () => {
  test("is version 1, with the static address on eth0", () => {
    expect(read(rendered().networkConfig)).toEqual({
      version: 1,
      config: [
        {
          type: "physical",
          name: "eth0",
          mac_address: expect.stringMatching(/^52:54:00(:[0-9a-f]{2}){3}$/),
          subnets: [
            {
              type: "static",
              address: "192.168.1.18/24",
              gateway: "192.168.1.1",
              dns_nameservers: ["192.168.1.1"],
              dns_search: ["cluster.internal"],
            },
          ],
        },
      ],
    });
  });

  test.each([
    [{ bridge: "br0" }, {}],
    [
      { bridge: "br0", gateway: "192.168.1.254", dns: ["10.0.0.1", "10.0.0.2"], domain: "db.example.org" },
      { gateway: "192.168.1.254", dns_nameservers: ["10.0.0.1", "10.0.0.2"], dns_search: ["db.example.org"] },
    ],
    [{ bridge: "br0", gateway: "192.168.1.254" }, { gateway: "192.168.1.254" }],
  ])("has of a bridge what is declared: %j", (network, more) => {
    const { networkConfig } = rendered(clusterInput({ libvirt: { network: { mode: "bridge", ...network } } }));
    expect(read(networkConfig)).toMatchObject({ config: [{ subnets: [{ type: "static", address: "192.168.1.18/24", ...more }] }] });
    const [subnet] = (read(networkConfig) as { config: { subnets: object[] }[] }).config[0]?.subnets ?? [];
    expect(Object.keys(subnet ?? {})).toEqual(["type", "address", ...Object.keys(more)]);
  });

  test("has the MAC address in lower case, whatever case it is given in", () => {
    const plan = planVms(defineLab(clusterInput()));
    const network = { cidr: "10.0.0.0/8", prefixLength: 8, dns: [], domain: "lab" };
    const vm = { host: "a", domainName: "lab-a", address: "10.0.0.2", mac: "52:54:00:AB:CD:EF" };
    expect(renderCloudInit({ lab: "lab", vm, user: plan.image.user, publicKey: KEY, network }).networkConfig).toContain(
      '"52:54:00:ab:cd:ef"',
    );
  });
});

test("no value becomes anything but text", () => {
  const input = clusterInput({
    name: "null",
    hosts: [
      { name: "no", address: "192.168.1.2" },
      { name: "on", address: "192.168.1.3" },
      { name: "yes", address: "192.168.1.4" },
    ],
    layout: { kind: "cluster", masters: ["no", "on", "yes"] },
    libvirt: { image: { location: "https://example.org/image", sha256: "a".repeat(64), user: "007", osFamily: "debian" } },
  });
  const { userData, metaData } = rendered(input, 0, `${KEY} "quoted" \\ # {{x}}: [`);
  expect(read(userData)).toMatchObject({
    hostname: "no",
    users: [{ name: "007", ssh_authorized_keys: [`${KEY} "quoted" \\ # {{x}}: [`] }],
  });
  expect(read(metaData)).toEqual({ "instance-id": "null-no", "local-hostname": "no" });
  expect(() => rendered(clusterInput(), 0, "-----BEGIN\nline\n")).toThrow("contains a line break");
});

test("nothing is asked of cloud-init that its 19.4 does wrong, or that the bootstrap does", () => {
  for (const text of Object.values(rendered()))
    expect(text).not.toMatch(/^\s*-?\s*(packages|package_\w+|yum_repos|runcmd|write_files|network|gateway4):/m);
});
