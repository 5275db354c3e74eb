import { describe, expect, test } from "vitest";
import { allowsFolder, readAppArmor } from "../../lib/libvirt/app-armor.ts";
import { volumeNames } from "../../lib/libvirt/names.ts";
import { readXml } from "../../lib/libvirt/xml.ts";
import { findings, GOOD, POOL, told, wanted } from "./support/facts.ts";

const GIB = 2 ** 30;
const room = (availableBytes: number | undefined) => ({ pool: { ...GOOD.pool!, availableBytes } });

test("a pool that is not there, or not active", () => {
  expect(findings({ pool: undefined })).toMatchObject([
    { severity: "error", code: "pool.absent", next: expect.stringContaining("virsh -c qemu:///system pool-define-as default dir") },
  ]);
  expect(findings({ pool: { ...GOOD.pool!, active: false } })).toMatchObject([
    { severity: "error", code: "pool.inactive", next: expect.stringContaining("pool-start default") },
  ]);
});

test("a pool that libvirt may not write to, in its words", () => {
  const poolRefusal = `Failed to create file '${POOL}/cluster.preflight': Read-only file system`;
  expect(findings({ poolRefusal })).toMatchObject([{ severity: "error", code: "pool.not-writable", why: poolRefusal }]);
});

test("a pool that qemu can't get to: AppArmor and SELinux may be it too", () => {
  expect(findings({ barredFolder: "/root" })).toMatchObject([
    {
      severity: "warning",
      code: "pool.barred",
      what: expect.stringContaining("mode of /root"),
      next: expect.stringMatching(/AppArmor[\s\S]*SELinux/),
    },
  ]);
});

describe("AppArmor, which forgets disks of type volume", () => {
  const line = `${POOL}/** rwk,`;

  test("stops a deploy with the line that cures it", () => {
    expect(findings({ appArmor: { rules: ["  # nothing of ours", "  /usr/share/qemu/** r,"] } })).toMatchObject([
      {
        severity: "error",
        code: "pool.app-armor",
        next: `Once: sudo mkdir -p /etc/apparmor.d/local/abstractions && echo '${line}' | sudo tee -a /etc/apparmor.d/local/abstractions/libvirt-qemu`,
      },
    ]);
    expect(told({ appArmor: { rules: [line] } })).toEqual([]);
  });

  test("is a warning on another computer, and nothing where a VM of the lab runs or nothing is confined by it", () => {
    expect(told({ appArmor: { rules: undefined } })).toEqual(["warning pool.app-armor"]);
    const running = [{ name: "cluster-redis-18", id: "a", macs: [], interfaces: [], disks: [], backingFiles: [] }];
    expect(told({ appArmor: { rules: [] }, running })).toEqual([]);
    expect(told({ appArmor: undefined })).toEqual([]);
  });

  test.each([
    ["/var/lib/libvirt/images/** rwk,", true],
    ["  owner /var/lib/libvirt/images/* rw,   # disks", true],
    ['"/var/lib/libvirt/**" rwk,', true],
    ["/var/lib/libvirt/* rwk,", false],
    ["/var/lib/libvirt/images/** r,", false],
    ["/var/lib/libvirt/images/*.qcow2 rwk,", false],
    ["/var/lib/libvirt/images-of-others/** rwk,", false],
    ["# /var/lib/libvirt/images/** rwk,", false],
  ])("the rule %s", (rule, allowed) => expect(allowsFolder([rule], POOL)).toBe(allowed));

  test("is read from the capabilities of libvirt", async () => {
    const capabilities = (model: string) =>
      readXml(`<capabilities><host><secmodel><model>${model}</model></secmodel></host></capabilities>`);
    expect(readAppArmor(await capabilities("dac"), true)).toBeUndefined();
    expect(readAppArmor(await capabilities("apparmor"), false)).toEqual({ rules: undefined });
    expect(readAppArmor(await capabilities("apparmor"), true)?.rules).toBeInstanceOf(Array);
  });
});

describe("room: the image of 0.9 GB and seven disks of 20 GiB", () => {
  test.each([
    [500 * GIB, []],
    [141 * GIB, []],
    [140 * GIB, ["warning pool.overcommitted"]],
    [8 * GIB, ["warning pool.overcommitted"]],
    [7.5 * GIB, ["error pool.full"]],
    [0, ["error pool.full"]],
    [undefined, []],
  ])("%s bytes left", (bytes, expected) => expect(told(room(bytes))).toEqual(expected));

  test("what is there already needs none", () => {
    const { vms } = wanted();
    const disks = vms.map((vm) => [volumeNames(vm).disk, `${POOL}/${volumeNames(vm).disk}`] as const);
    const terraform = { kind: "unreadable", why: "-" } as const;
    const codes = (volumes: ReadonlyMap<string, string>, bytes: number) =>
      told({ ...room(bytes), volumes }, wanted({}, { terraform })).filter((code) => code.includes("pool."));
    expect(codes(new Map(disks), 0)).toEqual([]);
    expect(codes(new Map(disks.slice(1)), 2 * GIB)).toEqual(["warning pool.overcommitted"]);
    expect(codes(new Map(disks.slice(1)), GIB)).toEqual(["error pool.full"]);
    // With the image, one GiB is enough for the seventh to begin with.
    expect(codes(new Map([...disks.slice(1), ["cluster.base-0.qcow2", "-"]]), GIB)).toEqual(["warning pool.overcommitted"]);
  });
});
