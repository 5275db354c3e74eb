import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { mergeBlock } from "../../lib/render/block.ts";
import { THP_FILE } from "../../lib/render/host-files.ts";
import { renderHost } from "../../lib/render/render.ts";
import type { RenderedFile } from "../../lib/render/rendered-file.ts";
import { clusterInput } from "../support/labs.ts";
import { hostOf, placed, SECRETS } from "./placements.ts";
import { complaintsOf219 } from "./systemd-219.ts";

// Of CentOS 7 there is no machine to test on: what its rc-local-generator, yum 3 and systemd 219 need is read off the files. (Units: systemd-219.test.ts.)

const folder = mkdtempSync(join(tmpdir(), "redis-lab-centos-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(path: string, changes: Partial<LabInput> = {}): RenderedFile {
  const placement = placed(defineLab(clusterInput(changes)), "libvirt");
  const file = renderHost(placement, hostOf(placement, "redis-18"), SECRETS, "rhel").find((each) => each.path === path);
  if (file === undefined) throw new Error(`no ${path}`);
  return file;
}

/** As yum's parser reads it: a line that begins with a blank continues the one before. */
function readIni(text: string): ReadonlyMap<string, ReadonlyMap<string, readonly string[]>> {
  const sections = new Map<string, Map<string, string[]>>();
  let section = new Map<string, string[]>();
  let values: string[] = [];
  for (const line of text.split("\n").filter((each) => !/^(#|$)/.test(each))) {
    const head = /^\[(.+)\]$/.exec(line)?.[1];
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (head !== undefined) {
      section = new Map();
      sections.set(head, section);
    } else if (key !== undefined && value !== undefined) {
      values = [value];
      section.set(key, values);
    } else if (/^\s+\S/.test(line)) values.push(line.trim());
    else throw new Error(`not understood: ${line}`);
  }
  return sections;
}

describe("the repair of yum", () => {
  const repositories = readIni(fileOf("/etc/yum.repos.d/CentOS-Base.repo").content);

  test("replaces the dead mirror list by trees that are tried in their order, signatures checked", () => {
    expect([...repositories.keys()]).toEqual(["base", "updates", "extras"]);
    for (const [id, settings] of repositories) {
      const tree = `7.9.2009/${id === "base" ? "os" : id}/$basearch/`;
      expect(settings.get("baseurl")).toEqual([
        `http://archive.kernel.org/centos-vault/${tree}`,
        `https://vault.centos.org/${tree}`,
        `https://linuxsoft.cern.ch/centos-vault/${tree}`,
      ]);
      expect([settings.get("failovermethod"), settings.get("enabled"), settings.get("gpgcheck")]).toEqual([["priority"], ["1"], ["1"]]);
      expect(settings.get("gpgkey")).toEqual(["file:///etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7"]);
      expect(settings.has("mirrorlist")).toBe(false);
      // Without `base` nothing can be installed; that has to be an error.
      expect(settings.get("skip_if_unavailable")).toEqual(id === "base" ? undefined : ["1"]);
    }
  });

  test("keeps the order of the trees: fastestmirror would sort them again", () => {
    expect(readIni(fileOf("/etc/yum/pluginconf.d/fastestmirror.conf").content)).toEqual(new Map([["main", new Map([["enabled", ["0"]]])]]));
  });

  test("takes a site's own tree, however it is written", () => {
    const { content } = fileOf("/etc/yum.repos.d/CentOS-Base.repo", { os: { yumMirrors: ["http://yum.example.org/centos//"] } });
    expect(readIni(content).get("updates")?.get("baseurl")).toEqual(["http://yum.example.org/centos/updates/$basearch/"]);
  });
});

describe("rc.local, for a lab that wants it", () => {
  const byRcLocal = { os: { transparentHugepagesBy: "rc.local" as const } };
  const file = fileOf("/etc/rc.d/rc.local", byRcLocal);
  /** As the package initscripts ships it, with mode 0644. */
  const stock =
    "#!/bin/bash\n# THIS FILE IS ADDED FOR COMPATIBILITY PURPOSES\n#\n# Please note that you must run 'chmod +x /etc/rc.d/rc.local' to ensure\n# that this script will be executed during boot.\n\ntouch /var/lock/subsys/local\n";

  test("is the file that /etc/rc.local links to, executable, or its generator makes no unit", () => {
    expect([file.mode.toString(8), file.owner, file.kind, file.step]).toEqual(["755", "root", "block", "thp"]);
  });

  test("begins with a shebang, that of the file that is there where it has one: systemd runs it as a program", () => {
    expect(mergeBlock(undefined, file.content)).toMatch(/^#!\/bin\/sh\n# BEGIN redis-lab cluster\n/);
    const merged = mergeBlock(stock, file.content);
    expect(merged).toMatch(/^#!\/bin\/bash\n# BEGIN redis-lab cluster\n/);
    expect(merged.endsWith(stock.slice("#!/bin/bash\n".length))).toBe(true);
    expect(mergeBlock(merged, file.content)).toBe(merged);
  });

  test("switches huge pages off when it is run as the unit runs it", () => {
    const [script, switched] = [join(folder, "rc.local"), join(folder, "enabled")];
    writeFileSync(switched, "[always] madvise never\n");
    const merged = mergeBlock(stock, file.content).replaceAll(THP_FILE, switched).replace("/var/lock/subsys/local", join(folder, "lock"));
    writeFileSync(script, merged, { mode: file.mode });
    execFileSync(script, ["start"]);
    expect(execFileSync("cat", [switched], { encoding: "utf8" })).toBe("never\n");
  });

  test("is nothing that Redis waits for: it may start Redis itself, or never return", () => {
    const { content } = fileOf("/etc/systemd/system/redis.service", byRcLocal);
    expect(content.match(/^After=.*$/gm)).toEqual(["After=network-online.target"]);
    expect(() => fileOf("/etc/systemd/system/redis-lab-thp-cluster.service", byRcLocal)).toThrow();
  });
});

describe("the unit of transparent huge pages", () => {
  const path = "/etc/systemd/system/redis-lab-thp-cluster.service";
  const { content } = fileOf(path);

  test("takes the place of rc.local, and Redis waits for it alone", () => {
    expect(() => fileOf("/etc/rc.d/rc.local")).toThrow();
    expect(fileOf("/etc/systemd/system/redis.service").content.match(/^After=.*$/gm)).toEqual([
      "After=network-online.target",
      "After=redis-lab-thp-cluster.service",
    ]);
    expect(() => fileOf(path, { os: { transparentHugepages: "leave" } })).toThrow();
    expect(fileOf("/etc/systemd/system/redis.service", { os: { transparentHugepages: "leave" } }).content).not.toContain("redis-lab-thp");
  });

  test("runs once at every boot and holds up nothing", () => {
    expect(content).toMatch(/^Type=oneshot\nRemainAfterExit=yes$/m);
    expect(content).toMatch(/^WantedBy=multi-user\.target$/m);
    expect(complaintsOf219(content)).toEqual([]);
  });

  test("sets them when it is run as systemd runs it, and is not a failure where it may not", () => {
    const switched = join(folder, "by-unit");
    const command = /^ExecStart=\/bin\/sh -c '(.*)'$/m.exec(content)?.[1]?.replaceAll(THP_FILE, switched) ?? "exit 9";
    execFileSync("/bin/sh", ["-c", command]);
    writeFileSync(switched, "[always] madvise never\n");
    execFileSync("/bin/sh", ["-c", command]);
    expect(execFileSync("cat", [switched], { encoding: "utf8" })).toBe("never\n");
  });
});
