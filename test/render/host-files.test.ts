import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { OsFamilyName } from "../../lib/lab/os.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { mergeBlock } from "../../lib/render/block.ts";
import { renderHost } from "../../lib/render/render.ts";
import type { RenderedFile } from "../../lib/render/rendered-file.ts";
import { clusterInput, sentinelInput } from "../support/labs.ts";
import { hostOf, placed, SECRETS } from "./placements.ts";

const folder = mkdtempSync(join(tmpdir(), "redis-lab-units-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function filesOf(input: LabInput, os: OsFamilyName = "rhel", host = "redis-18"): RenderedFile[] {
  const placement = placed(defineLab(input), "ssh");
  return renderHost(placement, hostOf(placement, host), SECRETS, os);
}

function unitsOf(input: LabInput, host?: string): RenderedFile[] {
  return filesOf(input, "rhel", host).filter(({ path, step }) => path.endsWith(".service") && step === "units");
}

/** Each unit of a host with its drop-in, as a newer systemd reads the two. */
function hardenedUnitsOf(input: LabInput, host?: string): RenderedFile[] {
  const files = filesOf(input, "rhel", host);
  return unitsOf(input, host).map((unit) => {
    const [dropIn] = files.filter(({ path }) => path.startsWith(`${unit.path}.d/`));
    return { ...unit, content: `${unit.content}\n${dropIn?.content}` };
  });
}

/** Complaints of the real parser about a unit; undefined where this computer has no systemd-analyze. */
function complaints(unit: RenderedFile): string | undefined {
  const file = join(folder, basename(unit.path));
  // The program is not there; everything else is judged as it is.
  writeFileSync(file, unit.content.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"));
  const { error, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", file], { encoding: "utf8" });
  return error === undefined
    ? `${stdout}${stderr}`
        .split("\n")
        .filter((line) => line.includes(basename(file)))
        .join("\n")
    : undefined;
}

describe("units", () => {
  const units = [...unitsOf(sentinelInput()), ...unitsOf(clusterInput(), "redis-78").slice(1)];

  test("one per instance, under names of their own", () => {
    expect(units.map(({ path }) => basename(path))).toEqual(["redis.service", "redis-sentinel.service", "redis-6380.service"]);
  });

  test.each(units)("$path is read without complaint", (unit) => {
    expect(complaints(unit) ?? "").toBe("");
    expect(unit.content).toMatch(/^\[Unit\]\n[^[]*^\[Service\]\n[^[]*^Type=notify\n[\s\S]*^\[Install\]\nWantedBy=multi-user.target\n$/m);
    expect(unit.content).toMatch(/^User=redis$/m);
    // What systemd 219 would read otherwise, or not at all.
    expect(unit.content).not.toMatch(
      /^(ExecReload|PIDFile|StartLimitIntervalSec|ReadWritePaths|SystemCallFilter|StateDirectory)=|=infinity|=strict|^Exec\w+=[+!-]/m,
    );
  });

  test("the one that sets huge pages is read without complaint", () => {
    const unit = filesOf(sentinelInput()).find(({ step }) => step === "thp");
    expect(unit && basename(unit.path)).toBe("redis-lab-thp-sentinel.service");
    expect(unit && complaints(unit)).toBeOneOf(["", undefined]);
  });

  test.each(hardenedUnitsOf(sentinelInput()))("$path with its drop-in is read without complaint, and is hardly exposed", (unit) => {
    expect(unit.content).toMatch(/^MemoryDenyWriteExecute=yes$/m);
    expect(complaints(unit) ?? "").toBe("");
    const { error, stdout } = spawnSync(
      "systemd-analyze",
      ["security", "--offline=true", "--no-pager", join(folder, basename(unit.path))],
      {
        encoding: "utf8",
      },
    );
    // Offline since 250.
    const level = error === undefined ? /^→ Overall exposure level for \S+: ([\d.]+)/m.exec(stdout)?.[1] : undefined;
    if (level !== undefined) expect(Number(level)).toBeLessThanOrEqual(2.5);
  });

  test("the drop-in is for the versions that know it alone", () => {
    const dropIns = filesOf(sentinelInput()).filter(({ path }) => path.includes(".service.d/"));
    expect(dropIns.map(({ path }) => path)).toEqual([
      "/etc/systemd/system/redis.service.d/10-redis-lab.conf",
      "/etc/systemd/system/redis-sentinel.service.d/10-redis-lab.conf",
    ]);
    expect(new Set(dropIns.map(({ sinceSystemd }) => sinceSystemd))).toEqual(new Set([247]));
  });

  test("the parser does find a fault", () => {
    const [unit] = units;
    const found = unit && complaints({ ...unit, content: `${unit.content}\n[Service]\nNoSuchThing=1\n` });
    if (found !== undefined) expect(found).toContain("NoSuchThing");
  });

  test("the open-file limit has room for maxclients, 32 descriptors of Redis and more", () => {
    const limits = unitsOf(sentinelInput({ redis: { settings: { maxclients: 200_000 } } })).map(({ content }) =>
      Number(/^LimitNOFILE=(\d+)$/m.exec(content)?.[1]),
    );
    expect(limits).toEqual([201_056, 11_056]);
    expect(units[0]?.content).toMatch(/^LimitNOFILE=66591$/m);
  });

  test("no protection hides the prefix", () => {
    const protections = (prefix: string) =>
      unitsOf(sentinelInput({ redis: { prefix } }))[0]?.content.match(/^(PrivateTmp|ProtectHome|ProtectSystem)/gm) ?? [];
    expect(protections("/apps/redis")).toEqual(["PrivateTmp", "ProtectHome", "ProtectSystem"]);
    expect(protections("/home/redis")).toEqual(["PrivateTmp", "ProtectSystem"]);
    expect(protections("/usr/local/redis")).toEqual(["PrivateTmp", "ProtectHome"]);
    expect(protections("/var/tmp/redis")).toEqual(["ProtectHome", "ProtectSystem"]);
    expect(protections("/users/redis")).toEqual(["PrivateTmp", "ProtectHome", "ProtectSystem"]);
  });

  test("the wait for the address is a script that sh understands, and ends when the address is there", () => {
    const content = unitsOf(sentinelInput())[0]?.content ?? "";
    const script = /^ExecStartPre=\/bin\/sh -c '(.*)'$/m.exec(content)?.[1]?.replaceAll("$$", "$") ?? "";
    execFileSync("/bin/sh", ["-n", "-c", script]);
    execFileSync("/bin/sh", ["-c", script.replace("192.168.1.18", "127.0.0.1").replace("ip -4 -o addr show", "echo ' 127.0.0.1/8 '")]);
  });
});

describe("files of the system", () => {
  test("the kernel settings are read after those of /etc/sysctl.conf", () => {
    const path = filesOf(sentinelInput()).find(({ step }) => step === "sysctl")?.path ?? "";
    // systemd-sysctl reads by name; Debian and CentOS 7 link /etc/sysctl.conf as 99-sysctl.conf.
    expect([basename(path), "99-sysctl.conf"].sort()).toEqual(["99-sysctl.conf", "99-zz-redis-lab-sentinel.conf"]);
  });

  test("the logs of every instance are rotated, as logrotate itself reads it", () => {
    const file = filesOf(sentinelInput({ redis: { prefix: join(folder, "logs") }, os: { user: "redis" } })).find(
      ({ step }) => step === "log-rotation",
    );
    const logs = join(folder, "logs", "logs");
    mkdirSync(logs, { recursive: true });
    for (const name of ["redis-6379.log", "sentinel-26379.log"]) writeFileSync(join(logs, name), "line\n");
    // It changes to the user only as root; the test may be anybody.
    const content = (file?.content ?? "").replace(/^ *su .*\n/gm, "");
    expect(content).not.toBe(file?.content);
    const config = join(folder, "logrotate.conf");
    writeFileSync(config, content, { mode: 0o644 });
    const { error, status, stderr } = spawnSync("/usr/sbin/logrotate", ["--force", "--state", join(folder, "state"), config], {
      encoding: "utf8",
    });
    if (error !== undefined) return;
    expect([status, stderr]).toEqual([0, ""]);
    expect(readdirSync(logs).sort()).toEqual(["redis-6379.log.1", "sentinel-26379.log.1"]);
  });

  test("name the hosts, VMs by their full name as well, which no DNS knows", () => {
    const hosts = (target: "ssh" | "libvirt", input = clusterInput()) => {
      const placement = placed(defineLab(input), target);
      const files = renderHost(placement, hostOf(placement, "redis-18"), SECRETS, "rhel");
      return files.find(({ path }) => path === "/etc/hosts")?.content.match(/^\d.*$/gm)?.[0];
    };
    expect(hosts("ssh")).toBe("192.168.1.18 redis-18");
    expect(hosts("libvirt")).toBe("192.168.1.18 redis-18.cluster.internal redis-18");
    expect(hosts("libvirt", clusterInput({ libvirt: { network: { mode: "nat", domain: "lab.test" } } }))).toBe(
      "192.168.1.18 redis-18.lab.test redis-18",
    );
  });

  test("differ by family in the package sources", () => {
    const outline = (os: OsFamilyName) => filesOf(clusterInput(), os).map(({ path, step }) => `${step} ${path}`);
    expect(outline("debian")).toEqual([
      "sysctl /etc/sysctl.d/99-zz-redis-lab-cluster.conf",
      "thp /etc/systemd/system/redis-lab-thp-cluster.service",
      "hosts-file /etc/hosts",
      "log-rotation /etc/logrotate.d/redis-lab-cluster",
      "units /etc/systemd/system/redis.service",
      "units /etc/systemd/system/redis.service.d/10-redis-lab.conf",
      "files /apps/redis/etc/redis.conf",
      "files /apps/redis/etc/redis-6379-before-start.sh",
    ]);
    expect(outline("rhel")).toEqual([
      "package-sources /etc/yum.repos.d/CentOS-Base.repo",
      "package-sources /etc/yum/pluginconf.d/fastestmirror.conf",
      "sysctl /etc/sysctl.d/99-zz-redis-lab-cluster.conf",
      "thp /etc/systemd/system/redis-lab-thp-cluster.service",
      "hosts-file /etc/hosts",
      "log-rotation /etc/logrotate.d/redis-lab-cluster",
      "units /etc/systemd/system/redis.service",
      "units /etc/systemd/system/redis.service.d/10-redis-lab.conf",
      "files /apps/redis/etc/redis.conf",
      "files /apps/redis/etc/redis-6379-before-start.sh",
    ]);
  });

  test("are only those that the lab asks for", () => {
    const steps = new Set(
      filesOf(clusterInput({ os: { yumMirrors: [], sysctl: {}, transparentHugepages: "leave" } })).map(({ step }) => step),
    );
    expect([...steps].sort()).toEqual(["files", "hosts-file", "log-rotation", "units"]);
    const text = filesOf(clusterInput({ os: { sysctl: {} } })).find(({ kind }) => kind === "redis-conf")?.content;
    expect(text).not.toContain("tcp-backlog");
  });

  test("begin with a marker, and hold neither the time nor the password outside the configuration", () => {
    for (const file of filesOf(sentinelInput())) {
      const first = file.kind === "block" ? /^(#!\/bin\/sh\n)?# BEGIN redis-lab sentinel\n/ : /^# Managed by redis-lab: lab sentinel/;
      expect(file.content).toMatch(first);
      expect(file.content).not.toMatch(/\b20(25|26|27)-\d\d-\d\d/);
      expect(file.content.includes(SECRETS.password)).toBe(file.kind.endsWith("-conf"));
      expect(file.content.endsWith("\n")).toBe(true);
    }
  });

  test("rc.local runs, sets what it can and leaves the rest", () => {
    const thp = join(folder, "enabled");
    const block =
      filesOf(clusterInput({ os: { transparentHugepagesBy: "rc.local" } }), "debian").find(({ step }) => step === "thp")?.content ?? "";
    const script = join(folder, "rc.local");
    writeFileSync(script, mergeBlock("#!/bin/sh -e\nexit 0\n", block).replaceAll("/sys/kernel/mm/transparent_hugepage/enabled", thp));
    execFileSync("/bin/sh", ["-e", script]);
    writeFileSync(thp, "always\n");
    execFileSync("/bin/sh", ["-e", script]);
    expect(execFileSync("cat", [thp], { encoding: "utf8" })).toBe("never\n");
  });
});
