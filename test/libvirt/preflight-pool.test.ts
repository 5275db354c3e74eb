import { describe, expect, test } from "vitest";
import { volumeNames } from "../../lib/libvirt/names.ts";
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
