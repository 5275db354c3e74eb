import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { barredFolder, isOnPath, networksIn, pluggedIn } from "../../lib/libvirt/this-computer.ts";
import { testdata } from "./support/testdata.ts";

test("networks of this computer, and routes to others but the default one", () => {
  expect(networksIn(JSON.parse(testdata("ip-addr.json")), JSON.parse(testdata("ip-route.json")))).toEqual([
    { interface: "lo", range: "127.0.0.0/8", address: "127.0.0.1" },
    { interface: "virbr0", range: "192.168.231.0/24", address: "192.168.231.1" },
    { interface: "v0", range: "192.168.231.64/26", address: "192.168.231.77" },
    { interface: "v0", range: "192.168.0.0/16" },
    { interface: "v0", range: "203.0.113.9/32" },
  ]);
});

test("what is plugged into what, and which of them is a bridge of Linux", () => {
  const links = [
    { ifname: "virbr0", linkinfo: { info_kind: "bridge" } },
    { ifname: "vnet0", master: "virbr0", linkinfo: { info_kind: "tun" } },
    { ifname: "br-ovs", linkinfo: { info_kind: "openvswitch" } },
    { ifname: "eth0" },
  ];
  expect(pluggedIn(links)).toEqual(
    new Map([
      ["virbr0", { isBridge: true, master: undefined }],
      ["vnet0", { isBridge: false, master: "virbr0" }],
      ["br-ovs", { isBridge: false, master: undefined }],
      ["eth0", { isBridge: false, master: undefined }],
    ]),
  );
});

test("the first folder that keeps a user out", async () => {
  const top = await mkdtemp(join(tmpdir(), "redis-lab-barred-"));
  try {
    const pool = join(top, "a", "pool");
    await mkdir(pool, { recursive: true });
    await chmod(top, 0o755);
    await chmod(join(top, "a"), 0o711);
    await chmod(pool, 0o755);
    const stranger = { uid: 64055, gid: 64055 };
    expect(barredFolder(pool, stranger)).toBeUndefined();
    await chmod(join(top, "a"), 0o700);
    expect(barredFolder(pool, stranger)).toBe(join(top, "a"));
    expect(barredFolder(pool, { uid: process.getuid?.() ?? 0, gid: 1 })).toBeUndefined();
    expect(barredFolder(pool, { uid: 0, gid: 0 })).toBeUndefined();
    expect(barredFolder(join(top, "b", "none"), stranger)).toBeUndefined();
  } finally {
    await rm(top, { recursive: true });
  }
});

test("what is on the PATH can be executed", async () => {
  expect(isOnPath("sh")).toBe(true);
  expect(isOnPath("sh", { PATH: "/nowhere::" })).toBe(false);
  expect(isOnPath("passwd", { PATH: "/etc" })).toBe(false);
});
