import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { HostFacts } from "../../lib/bootstrap/facts.ts";
import { parseFacts } from "../../lib/bootstrap/facts-parser.ts";
import { type FactsQuestion, factsQuestion, factsScript, hostHex } from "../../lib/bootstrap/facts-script.ts";
import { isOurs } from "../../lib/bootstrap/ownership.ts";
import { placeLab } from "../../lib/lab/placement.ts";
import { redisVersion } from "../support/versions.ts";
import { LAB } from "./managed.ts";

const placement = placeLab(LAB, { target: "ssh", hostsFolder: "/unused" });
/** The recorded machines belong to a lab of another name. */
const question: FactsQuestion = { ...factsQuestion(placement, placement.hosts[0]!), mark: "@m", lab: "mach" };

async function parsed(name: string): Promise<HostFacts> {
  const text = await readFile(new URL(`testdata/${name}`, import.meta.url), "utf8");
  const facts = parseFacts(text, question);
  if (facts === undefined) throw new Error(`${name} is not whole`);
  return facts;
}

describe("parseFacts", () => {
  it("reads a Debian machine that runs the lab under systemd", async () => {
    const facts = await parsed("debian-running.txt");
    expect(facts).toMatchObject({ arch: "x86_64", libc: "glibc 2.36", uid: 0, systemd: 252, selinux: "disabled", problems: [] });
    expect(facts.os["ID"]).toBe("debian");
    expect(facts.thp).toEqual({ mode: "never", writable: true });
    expect(facts.packages.has("gcc")).toBe(false);
    expect(facts.build?.version).toBe(redisVersion("4.0.14"));
    expect(facts.paths.get("/apps/redis/bin")).toMatchObject({ kind: "link", target: expect.stringMatching(/^builds\/[0-9a-f]{16}$/) });
    expect(facts.instances.get("redis-18:6379")).toMatchObject({
      provenBy: "unit",
      process: { command: "redis-server" },
      unit: { activeState: "active", enabled: true, needsReload: false },
    });
    expect(facts.foreignListeners).toEqual([]);
    expect(facts.files.get("/apps/redis/etc/redis.conf")).toMatch(/^# Managed by redis-lab[\s\S]*\n$/);
  });

  it("takes a port of a rich rule, which is for some addresses or closes it, for no open port", async () => {
    const text = await readFile(new URL("testdata/centos-bare.txt", import.meta.url), "utf8");
    const open = (zone: string) =>
      parseFacts(text.replace(/(@m firewall [^\n]*\n)[\s\S]*?<\/zone>/, `$1${zone}`), question)?.firewalld.ports;
    // As firewalld 0.6.3 writes it (core/io/zone.py), on one line and on several.
    const rules =
      '<rule family="ipv4"><source address="10.1.0.0/16"/><port protocol="tcp" port="6379"/><accept/></rule>\n<rule>\n  <port port="16379" protocol="tcp"/>\n  <reject/>\n</rule>';
    const port = '<port protocol="tcp" port="26379"/>';
    expect(open(`<zone>${port}</zone>`)).toEqual(["26379/tcp"]);
    expect(open(`<zone>\n${rules}\n${port}\n${rules}</zone>`)).toEqual(["26379/tcp"]);
  });

  it("reads lines of the administrator that set what the lab sets", async () => {
    const text = await readFile(new URL("testdata/centos-bare.txt", import.meta.url), "utf8");
    const lines = "/etc/sysctl.conf:3:net.core.somaxconn = 128\n/etc/sysctl.d/zz.conf:12:  -vm/overcommit_memory=0  \n";
    expect(parseFacts(text.replace("@m end", `@m sysctl-lines\n${lines}@m end`), question)?.sysctlLines).toEqual([
      { path: "/etc/sysctl.conf", line: 3, name: "net.core.somaxconn", value: "128" },
      { path: "/etc/sysctl.d/zz.conf", line: 12, name: "vm.overcommit_memory", value: "0" },
    ]);
  });

  it("reads a CentOS 7 with SELinux and firewalld, and a stand-in for the kernel's THP file", async () => {
    const facts = await parsed("centos-bare.txt");
    expect(facts).toMatchObject({
      libc: "glibc 2.17",
      systemd: 219,
      selinux: "enforcing",
      thp: { mode: "never", writable: false },
      noFileHard: 4096,
      firewalld: { running: true, ports: ["22/tcp", "6379/tcp"] },
      swapMiB: 1023,
      repositories: ["/etc/yum.repos.d/CentOS-Base.repo"],
      user: { uid: 1001, shell: "/bin/bash", group: "redis" },
      group: true,
    });
    expect(facts.os["VERSION_ID"]).toBe("7");
    expect(facts.sysctl.get("net.core.somaxconn")).toEqual({ value: "128", writable: true });
    expect(facts.sysctl.get("vm.overcommit_memory")).toEqual({ value: "0", writable: false });
    expect([...facts.packages]).toEqual(["gcc"]);
    expect(facts.foreignListeners).toEqual([
      { address: "0.0.0.0", port: 6379, uid: 0, pid: 812, command: "nginx: worker", exe: "/usr/sbin/nginx", unit: undefined },
      { address: "::", port: 16379, uid: 33, pid: undefined, command: undefined, exe: undefined, unit: undefined },
    ]);
  });

  it("refuses an answer that was cut off", async () => {
    const text = await readFile(new URL("testdata/debian-running.txt", import.meta.url), "utf8");
    expect(parseFacts(text.slice(0, -8), question)).toBeUndefined();
    expect(parseFacts("", question)).toBeUndefined();
  });

  it("keeps the text of files byte for byte, with and without a last line break", () => {
    const answer = "@m text /a\nx\n\n\n@m text /b\nno break\n@m end\n";
    expect(parseFacts(answer, question)?.files).toEqual(
      new Map([
        ["/a", "x\n\n"],
        ["/b", "no break"],
      ]),
    );
  });

  it("reports corrupt stamps and takes them as none", () => {
    const answer = `@m text ${question.bin}/build.json\n{"key":1}\n\n@m text ${question.applied}\nnot json\n\n@m end`;
    const facts = parseFacts(answer, question);
    expect(facts?.build).toBeUndefined();
    expect(facts?.applied).toEqual({ files: {}, packages: [], folders: [], kernel: {} });
    expect(facts?.problems).toHaveLength(2);
  });
});

describe("the facts script", () => {
  it("writes sockets as /proc/net/tcp does", () => {
    expect(hostHex("127.0.1.18", 6379)).toBe("1201007F:18EB");
    expect(hostHex("0.0.0.0", 80)).toBe("00000000:0050");
  });

  it("quotes whatever a path holds", () => {
    const hostile = { ...question, prefix: "/a b/$(touch /tmp/x)'", bin: "/a b/`id`" };
    const script = factsScript(hostile);
    expect(script).toContain(`prefix='/a b/$(touch /tmp/x)'\\'''`);
    expect(script).toContain(`'/a b/\`id\`'`);
  });

  it("takes an executable for ours only below the host's own prefix", () => {
    expect(isOurs("/apps/redis/builds/0123/redis-server", "/apps/redis")).toBe(true);
    expect(isOurs("/apps/redis/builds/0123/redis-server (deleted)", "/apps/redis")).toBe(true);
    expect(isOurs("/apps/redis2/builds/0123/redis-server", "/apps/redis")).toBe(false);
    expect(isOurs("/usr/bin/redis-server", "/apps/redis")).toBe(false);
  });
});
