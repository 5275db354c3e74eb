import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AppliedRecord } from "../../../lib/bootstrap/applied-record.ts";
import type { HostFacts, PathFact } from "../../../lib/bootstrap/facts.ts";
import { removeFromSystem } from "../../../lib/bootstrap/remove-from-system.ts";
import type { StepContext } from "../../../lib/bootstrap/step.ts";
import { thp } from "../../../lib/bootstrap/steps/thp.ts";
import { wantedOf } from "../../../lib/bootstrap/wanted.ts";
import { placeLab } from "../../../lib/lab/placement.ts";
import type { Lab } from "../../../lib/lab/schema.ts";
import { THP_FILE } from "../../../lib/render/host-files.ts";
import { CENTOS, LAB } from "../managed.ts";
import { type RedirectedHost, redirectedHost } from "../redirected.ts";
import { SECRETS } from "../support.ts";

const RC_LOCAL = "/etc/rc.d/rc.local";
const UNIT = "/etc/systemd/system/redis-lab-thp-pure.service";
const BLOCK = "# BEGIN redis-lab pure\n# Transparent huge pages\nif [ -w /sys/x ]; then echo never > /sys/x; fi\n# END redis-lab pure\n";
/** As CentOS 7 ships it, never run, with a line of an administrator who believed that it is. */
const THEIRS = "#!/bin/bash\ntouch /var/lock/subsys/local\n/opt/agent/start &\n";
const withBlock = (text: string) => text.replace("#!/bin/bash\n", `#!/bin/bash\n${BLOCK}`);

let host: RedirectedHost;
beforeEach(async () => {
  host = await redirectedHost();
  // The one of this computer is never called.
  await host.program("systemctl", "exit 0");
  await host.put(THP_FILE, "[always] madvise never\n");
  await host.put("/etc/rc.d/init.d/functions", "");
  await host.put(`${UNIT.slice(0, UNIT.lastIndexOf("/"))}/other.service`, "[Service]\n");
});
afterEach(() => host.remove());

const lab = (os: Partial<Lab["os"]> = {}): Lab => ({ ...LAB, os: { ...LAB.os, ...os } });
const byRcLocal = lab({ transparentHugepagesBy: "rc.local" });

async function look(changes: Partial<HostFacts> = {}): Promise<HostFacts> {
  const files = new Map<string, string>();
  const paths = new Map<string, PathFact>();
  for (const path of [RC_LOCAL, UNIT]) {
    const text = await host.text(path);
    if (text === undefined) continue;
    files.set(path, text);
    paths.set(path, { kind: "file", mode: await modeOf(path), owner: "root", group: "root", bytes: text.length, modified: 0 });
  }
  const enabled = (await host.calls()).includes("systemctl --quiet enable redis-lab-thp-pure.service");
  const mode = /\[(\w+)\]/.exec((await host.text(THP_FILE)) ?? "")?.[1] ?? (await host.text(THP_FILE))?.trim() ?? "";
  const thpUnit = files.has(UNIT) ? { enabled, needsReload: false } : undefined;
  return { ...CENTOS, commands: new Set(["yum"]), thp: { mode, writable: true }, thpUnit, files, paths, ...changes };
}

const modeOf = async (path: string) => (await stat(join(host.folder, path))).mode & 0o777;

/** What one `up` plans for the step, and does. */
async function up(of: Lab): Promise<readonly string[]> {
  const facts = await look();
  const placement = placeLab(of, { target: "ssh", hostsFolder: "/unused" });
  const wanted = wantedOf(placement, placement.hosts[0]!, facts, SECRETS, undefined);
  const changes = thp.check(facts, wanted);
  const context = { facts, wanted, applied: new AppliedRecord(facts, wanted), emit: () => {} } as unknown as StepContext;
  if (changes.length > 0) await thp.apply(host.connection, changes, context);
  return changes.map(({ summary }) => summary);
}

async function purge(of: Lab): Promise<readonly string[]> {
  const placement = placeLab(of, { target: "ssh", hostsFolder: "/unused" });
  return removeFromSystem(host.connection, await look(), placement, placement.hosts[0]!, async (script, title) => {
    const { exitCode, stderr } = await host.connection.run(script, { title });
    if (exitCode !== 0) throw new Error(`${title}: ${stderr}`);
  });
}

describe("by a unit", () => {
  test("the value is set at once and the unit enabled, and nothing is started or run again", async () => {
    await host.put(RC_LOCAL, THEIRS);
    expect(await up(lab())).toEqual([
      `write ${UNIT}`,
      "enable redis-lab-thp-pure.service for the next boots; systemd reads all its units again",
      "set transparent huge pages to never (are always)",
    ]);
    expect(await host.text(THP_FILE)).toBe("never\n");
    expect(await host.calls()).toEqual(["systemctl daemon-reload", "systemctl --quiet enable redis-lab-thp-pure.service"]);
    expect([await host.text(RC_LOCAL), await modeOf(RC_LOCAL)]).toEqual([THEIRS, 0o644]);
    expect(await up(lab())).toEqual([]);
  });

  test("what an earlier version put into rc.local goes, and rc.local is what it was, its mode too", async () => {
    await host.put(RC_LOCAL, withBlock(THEIRS), 0o755);
    await host.put(`${RC_LOCAL}.redis-lab-orig`, THEIRS, 0o644);
    expect(await up(lab())).toContain(`take the lines of pure out of ${RC_LOCAL}`);
    expect([await host.text(RC_LOCAL), await modeOf(RC_LOCAL)]).toEqual([THEIRS, 0o644]);
    expect(await host.text(`${RC_LOCAL}.redis-lab-orig`)).toBeUndefined();
    expect((await host.calls()).filter((call) => /restart|start|rc-local/.test(call))).toEqual([]);
    expect(await up(lab())).toEqual([]);
  });

  test("lines that others have added since stay, and are run as they are now; those of another lab too", async () => {
    const since = `${THEIRS}/opt/second\n# BEGIN redis-lab other\ntrue\n# END redis-lab other\n`;
    await host.put(RC_LOCAL, withBlock(since), 0o755);
    await host.put(`${RC_LOCAL}.redis-lab-orig`, THEIRS, 0o644);
    await up(lab());
    expect([await host.text(RC_LOCAL), await modeOf(RC_LOCAL)]).toEqual([since, 0o755]);
  });

  test("purge leaves no trace, and stops what systemd would list as running", async () => {
    await up(lab());
    expect(await purge(lab())).toEqual([UNIT]);
    expect(await host.text(UNIT)).toBeUndefined();
    expect((await host.calls()).slice(-3)).toEqual([
      "systemctl --quiet disable redis-lab-thp-pure.service",
      "systemctl stop redis-lab-thp-pure.service",
      "systemctl daemon-reload",
    ]);
  });

  test("purge gives the kernel its value back, but where another lab of the host wants the same", async () => {
    const kept = { applied: { ...CENTOS.applied, kernel: { [THP_FILE]: "always" } } };
    const placement = placeLab(lab(), { target: "ssh", hostsFolder: "/unused" });
    const remove = async () => {
      const facts = await look(kept);
      return removeFromSystem(host.connection, facts, placement, placement.hosts[0]!, async (script, title) => {
        await host.connection.run(script, { title });
      });
    };
    const other = UNIT.replace("pure", "other");
    await up(lab());
    await host.put(other, (await host.text(UNIT))?.replaceAll("pure", "other") ?? "");
    await remove();
    expect(await host.text(THP_FILE)).toBe("never\n");
    await host.connection.run(`rm ${other}`, { title: "the other lab goes" });
    await remove();
    expect(await host.text(THP_FILE)).toBe("always\n");
  });
});

describe("by rc.local", () => {
  test("it gets the lines and is made executable, which the plan says, and is not run", async () => {
    await host.put(RC_LOCAL, THEIRS);
    expect(await up(byRcLocal)).toEqual([
      `change ${RC_LOCAL} and make it executable; what it was is kept as ${RC_LOCAL}.redis-lab-orig`,
      "set transparent huge pages to never (are always)",
    ]);
    expect(await host.text(RC_LOCAL)).toMatch(/^#!\/bin\/bash\n# BEGIN redis-lab pure\n[\s\S]*\n\/opt\/agent\/start &\n$/);
    expect(await modeOf(RC_LOCAL)).toBe(0o755);
    expect(await host.text(THP_FILE)).toBe("never\n");
    expect(await host.calls()).toEqual([]);
    expect(await up(byRcLocal)).toEqual([]);
  });

  test.each([
    ["as it was", THEIRS],
    ["without a last line break", THEIRS.trimEnd()],
    ["without a shebang", "touch /var/lock/subsys/local\n"],
  ])("purge leaves it %s, its mode too", async (_, text) => {
    await host.put(RC_LOCAL, text);
    await up(byRcLocal);
    expect(await purge(byRcLocal)).toEqual([`the block of pure in ${RC_LOCAL}`]);
    expect([await host.text(RC_LOCAL), await modeOf(RC_LOCAL)]).toEqual([text, 0o644]);
    expect(await host.text(`${RC_LOCAL}.redis-lab-orig`)).toBeUndefined();
  });

  test("one that was not there is made, and goes with the lab", async () => {
    await up(byRcLocal);
    expect(await modeOf(RC_LOCAL)).toBe(0o755);
    await purge(byRcLocal);
    expect(await host.text(RC_LOCAL)).toBeUndefined();
  });
});

test("a lab that changes its mind takes back what it had for the boot", async () => {
  await up(lab());
  expect(await up(byRcLocal)).toContain(`disable and remove ${UNIT}`);
  expect(await host.text(UNIT)).toBeUndefined();
  expect(await up(lab({ transparentHugepages: "leave" }))).toEqual([`take the lines of pure out of ${RC_LOCAL}`]);
  expect(await host.text(RC_LOCAL)).toBeUndefined();
});
