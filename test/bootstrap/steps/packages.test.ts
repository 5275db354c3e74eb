import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LabEvent } from "../../../lib/base/events.ts";
import { AppliedRecord } from "../../../lib/bootstrap/applied-record.ts";
import type { HostFacts } from "../../../lib/bootstrap/facts.ts";
import { factsQuestion, installedScript } from "../../../lib/bootstrap/facts-script.ts";
import type { StepContext } from "../../../lib/bootstrap/step.ts";
import { packages } from "../../../lib/bootstrap/steps/packages.ts";
import { wantedOf } from "../../../lib/bootstrap/wanted.ts";
import { OS_FAMILIES } from "../../../lib/lab/os.ts";
import { placeLab } from "../../../lib/lab/placement.ts";
import type { Lab } from "../../../lib/lab/schema.ts";
import { CENTOS, LAB } from "../managed.ts";
import { type RedirectedHost, redirectedHost } from "../redirected.ts";
import { SECRETS } from "../support.ts";

// yum and rpm of CentOS 7 are scripts here, which answer as yum 3.4.3 and rpm 4.11 do.

let host: RedirectedHost;
let events: LabEvent[];
beforeEach(async () => {
  host = await redirectedHost();
  events = [];
  // vim-enhanced provides vim; there is no lsoff.
  await host.program(
    "rpm",
    `words=$*; for p; do case $p in --*|%*) continue;; esac
case "$words:$p" in
  *--whatprovides*:vim) echo vim-enhanced-7.4.629; exit 0;;
  *--whatprovides*:*) echo "no package provides $p"; exit 1;;
  *:tcpdump) echo "tcpdump installed";;
  *) echo "package $p is not installed";;
esac; done; exit 0`,
  );
});
afterEach(() => host.remove());

function contextOf(operatorPackages: readonly string[], facts: HostFacts = CENTOS): StepContext {
  const lab: Lab = { ...LAB, os: { ...LAB.os, operatorPackages: [...operatorPackages] } };
  const placement = placeLab(lab, { target: "ssh", hostsFolder: "/unused" });
  const wanted = wantedOf(placement, placement.hosts[0]!, facts, SECRETS, undefined);
  const applied = new AppliedRecord(facts, wanted);
  return { facts, wanted, applied, emit: (event: LabEvent) => events.push(event) } as unknown as StepContext;
}

const commands = new Set(["yum", "semanage"]);
const facts: HostFacts = { ...CENTOS, commands };

async function install(context: StepContext): Promise<void> {
  await packages.apply(host.connection, packages.check(context.facts, context.wanted), context);
}

describe("yum 3 passes over a name that no repository has, says nothing and ends with 0", () => {
  beforeEach(() => host.program("yum", "exit 0"));

  test("a name that nothing provides is named, and not remembered as installed", async () => {
    const context = contextOf(["tcpdump", "lsoff"], facts);
    await expect(install(context)).rejects.toMatchObject({
      code: "bootstrap.package-unknown",
      what: "redis-18: packages: yum install tcpdump lsoff succeeded, and lsoff is not installed.",
      next: expect.stringContaining("os.operatorPackages"),
    });
    expect(context.applied.current.packages).toEqual([]);
  });

  test("a name that an installed package provides counts as installed", async () => {
    const context = contextOf(["tcpdump", "vim"], facts);
    await install(context);
    expect(context.applied.current.packages).toEqual([]);
  });

  test("what an earlier version remembered so is asked for again", () => {
    const applied = { ...CENTOS.applied, packages: ["lsoff"] };
    const { wanted } = contextOf(["lsoff"], { ...facts, applied });
    expect(packages.check({ ...facts, applied }, wanted).map(({ subject }) => subject)).toEqual(["lsoff"]);
  });

  test("the look at a host sees provided names, asking for those alone that have no package of that name", async () => {
    const script = installedScript(OS_FAMILIES.rhel, ["tcpdump", "vim", "lsoff"], ["tcpdump", "vim", "lsoff"]);
    const { stdout } = await host.connection.run(script, { title: "look" });
    expect(stdout.match(/^\S+ installed$/gm)).toEqual(["tcpdump installed", "vim installed"]);
    expect((await host.calls()).filter((call) => call.includes("whatprovides"))).toEqual([
      "rpm --query --whatprovides vim",
      "rpm --query --whatprovides lsoff",
    ]);
    expect(factsQuestion(placeLab(LAB, { target: "ssh", hostsFolder: "/unused" }), contextOf([]).wanted.host).operatorPackages).toEqual([
      "lsof",
    ]);
  });
});

describe("a repository of others that does not answer ends yum as a whole", () => {
  const epel = "failure: repodata/repomd.xml from epel: [Errno 256] No more mirrors to try.";

  test("the archived sources alone are tried, and the repository is named", async () => {
    await host.program("yum", `case $* in *--disablerepo*) exit 0;; *) echo '${epel}' >&2; exit 1;; esac`);
    await install(contextOf(["tcpdump"], facts));
    expect((await host.calls()).filter((call) => call.startsWith("yum"))).toEqual([
      "yum --assumeyes --quiet install tcpdump",
      "yum --assumeyes --quiet install --disablerepo=* --enablerepo=base,updates,extras tcpdump",
    ]);
    expect(events.filter(({ type }) => type === "notice")).toMatchObject([
      { level: "warning", text: expect.stringMatching(/^redis-18: packages came from its archived sources alone\. The repository epel /) },
    ]);
  });

  test("where that does not help, or the sources are not ours, the first failure counts", async () => {
    await host.program("yum", `echo '${epel}' >&2; exit 1`);
    const failed = { code: "bootstrap.command-failed", next: expect.stringContaining("The repository epel of that host does not answer") };
    await expect(install(contextOf(["tcpdump"], facts))).rejects.toMatchObject(failed);
    const rocky = { ...facts, os: { ...facts.os, ID: "rocky", VERSION_ID: "8.9" } };
    await expect(install(contextOf(["tcpdump"], rocky))).rejects.toMatchObject(failed);
    expect((await host.calls()).filter((call) => call.startsWith("yum"))).toHaveLength(3);
  });
});
