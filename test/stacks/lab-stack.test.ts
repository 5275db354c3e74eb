import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { App } from "cdktf";
import { describe, expect, test } from "vitest";
import { defineLab, numberedHosts } from "../../lib/lab/define-lab.ts";
import type { Lab, LabInput } from "../../lib/lab/schema.ts";
import { planVms } from "../../lib/lab/vms.ts";
import { LabStack } from "../../stacks/lab-stack.ts";
import { cluster, sentinel } from "../../stacks/labs.ts";
import { clusterInput, sentinelInput } from "../support/labs.ts";
import {
  annotationsOf,
  appOf,
  PUBLIC_KEY,
  preparedLab,
  projectOf,
  resourceOf,
  resourcesOf,
  seedOf,
  stackOf,
  synthOf,
  type TerraformJson,
} from "./support.ts";

/** The local-exec provisioner of a terraform_data. */
function commandOf(synth: TerraformJson, name: string) {
  return resourceOf(synth, "terraform_data", name)["provisioner"][0]["local-exec"];
}

const KVM: LabInput["libvirt"] = { hypervisors: [{ name: "local", domainType: "kvm" }] };
const PAIR: LabInput["libvirt"] = {
  hypervisors: [
    { name: "kvm-1", uri: "qemu+ssh://root@kvm-1/system" },
    { name: "kvm-2", uri: "qemu+ssh://root@kvm-2/system", pool: "fast" },
  ],
  network: { mode: "bridge", bridge: "br0", gateway: "192.168.1.254", dns: ["192.168.1.253"] },
};
/** One of three masters on each side and the third beside the first: hosts by hypervisor. */
const ON_TWO = clusterInput({
  hosts: numberedHosts("192.168.1", [18, 28, 38, 48, 58, 68, 78], {
    18: { hypervisor: "kvm-1" },
    28: { hypervisor: "kvm-2" },
    38: { hypervisor: "kvm-1" },
    48: { hypervisor: "kvm-2" },
    58: { hypervisor: "kvm-2" },
    68: { hypervisor: "kvm-1" },
    78: { instances: [6379, 6380], hypervisor: "kvm-2" },
  }),
  libvirt: PAIR,
});

describe("a host", () => {
  const synth = synthOf(clusterInput({ libvirt: { ...KVM, vcpus: 2, memoryMiB: 3072, diskGiB: 30, autostart: false } }));
  const [vm] = planVms(cluster).vms;

  test("is a domain over an overlay and a cloud-init disk, with the hardware of the lab", () => {
    const domain = resourceOf(synth, "libvirt_domain", "local_redis-18");
    expect(domain).toMatchObject({
      name: "cluster-redis-18",
      provider: "libvirt.local",
      type: "kvm",
      cpu: { mode: "host-passthrough" },
      disk: [
        { volume_id: expect.stringMatching(/^\$\{libvirt_volume\.local_redis-18_disk_\w+\.id\}$/) },
        { volume_id: expect.stringMatching(/^\$\{libvirt_volume\.local_redis-18_cloud-init_\w+\.id\}$/) },
      ],
      lifecycle: { ignore_changes: ["type", "cpu", "disk[1].volume_id"] },
      vcpu: 2,
      memory: 3072,
      autostart: false,
      console: [{ type: "pty", target_type: "serial", target_port: "0" }],
      graphics: { type: "vnc", listen_type: "address", listen_address: "127.0.0.1" },
    });
    expect(domain["network_interface"]).toEqual([
      { mac: vm?.mac, network_id: expect.stringMatching(/^\$\{libvirt_network\.local_Network_\w+\.id\}$/), wait_for_lease: false },
    ]);
    expect(resourceOf(synth, "libvirt_volume", "local_redis-18_disk")).toMatchObject({
      name: "cluster-redis-18.qcow2",
      size: 30 * 1024 ** 3,
      format: "qcow2",
      base_volume_id: expect.stringMatching(/^\$\{libvirt_volume\.local_BaseImage_\w+\.id\}$/),
    });
  });

  test("is told its address, MAC, user and key by cloud-init", () => {
    const seed = resourceOf(synth, "libvirt_volume", "local_redis-18_cloud-init");
    expect(seed).toMatchObject({ name: "cluster-redis-18-cloudinit.iso", format: "raw", lifecycle: { ignore_changes: ["format"] } });
    expect(seed["source"]).toMatch(/^seeds\/cluster-redis-18-cloudinit-[0-9a-f]{12}\.iso$/);
    const text = seedOf(synth, "local_redis-18");
    expect(text).toContain(`mac_address: "${vm?.mac}"`);
    expect(text).toContain('address: "192.168.1.18/24"');
    expect(text).toContain('name: "centos"');
    expect(text).toContain(PUBLIC_KEY);
    expect(text).toContain('instance-id: "cluster-redis-18"');
  });

  test("has its own hardware before that of the lab, and no cpu block where it is emulated", () => {
    const own = synthOf(
      sentinelInput({
        hosts: numberedHosts("192.168.1", [18, 28, 38], { 28: { memoryMiB: 4096, vcpus: 4, diskGiB: 40 } }),
        libvirt: { hypervisors: [{ name: "local", domainType: "qemu" }] },
      }),
    );
    expect(resourceOf(own, "libvirt_domain", "local_redis-28")).toMatchObject({ type: "qemu", memory: 4096, vcpu: 4 });
    expect(resourceOf(own, "libvirt_domain", "local_redis-28")).not.toHaveProperty("cpu");
    expect(resourceOf(own, "libvirt_domain", "local_redis-18")).toMatchObject({ memory: 2048, vcpu: 1 });
    expect(resourceOf(own, "libvirt_volume", "local_redis-28_disk")["size"]).toBe(40 * 1024 ** 3);
  });

  test("has another MAC address in another lab", () => {
    const macs = (lab: Lab) =>
      Object.values(synthOf(lab).resource["libvirt_domain"] ?? {}).map(({ network_interface: [{ mac }] }) => mac as string);
    expect(new Set([...macs(cluster), ...macs(sentinel)]).size).toBe(10);
  });
});

describe("the base image", () => {
  test("is named after lab and digest, and comes from the cache, under whatever path", () => {
    const base = resourceOf(synthOf(clusterInput({ libvirt: KVM })), "libvirt_volume", "local_BaseImage");
    expect(base["name"]).toBe("cluster.base-284aab2b23d9.qcow2");
    expect(base["source"]).toMatch(/^\/.*\/images\/284aab2b23d91318f169ff464bce4d53404a15a0618ceb34562838c59af4adea\.qcow2$/);
    expect(base["lifecycle"]).toEqual({ ignore_changes: ["name", "source"] });
  });
});

describe("the commands", () => {
  const synth = synthOf(clusterInput({ libvirt: KVM }));

  test("run in the project's folder, say that Terraform runs them, and read the same labs file", () => {
    for (const name of ["Preflight", "Member", "Bootstrap"])
      expect(commandOf(synth, name)).toMatchObject({
        working_dir: "../../..",
        environment: { REDIS_LAB_IN_TERRAFORM: "1", REDIS_LAB_LABS: "stacks/labs.ts" },
      });
  });

  test("preflight stands before everything of libvirt and knows what it checked", () => {
    expect(commandOf(synth, "Preflight").command).toBe("npx --no-install redis-lab preflight cluster");
    expect(resourceOf(synth, "terraform_data", "Preflight")["triggers_replace"]).toEqual({
      hypervisors: [{ name: "local", uri: "qemu:///system", pool: "default" }],
      network: { mode: "nat" },
      cidr: "192.168.1.0/24",
      image: "284aab2b23d91318f169ff464bce4d53404a15a0618ceb34562838c59af4adea",
    });
    for (const type of ["libvirt_volume", "libvirt_network"])
      for (const resource of Object.values(synth.resource[type] ?? {})) expect(resource["depends_on"]).toEqual(["terraform_data.Place"]);
    expect(resourceOf(synth, "terraform_data", "Place")["depends_on"]).toEqual(["terraform_data.Preflight"]);
  });

  test("a host has a place, which comes before its VM and goes after it", () => {
    const place = resourceOf(synth, "terraform_data", "Place");
    expect(place["for_each"]).toEqual(Object.fromEntries(cluster.hosts.map(({ name }) => [name, "local"])));
    expect(place["triggers_replace"]).toEqual({ hypervisor: "${each.value}" });
    expect(place).not.toHaveProperty("provisioner");
  });

  test("every host has a member that makes it leave before any domain goes", () => {
    const member = resourceOf(synth, "terraform_data", "Member");
    expect(Object.keys(member["for_each"])).toEqual(cluster.hosts.map(({ name }) => name));
    expect(member["for_each"]["redis-78"]).toEqual({
      domain: expect.stringMatching(/^\$\{libvirt_domain\.local_redis-78_\w+\.id\}$/),
      hypervisor: "local",
    });
    expect(member["triggers_replace"]).toEqual({ domain: "${each.value.domain}", hypervisor: "${each.value.hypervisor}" });
    expect(commandOf(synth, "Member")).toMatchObject({
      when: "destroy",
      // The key of a member that left comes from the state: nothing of it is a part of the command.
      command: 'npx --no-install redis-lab leave cluster -- "$REDIS_LAB_HOST"',
      environment: {
        REDIS_LAB_HOST: "${each.key}",
        REDIS_LAB_VM_DOMAIN: "${self.triggers_replace.domain}",
        REDIS_LAB_VM_HYPERVISOR: "${self.triggers_replace.hypervisor}",
      },
    });
  });

  test("the bootstrap comes last, and again for another digest or another domain", () => {
    const bootstrap = resourceOf(synth, "terraform_data", "Bootstrap");
    expect(bootstrap["depends_on"]).toEqual(["terraform_data.Member"]);
    expect(bootstrap["triggers_replace"].digest).toMatch(/^[0-9a-f]{64} \(what it is on the hosts: npx redis-lab plan \w+\)$/);
    expect(Object.keys(bootstrap["triggers_replace"].domains)).toEqual(cluster.hosts.map(({ name }) => name));
    expect(bootstrap).not.toHaveProperty("lifecycle");
    expect(commandOf(synth, "Bootstrap").command).toBe("npx --no-install redis-lab up cluster --target libvirt");
    expect(commandOf(synth, "Bootstrap").environment.REDIS_LAB_DOMAINS).toMatch(
      /^\$\{jsonencode\(\{"redis-18" = libvirt_domain\.local_redis-18_\w+\.id, .*"redis-78" = .*\}\)\}$/,
    );
  });

  test("outputs tell the addresses and what to run next", () => {
    expect(synth.output["hosts"]?.value).toEqual(Object.fromEntries(cluster.hosts.map(({ name, address }) => [name, address])));
    expect(synth.output["next"]?.value).toBe("npx redis-lab status cluster");
  });
});

describe("several hypervisors", () => {
  const synth = synthOf(ON_TWO);

  test("have a provider with an alias each", () => {
    expect(synth.provider.libvirt).toEqual([
      { alias: "kvm-1", uri: "qemu+ssh://root@kvm-1/system" },
      { alias: "kvm-2", uri: "qemu+ssh://root@kvm-2/system" },
    ]);
  });

  test("have the hosts that the lab places on them, with base image, pool and provider of their own", () => {
    for (const { host, hypervisor } of planVms(defineLab(ON_TWO)).vms) {
      const domain = resourceOf(synth, "libvirt_domain", `${hypervisor.name}_${host}`);
      expect(domain["provider"]).toBe(`libvirt.${hypervisor.name}`);
      expect(domain["network_interface"]).toEqual([expect.objectContaining({ bridge: "br0" })]);
      const disk = resourceOf(synth, "libvirt_volume", `${hypervisor.name}_${host}_disk`);
      expect([disk["pool"], disk["base_volume_id"]]).toEqual([
        hypervisor.name === "kvm-2" ? "fast" : "default",
        expect.stringContaining(`${hypervisor.name}_BaseImage`),
      ]);
    }
    expect(synth.resource).not.toHaveProperty("libvirt_network");
    expect(Object.keys(synth.resource["libvirt_volume"] ?? {}).filter((name) => name.includes("BaseImage"))).toHaveLength(2);
  });

  test("a bridge's gateway and DNS server reach the hosts", () => {
    const [{ hypervisor } = { hypervisor: { name: "" } }] = planVms(defineLab(ON_TWO)).vms;
    const seed = seedOf(synth, `${hypervisor.name}_redis-18`);
    expect(seed).toContain('gateway: "192.168.1.254"');
    expect(seed).toContain('- "192.168.1.253"');
  });

  test("one that runs nothing keeps its provider, and gets no image", () => {
    const hypervisors = [1, 2, 3, 4].map((number) => ({ name: `kvm-${number}`, uri: `qemu+ssh://root@kvm-${number}/system` }));
    const hosts = numberedHosts("192.168.1", [18, 28, 38]).map((host, index) => ({ ...host, hypervisor: `kvm-${index + 1}` }));
    const idle = synthOf(sentinelInput({ hosts, libvirt: { ...PAIR, hypervisors } }));
    expect(idle.provider.libvirt.map(({ alias }) => alias)).toEqual(["kvm-1", "kvm-2", "kvm-3", "kvm-4"]);
    expect(resourcesOf(idle).filter((name) => name.includes("kvm-4"))).toEqual([]);
    expect(resourceOf(idle, "terraform_data", "Preflight")["triggers_replace"].hypervisors).toHaveLength(3);
  });

  test("a host that moves is another resource, so that Terraform removes it where it was", () => {
    const moved = (hypervisor: string) =>
      resourcesOf(synthOf({ ...ON_TWO, hosts: ON_TWO.hosts.map((host) => (host.name === "redis-78" ? { ...host, hypervisor } : host)) }));
    const [before, after] = [moved("kvm-1"), moved("kvm-2")];
    expect(before.filter((name) => !after.includes(name))).toEqual([
      expect.stringMatching(/^libvirt_domain\.kvm-1_redis-78/),
      expect.stringMatching(/^libvirt_volume\.kvm-1_redis-78_cloud-init/),
      expect.stringMatching(/^libvirt_volume\.kvm-1_redis-78_disk/),
    ]);
  });

  test("a routed network is made on each", () => {
    const hosts = numberedHosts("192.168.1", [18, 28, 38], {
      18: { hypervisor: "kvm-1" },
      28: { hypervisor: "kvm-2" },
      38: { hypervisor: "kvm-2" },
    });
    const routed = synthOf(sentinelInput({ hosts, libvirt: { ...PAIR, network: { mode: "routed", name: "lab-net", domain: "db.lan" } } }));
    for (const name of ["kvm-1", "kvm-2"])
      expect(resourceOf(routed, "libvirt_network", `${name}_Network`)).toMatchObject({
        provider: `libvirt.${name}`,
        mode: "route",
        name: "lab-net",
        domain: "db.lan",
        addresses: ["192.168.1.0/24"],
        dhcp: { enabled: false },
        autostart: true,
      });
  });
});

describe("a change of the lab changes what it concerns, and nothing else", () => {
  const before = synthOf(clusterInput({ libvirt: KVM }));
  /** Addresses of the resources that differ, are new or are gone. */
  const differing = (input: LabInput) => {
    const after = synthOf(input);
    const text = (synth: TerraformJson, address: string) => {
      const [type = "", name = ""] = address.split(".");
      return JSON.stringify(synth.resource[type]?.[name]);
    };
    return [...new Set([...resourcesOf(before), ...resourcesOf(after)])]
      .filter((address) => text(before, address) !== text(after, address))
      .map((address) => address.replace(/_[0-9A-F]{8}$/, ""))
      .sort();
  };
  const base = clusterInput({ libvirt: KVM });

  test("a host more: its three resources, an element of members and places, and the bootstrap", () => {
    const hosts = [...base.hosts, { name: "redis-88", address: "192.168.1.88", instances: [] }];
    expect(differing({ ...base, hosts })).toEqual([
      "libvirt_domain.local_redis-88",
      "libvirt_volume.local_redis-88_cloud-init",
      "libvirt_volume.local_redis-88_disk",
      "terraform_data.Bootstrap",
      "terraform_data.Member",
      "terraform_data.Place",
    ]);
  });

  test("a host first in the list: no other one moves", () => {
    const hosts = [{ name: "redis-88", address: "192.168.1.88", instances: [] }, ...base.hosts];
    expect(differing({ ...base, hosts }).filter((name) => !name.includes("redis-88"))).toEqual([
      "terraform_data.Bootstrap",
      "terraform_data.Member",
      "terraform_data.Place",
    ]);
  });

  test("a redis.conf setting: the bootstrap", () => {
    expect(differing({ ...base, redis: { settings: { timeout: 100 } } })).toEqual(["terraform_data.Bootstrap"]);
  });

  test("the memory of a host: its domain", () => {
    const hosts = base.hosts.map((host) => (host.name === "redis-38" ? { ...host, memoryMiB: 4096 } : host));
    expect(differing({ ...base, hosts })).toEqual(["libvirt_domain.local_redis-38"]);
  });

  test("a local matter: nothing", () => {
    expect(differing({ ...base, description: "ours", network: { ...base.network, loopback: "127.0.9.0/24" } })).toEqual([]);
  });
});

describe("environments", () => {
  test("a lab made of another is a stack of its own, in which nothing has the other's name", () => {
    const staging = defineLab({
      ...cluster,
      name: "staging",
      network: { cidr: "10.7.0.0/24", loopback: "127.0.7.0/24" },
      hosts: cluster.hosts.map((host) => ({ ...host, address: host.address.replace("192.168.1.", "10.7.0.") })),
      libvirt: {
        ...cluster.libvirt,
        memoryMiB: 4096,
        backend: { kind: "http", settings: { address: "https://state.example.org/staging" } },
      },
    });
    const synth = synthOf(staging);
    expect(JSON.stringify(synth)).not.toMatch(/cluster-|"cluster"/);
    expect(synth.output["hosts"]?.value).toMatchObject({ "redis-18": "10.7.0.18" });
    expect(resourceOf(synth, "libvirt_domain", "local_redis-18")).toMatchObject({ name: "staging-redis-18", memory: 4096 });
    expect(synth.terraform.backend).toEqual({ http: { address: "https://state.example.org/staging" } });
  });
});

describe("what is wrong", () => {
  test("with the VMs of a lab fails the synth and names lab and field", () => {
    const stack = stackOf(defineLab(clusterInput({ libvirt: { ...KVM, image: "centos-6" } })));
    expect(() => App.of(stack).synth()).toThrow(/\[cluster\] Lab "cluster", libvirt\.image: there is no known image "centos-6"/);
  });

  test("several hypervisors over nat fail the synth", () => {
    const stack = stackOf(defineLab({ ...ON_TWO, libvirt: { ...PAIR, network: { mode: "nat" } } }));
    expect(annotationsOf(stack)).toEqual([expect.stringMatching(/^error Lab "cluster", libvirt\.network.*/)]);
  });

  test("what two hypervisors can't avoid is a warning", () => {
    expect(annotationsOf(stackOf(defineLab(ON_TWO)))).toEqual([expect.stringMatching(/^warn /)]);
  });

  test("changed hardware is announced before Terraform plans it", () => {
    const vms = Object.fromEntries(
      cluster.hosts.map(({ name }) => [name, { domainId: "1", vcpus: 1, memoryMiB: name === "redis-28" ? 1024 : 2048 }]),
    );
    const lab = defineLab(clusterInput({ libvirt: KVM }));
    expect(annotationsOf(stackOf(lab, { formerVms: vms }))).toEqual([
      expect.stringMatching(/^warn redis-28 \(memoryMiB 1024 → 2048\): .*npx redis-lab rebuild cluster --rolling$/),
    ]);
  });

  test("with nothing wrong there is no annotation", () => {
    expect(annotationsOf(stackOf(defineLab(clusterInput({ libvirt: KVM }))))).toEqual([]);
  });
});

test("another key is another cloud-init disk under the same name, and the domain does not see it", () => {
  const lab = sentinelInput({ libvirt: KVM });
  const project = projectOf(defineLab(lab));
  const [before, after] = [synthOf(lab, { project }), synthOf(lab, { project, publicKey: `${PUBLIC_KEY}2` })];
  const seeds = [before, after].map((synth) => resourceOf(synth, "libvirt_volume", "local_redis-18_cloud-init"));
  expect(seeds[0]?.["name"]).toBe(seeds[1]?.["name"]);
  expect(seeds[0]?.["source"]).not.toBe(seeds[1]?.["source"]);
  expect(after.resource["libvirt_domain"]).toEqual(before.resource["libvirt_domain"]);
  // One file for each host: what nothing uses any more is gone.
  expect(readdirSync(join(after.folder, "seeds"))).toHaveLength(3);
});

test("any number of labs stand side by side in one app", () => {
  const labs = [cluster, sentinel].map((lab) => defineLab({ ...lab, libvirt: { ...lab.libvirt, ...KVM } }));
  const project = projectOf(...labs);
  writeFileSync(join(project.root, "cdktf.json"), "{}");
  const app = appOf(project);
  for (const lab of labs) new LabStack(app, lab.name, preparedLab(lab, project));
  app.synth();
  expect(app.node.children.map(({ node }) => node.id)).toEqual(["cluster", "sentinel"]);
});
