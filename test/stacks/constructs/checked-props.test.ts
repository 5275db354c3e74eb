import { Fn, TerraformStack, TerraformVariable, Testing } from "cdktf";
import { beforeEach, describe, expect, test } from "vitest";
import { BaseImage, type BaseImageProps } from "../../../stacks/constructs/base-image.ts";
import { Bootstrap } from "../../../stacks/constructs/bootstrap.ts";
import { CloudInitDisk } from "../../../stacks/constructs/cloud-init-disk.ts";
import { Hypervisor, type HypervisorProps } from "../../../stacks/constructs/hypervisor.ts";
import { LabNetwork, type OwnNetworkProps } from "../../../stacks/constructs/lab-network.ts";
import { Members } from "../../../stacks/constructs/members.ts";
import { Places } from "../../../stacks/constructs/places.ts";
import { Preflight } from "../../../stacks/constructs/preflight.ts";
import { RedisHost, type RedisHostProps } from "../../../stacks/constructs/redis-host.ts";
import { Size } from "../../../stacks/constructs/size.ts";
import { StateBackend } from "../../../stacks/constructs/state-backend.ts";
import { bareApp, projectOf, resourceOf } from "../support.ts";

let stack: TerraformStack;
/** A value that Terraform alone will know. */
let variable: TerraformVariable;
beforeEach(() => {
  stack = new TerraformStack(bareApp(), "mine");
  variable = new TerraformVariable(stack, "given", { type: "string" });
});

const project = projectOf();
const FILES = { userData: "#cloud-config\n", metaData: "instance-id: one\n", networkConfig: "version: 1\n" };
const hypervisor = (props: HypervisorProps = {}) => new Hypervisor(stack, "kvm-1", { domainType: "qemu", ...props });
const image = (props: Partial<BaseImageProps> = {}) =>
  new BaseImage(stack, "Image", { hypervisor: hypervisor(), lab: "cache", file: "/images/one.qcow2", sha256: "a".repeat(64), ...props });
const network = (props: Partial<OwnNetworkProps> = {}) =>
  new LabNetwork(stack, "Network", { mode: "nat", hypervisor: hypervisor(), name: "cache", cidr: "10.0.0.0/24", ...props });
const host = (props: Partial<RedisHostProps> = {}) =>
  new RedisHost(stack, "client", {
    image: image(),
    hypervisor: stack.node.findChild("kvm-1") as Hypervisor,
    network: new LabNetwork(stack, "Bridge", { mode: "bridge", bridge: "br0" }),
    domainName: "cache-client",
    mac: "52:54:00:12:34:56",
    cloudInit: FILES,
    ...props,
  });
const synthesised = () => JSON.parse(Testing.synth(stack));

describe("a value that can't work is refused by the name of its prop:", () => {
  test.each<[string, () => unknown, string]>([
    [
      "a sum",
      () => image({ sha256: "zz" }),
      'BaseImage "mine/Image": sha256 must be a SHA-256: 64 hexadecimal digits in lower case, not "zz"',
    ],
    ["a relative file", () => image({ file: "one.qcow2" }), 'BaseImage "mine/Image": file must be an absolute path, not "one.qcow2"'],
    ["a name of a lab", () => image({ lab: "Cache!" }), 'BaseImage "mine/Image": lab must be'],
    ["a MAC address", () => host({ mac: "nonsense" }), 'RedisHost "mine/client": mac must be the MAC address of a device in lower case'],
    ["a MAC address in upper case", () => host({ mac: "52:54:00:AB:CD:EF" }), 'not "52:54:00:AB:CD:EF"'],
    ["a MAC address of a group", () => host({ mac: "53:54:00:12:34:56" }), "mac must be"],
    ["a domain name", () => host({ domainName: "../client" }), 'RedisHost "mine/client": domainName must be one word'],
    ["half a processor", () => host({ vcpus: 0.5 }), 'RedisHost "mine/client": vcpus must be a whole, positive number, not 0.5'],
    [
      "a name of a disk",
      () => new CloudInitDisk(stack, "seed", { hypervisor: hypervisor(), name: "a/b.iso", files: FILES }),
      'CloudInitDisk "mine/seed": name must be one word',
    ],
    [
      "a URI",
      () => hypervisor({ uri: "xen:///system" }),
      'Hypervisor "mine/kvm-1": uri must be a libvirt URI of a qemu driver, not "xen:///system"',
    ],
    ["a pool", () => hypervisor({ pool: "my pool" }), 'Hypervisor "mine/kvm-1": pool must be one word'],
    ["an alias", () => hypervisor({ alias: "kvm.1" }), 'Hypervisor "mine/kvm-1": alias must be a name'],
    ["a network", () => network({ cidr: "10.0.0.0/30" }), 'LabNetwork "mine/Network": cidr must be an IPv4 network of /29 or larger'],
    ["an address of no network", () => network({ cidr: "10.0.0.999/24" }), "cidr must be"],
    ["a domain", () => network({ domain: "Cache.Internal" }), 'LabNetwork "mine/Network": domain must be a domain name in lower case'],
    [
      "a bridge",
      () => new LabNetwork(stack, "Network", { mode: "bridge", bridge: "a name that is too long" }),
      'LabNetwork "mine/Network": bridge must be',
    ],
    [
      "a lab that is checked",
      () => new Preflight(stack, "Preflight", { project, lab: "$(reboot)", triggers: {} }),
      'Preflight "mine/Preflight": lab must be',
    ],
  ])("%s", (_, make, text) => {
    expect(make).toThrow(text);
  });
});

describe("a value that only Terraform will know is carried through", () => {
  test("to a VM: its processors, memory and disk, and where it is plugged in", () => {
    const given = new TerraformVariable(stack, "size", { type: "number" });
    host({
      vcpus: given.numberValue,
      memory: Size.mebibytes(given.numberValue),
      disk: Size.gibibytes(given.numberValue),
      network: new LabNetwork(stack, "Plugged", { mode: "bridge", bridge: variable.stringValue }),
    });
    const domain = resourceOf(synthesised(), "libvirt_domain", "client");
    expect(domain).toMatchObject({ vcpu: "${var.size}", memory: "${var.size}", network_interface: [{ bridge: "${var.given}" }] });
    expect(resourceOf(synthesised(), "libvirt_volume", "client_disk")["size"]).toBe("${((var.size * 1024) * 1048576)}");
  });

  test("to the base image: its file, while `${` in a path stays text", () => {
    image({ file: Fn.abspath(variable.stringValue) });
    expect(resourceOf(synthesised(), "libvirt_volume", "Image")["source"]).toBe("${abspath(var.given)}");
    new BaseImage(stack, "Odd", {
      hypervisor: stack.node.findChild("kvm-1") as Hypervisor,
      lab: "odd",
      file: "/a/${b}",
      sha256: "a".repeat(64),
    });
    expect(resourceOf(synthesised(), "libvirt_volume", "Odd")["source"]).toBe("/a/$${b}");
  });

  test("to hypervisor and network", () => {
    new LabNetwork(stack, "Network", {
      mode: "nat",
      hypervisor: hypervisor({ uri: variable.stringValue, pool: variable.stringValue }),
      name: variable.stringValue,
      cidr: variable.stringValue,
      domain: variable.stringValue,
    });
    const { provider, resource } = synthesised();
    expect(provider.libvirt).toEqual([{ alias: "kvm-1", uri: "${var.given}" }]);
    expect(resourceOf({ resource } as never, "libvirt_network", "Network")).toMatchObject({
      name: "${var.given}",
      addresses: ["${var.given}"],
      domain: "${var.given}",
    });
  });
});

describe("a value that only Terraform will know is refused, by the name of the prop, where it is needed before:", () => {
  const all = { lab: "", triggers: {}, project };
  test.each<[string, (token: string) => unknown]>([
    ['RedisHost "mine/client": domainName', (token) => host({ domainName: token })],
    ['RedisHost "mine/client": mac', (token) => host({ mac: token })],
    [
      'RedisHost "mine/client": cloudInit.userData',
      (token) => host({ cloudInit: { ...FILES, userData: `#cloud-config\nfqdn: ${token}\n` } }),
    ],
    ['RedisHost "mine/client": cloudInit.metaData', (token) => host({ cloudInit: { ...FILES, metaData: token } })],
    ['RedisHost "mine/client": cloudInit.networkConfig', (token) => host({ cloudInit: { ...FILES, networkConfig: token } })],
    [
      'CloudInitDisk "mine/seed": name',
      (token) => new CloudInitDisk(stack, "seed", { hypervisor: hypervisor(), name: token, files: FILES }),
    ],
    [
      'CloudInitDisk "mine/seed": files.userData',
      (token) => new CloudInitDisk(stack, "seed", { hypervisor: hypervisor(), name: "seed.iso", files: { ...FILES, userData: token } }),
    ],
    ['BaseImage "mine/Image": sha256', (token) => image({ sha256: token })],
    ['BaseImage "mine/Image": lab', (token) => image({ lab: token })],
    ['Hypervisor "mine/kvm-1": alias', (token) => hypervisor({ alias: token })],
    ['Hypervisor "mine/kvm-1": uri', (token) => hypervisor({ uri: token, domainType: "auto" })],
    ['Preflight "mine/it": lab', (lab) => new Preflight(stack, "it", { ...all, lab })],
    ['Members "mine/it": lab', (lab) => new Members(stack, "it", { ...all, lab, vms: {} })],
    [
      'Members "mine/it": vms',
      (token) => new Members(stack, "it", { ...all, lab: "cache", vms: { [token]: { domainId: "1", hypervisor: "here" } } }),
    ],
    ['Places "mine/it": hypervisors', (token) => new Places(stack, "it", { hypervisors: { [token]: "here" } })],
    ['Bootstrap "mine/it": lab', (lab) => new Bootstrap(stack, "it", { ...all, lab, digest: "", domains: {} })],
    [
      'Bootstrap "mine/it": domains',
      (token) => new Bootstrap(stack, "it", { ...all, lab: "cache", digest: "", domains: { [token]: "1" } }),
    ],
    [
      'StateBackend "mine/it": lab',
      (lab) => new StateBackend(stack, "it", { lab, root: "/project", backend: { kind: "local", settings: {} } }),
    ],
  ])("%s", (prop, make) => {
    expect(() => make(variable.stringValue)).toThrow(`${prop} is a value that only Terraform will know`);
  });
});
