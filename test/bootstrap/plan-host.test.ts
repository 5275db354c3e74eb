import { describe, expect, it } from "vitest";
import type { HostFacts, UnitFact } from "../../lib/bootstrap/facts.ts";
import { redisVersion } from "../support/versions.ts";
import { BARE, CENTOS, IDLE, LAB, planFor, subjects } from "./managed.ts";
import { SECRETS } from "./support.ts";

const OURS = {
  pid: 7,
  start: "1",
  boot: "b",
  exe: `/apps/redis/builds/${"a".repeat(16)}/redis-server`,
  cwd: "/apps/redis/data",
  command: "redis-server",
};

const UNIT: UnitFact = {
  name: "redis.service",
  file: "/etc/systemd/system/redis.service",
  loadState: "loaded",
  lab: LAB.name,
  main: undefined,
  activeState: "active",
  subState: "running",
  enabled: true,
  needsReload: false,
};

describe("planHost of a managed host", () => {
  it("plans a bare Debian in the order of the steps, with nothing not applicable", () => {
    const plan = planFor(BARE);
    expect(plan.refusals).toEqual([]);
    expect(plan.notes).toEqual([]);
    expect(plan.notApplicable).toEqual([]);
    expect([...new Set(plan.changes.map(({ step }) => step))]).toEqual([
      "packages",
      "sysctl",
      "thp",
      "user",
      "folders",
      "hosts-file",
      "build",
      "install",
      "files",
      "log-rotation",
      "units",
      "start",
    ]);
    expect(subjects(plan, "packages")).toEqual(["gcc", "make", "libc6-dev", "lsof"]);
    expect(subjects(plan, "sysctl")).toEqual(["/etc/sysctl.d/99-zz-redis-lab-pure.conf", "net.core.somaxconn", "vm.overcommit_memory"]);
    expect(subjects(plan, "thp")).toEqual([
      "/etc/systemd/system/redis-lab-thp-pure.service",
      "redis-lab-thp-pure.service",
      "/sys/kernel/mm/transparent_hugepage/enabled",
    ]);
    expect(JSON.stringify(plan)).not.toContain(SECRETS.password);
  });

  it("installs build tools on the host that compiles alone, and libsystemd where Redis needs it", () => {
    const build = { key: "a".repeat(64), version: redisVersion("4.0.14"), compiles: false };
    expect(subjects(planFor(BARE, { build }), "packages")).toEqual(["lsof"]);
    const seven = { ...LAB, redis: { ...LAB.redis, version: "7.0.15" } };
    expect(subjects(planFor(BARE, {}, seven), "packages")).toContain("libsystemd-dev");
  });

  it("repairs yum and labels programs on CentOS 7, and opens ports where firewalld runs", () => {
    const plan = planFor({
      ...CENTOS,
      repositories: ["/etc/yum.repos.d/CentOS-Base.repo", "/etc/yum.repos.d/CentOS-Sources.repo"],
      firewalld: { running: true, ports: ["6379/tcp"] },
    });
    expect(subjects(plan, "package-sources")).toEqual([
      "/etc/yum.repos.d/CentOS-Base.repo",
      "/etc/yum/pluginconf.d/fastestmirror.conf",
      "/etc/yum.repos.d/CentOS-Sources.repo",
    ]);
    expect(subjects(plan, "packages")).toEqual(["gcc", "make", "glibc-devel", "policycoreutils-python", "lsof"]);
    expect(subjects(plan, "thp")[0]).toBe("/etc/systemd/system/redis-lab-thp-pure.service");
    expect(subjects(plan, "selinux")).toEqual(["/apps/redis/builds"]);
    expect(subjects(plan, "firewall")).toEqual(["16379/tcp"]);
  });

  it("leaves the package sources of other releases alone", () => {
    const rocky = { ...CENTOS, os: { ...CENTOS.os, ID: "rocky", VERSION_ID: "9.4" }, repositories: ["/etc/yum.repos.d/CentOS-X.repo"] };
    expect(subjects(planFor(rocky), "package-sources")).toEqual([]);
    // Where semanage comes from is another package from EL 8 on.
    expect(subjects(planFor(rocky), "packages")).toContain("policycoreutils-python-utils");
    expect(subjects(planFor(rocky), "packages")).not.toContain("policycoreutils-python");
  });

  it("takes a package that the database knows under no such name as installed once it was", () => {
    const applied = { ...BARE.applied, packages: ["lsof"] };
    expect(subjects(planFor({ ...BARE, applied }), "packages")).not.toContain("lsof");
  });

  it("notes what is read-only in a container instead of planning it for ever", () => {
    const sysctl = new Map([
      ["net.core.somaxconn", { value: "512", writable: true }],
      ["vm.overcommit_memory", { value: "0", writable: false }],
    ]);
    const plan = planFor({ ...BARE, sysctl, thp: { mode: "madvise", writable: false } });
    expect(subjects(plan, "sysctl")).toEqual(["/etc/sysctl.d/99-zz-redis-lab-pure.conf"]);
    expect(subjects(plan, "thp")).toEqual(["/etc/systemd/system/redis-lab-thp-pure.service", "redis-lab-thp-pure.service"]);
    expect(plan.notes).toEqual([
      expect.stringMatching(/^vm.overcommit_memory could not be set: it is 0 and read-only here/),
      expect.stringMatching(/^transparent huge pages could not be set: they are madvise/),
    ]);
  });

  it("leaves programs of others in /usr/bin and says so", () => {
    const other = { kind: "file" as const, mode: 0o755, owner: "root", group: "root", bytes: 9, modified: 0 };
    const plan = planFor({ ...BARE, paths: new Map([["/usr/bin/redis-cli", other]]) });
    expect(subjects(plan, "install")).not.toContain("/usr/bin/redis-cli");
    expect(plan.notes).toEqual([expect.stringContaining("/usr/bin/redis-cli is not the lab's")]);
  });

  it("removes its kernel settings from where /etc/sysctl.conf wins, and leaves those of another lab there", () => {
    const former = "/etc/sysctl.d/90-redis-lab.conf";
    const at = (lab: string) => new Map([[former, `# Managed by redis-lab: lab ${lab}. Replaced as a whole\nnet.core.somaxconn = 512\n`]]);
    expect(planFor({ ...BARE, files: at(LAB.name) }).changes).toContainEqual({
      step: "sysctl",
      subject: former,
      reason: "obsolete",
      summary: `remove ${former}, which is read too early`,
    });
    expect(subjects(planFor({ ...BARE, files: at("elsewhere") }), "sysctl")).not.toContain(former);
    const path = "/etc/sysctl.d/99-zz-redis-lab-pure.conf";
    const without = { ...LAB, os: { ...LAB.os, sysctl: {} } };
    expect(subjects(planFor({ ...BARE, files: new Map([[path, at(LAB.name).get(former) ?? ""]]) }, {}, without), "sysctl")).toEqual([path]);
    expect(subjects(planFor(BARE, {}, without), "sysctl")).toEqual([]);
  });

  it("names lines of others that win over its kernel settings", () => {
    const line = (path: string, value: string) => ({ path, line: 4, name: "net.core.somaxconn", value });
    const notes = (...sysctlLines: HostFacts["sysctlLines"]) => planFor({ ...BARE, sysctlLines }).notes;
    expect(notes(line("/etc/sysctl.conf", "128"))).toEqual([
      "line 4 of /etc/sysctl.conf says net.core.somaxconn = 128, the lab 512: `sysctl -p` and `sysctl --system` set that one; remove the line, or change os.sysctl",
    ]);
    expect(notes(line("/etc/sysctl.d/zz-late.conf", "128"))).toEqual([expect.stringContaining("comes back with the next boot")]);
    // What is read before ours, says the same or is ours loses nothing.
    const ours = "/etc/sysctl.d/99-zz-redis-lab-pure.conf";
    expect(notes(line("/etc/sysctl.d/10-early.conf", "128"), line("/etc/sysctl.conf", "512"), line(ours, "1024"))).toEqual([]);
  });

  it("leaves the package sources of another architecture than that of the trees alone, and says so", () => {
    const plan = planFor({ ...CENTOS, arch: "aarch64", repositories: ["/etc/yum.repos.d/CentOS-Base.repo"] });
    expect(subjects(plan, "package-sources")).toEqual([]);
    expect(plan.notes).toEqual([
      expect.stringMatching(/^\/etc\/yum\.repos\.d\/CentOS-Base\.repo stays as it is: .* x86_64, and this host is aarch64/),
    ]);
    expect(planFor(CENTOS).notes).toEqual([]);
    expect(planFor({ ...CENTOS, arch: "aarch64" }, {}, { ...LAB, os: { ...LAB.os, yumMirrors: [] } }).notes).toEqual([]);
  });

  it("says what a change does to a live host besides: what is kept, moved, made executable, read again", () => {
    const summaries = (facts: Partial<HostFacts>, lab = LAB) =>
      planFor({ ...BARE, ...facts }, {}, lab).changes.map(({ summary }) => summary);
    const file = { kind: "file" as const, mode: 0o644, owner: "root", group: "root", bytes: 9, modified: 0 };
    expect(summaries({ files: new Map([["/etc/hosts", "127.0.0.1 localhost\n"]]), paths: new Map([["/etc/hosts", file]]) })).toContain(
      "change /etc/hosts; what it was is kept as /etc/hosts.redis-lab-orig",
    );
    const byRcLocal = { ...LAB, os: { ...LAB.os, transparentHugepagesBy: "rc.local" as const } };
    const rcLocal = { files: new Map([["/etc/rc.local", "#!/bin/sh\n"]]), paths: new Map([["/etc/rc.local", file]]) };
    expect(summaries(rcLocal, byRcLocal)).toContain(
      "change /etc/rc.local and make it executable; what it was is kept as /etc/rc.local.redis-lab-orig",
    );
    expect(summaries({ binFolder: ["redis-server"] })).toContain(
      "install Redis 4.0.14; the folder that is there becomes /apps/redis/bin.redis-lab-orig",
    );
    expect(summaries({}).filter((each) => each.includes("systemd reads all its units again"))).toEqual([
      "enable redis-lab-thp-pure.service for the next boots; systemd reads all its units again",
      "enable redis.service; systemd reads all its units again",
    ]);
    expect(summaries({ firewalld: { running: true, ports: ["6379/tcp"] } })).toContain(
      "open 16379/tcp in firewalld's default zone, now and at every boot",
    );
  });

  it("gives an older systemd no words that it does not know", () => {
    const units = (systemd: number) => subjects(planFor({ ...BARE, systemd }), "units").filter((path) => path.startsWith("/"));
    expect(units(246)).toEqual(["/etc/systemd/system/redis.service"]);
    expect(units(247)).toContain("/etc/systemd/system/redis.service.d/10-redis-lab.conf");
  });

  it("plans a restart when the unit of a running instance changes", () => {
    const running: HostFacts = {
      ...BARE,
      files: new Map([["/etc/systemd/system/redis.service", "# Managed by redis-lab: lab pure, instance redis-18:6379.\n[Unit]\n"]]),
      instances: new Map([
        [
          "redis-18:6379",
          {
            ...IDLE,
            process: OURS,
            buildKey: "a".repeat(16),
            unit: { ...UNIT, main: OURS },
          },
        ],
      ]),
    };
    const plan = planFor(running);
    expect(subjects(plan, "units")).toEqual(["/etc/systemd/system/redis.service", "/etc/systemd/system/redis.service.d/10-redis-lab.conf"]);
    expect(subjects(plan, "start")).toEqual([]);
    expect(plan.restarts).toEqual([{ instance: "redis-18:6379", reason: "unit-changed" }]);
    const marked = { ...running.instances.get("redis-18:6379")!, buildKey: "b".repeat(16) };
    expect(planFor({ ...running, instances: new Map([["redis-18:6379", marked]]) }).restarts).toEqual([
      { instance: "redis-18:6379", reason: "other-build" },
    ]);
  });
});

describe("refusals", () => {
  const codes = (facts: HostFacts) => planFor(facts).refusals.map(({ code }) => code);

  it("names what must be fixed by hand", () => {
    expect(codes({ ...BARE, uid: 1000 })).toEqual(["bootstrap.not-root"]);
    expect(codes({ ...BARE, systemd: undefined })).toEqual(["bootstrap.no-systemd"]);
    expect(codes({ ...BARE, memoryMiB: 850 })).toEqual(["bootstrap.not-enough-memory"]);
    // A machine of 1 GiB, by what its kernel leaves.
    expect(codes({ ...BARE, memoryMiB: 900 })).toEqual([]);
    expect(codes({ ...BARE, freeMiB: { prefix: 10, build: 10 } })).toEqual(["bootstrap.no-space", "bootstrap.no-space"]);
    expect(codes({ ...BARE, binFolder: ["redis-server", "java"] })).toEqual(["bootstrap.bin-in-use"]);
    expect(codes({ ...BARE, binFolder: ["redis-server", "redis-trib.rb"] })).toEqual([]);
    expect(codes({ ...BARE, os: { ID: "alpine", PRETTY_NAME: "Alpine Linux" } })).toEqual(["bootstrap.unknown-os"]);
  });

  it("leaves the files of another lab alone", () => {
    const conf = (lab: string) =>
      new Map([["/apps/redis/etc/redis.conf", `# Managed by redis-lab: lab ${lab}, instance redis-18:6379. Change\nport 6379\n`]]);
    expect(codes({ ...BARE, files: conf("elsewhere") })).toEqual(["bootstrap.other-lab"]);
    expect(codes({ ...BARE, files: conf(LAB.name) })).toEqual([]);
    // With other ports in the same folder it would share programs and data.
    expect(codes({ ...BARE, labs: new Set(["elsewhere"]) })).toEqual(["bootstrap.other-lab"]);
    expect(codes({ ...BARE, labs: new Set([LAB.name]) })).toEqual([]);
  });

  describe("a unit of others under the name of ours", () => {
    const withUnit = (unit: Partial<UnitFact>): HostFacts => ({
      ...BARE,
      instances: new Map([["redis-18:6379", { ...IDLE, unit: { ...UNIT, ...unit } }]]),
    });
    const distribution = { ...OURS, pid: 812, exe: "/usr/bin/redis-check-rdb" };
    const vendor = { name: "redis-server.service", file: "/lib/systemd/system/redis-server.service", lab: undefined };

    it("is refused with its name, running or not", () => {
      const [refusal] = planFor(withUnit({ ...vendor, main: distribution })).refusals;
      expect(refusal).toMatchObject({ code: "bootstrap.unit-taken" });
      expect(refusal!.text).toBe(
        "redis-18:6379: redis.service is an alias of redis-server.service, which was not made by redis-lab (/lib/systemd/system/redis-server.service) and runs /usr/bin/redis-check-rdb (process 812).",
      );
      expect(refusal!.next).toContain("systemctl disable --now redis-server.service");
      expect(codes(withUnit({ ...vendor, activeState: "inactive" }))).toEqual(["bootstrap.unit-taken"]);
      expect(codes(withUnit({ name: "redis.service", file: "", loadState: "masked", lab: undefined }))).toEqual(["bootstrap.unit-taken"]);
      expect(codes(withUnit({ file: "", loadState: "not-found", lab: undefined, activeState: "inactive" }))).toEqual([]);
    });

    it("is refused where our unit runs another program, but not while it starts", () => {
      const [refusal] = planFor(withUnit({ main: distribution })).refusals;
      expect(refusal).toMatchObject({ code: "bootstrap.unit-taken", text: expect.stringContaining("which is not a build of this lab") });
      expect(codes(withUnit({ main: OURS }))).toEqual([]);
      expect(codes(withUnit({ main: { ...OURS, exe: "/usr/bin/dash" }, activeState: "activating" }))).toEqual([]);
    });
  });

  it("takes a service account, and refuses a person's", () => {
    const user = { uid: 101, home: "/var/lib/redis", shell: "/usr/sbin/nologin", group: "redis" };
    expect(codes({ ...BARE, user })).toEqual([]);
    expect(subjects(planFor({ ...BARE, user }), "user")).toEqual([]);
    expect(codes({ ...BARE, user: { ...user, shell: "/bin/bash" } })).toEqual(["bootstrap.user-in-use"]);
    expect(codes({ ...BARE, user: { ...user, group: "staff" } })).toEqual(["bootstrap.user-in-use"]);
  });

  it("says who has a port", () => {
    const listener = {
      address: "0.0.0.0",
      port: 6379,
      uid: 105,
      pid: 812,
      command: "redis-server",
      exe: "/usr/bin/redis-server",
      unit: "redis-server.service",
    };
    expect(planFor({ ...BARE, foreignListeners: [listener] }).refusals).toMatchObject([
      {
        code: "bootstrap.port-taken",
        text: "redis-18:6379: port 6379 of all addresses is taken by redis-server (process 812, /usr/bin/redis-server, redis-server.service).",
        next: expect.stringContaining("systemctl disable --now redis-server.service"),
      },
    ]);
    const unknown = { ...listener, pid: undefined, command: undefined, exe: undefined };
    expect(planFor({ ...BARE, foreignListeners: [unknown] }).refusals[0]!.text).toContain("a process of the user with the id 105");
  });
});
