import { expect, test } from "vitest";
import { AppliedRecord } from "../../../lib/bootstrap/applied-record.ts";
import { parseApplied } from "../../../lib/bootstrap/facts-parser.ts";
import type { StepContext } from "../../../lib/bootstrap/step.ts";
import { closePorts, firewall } from "../../../lib/bootstrap/steps/firewall.ts";
import { wantedOf } from "../../../lib/bootstrap/wanted.ts";
import { CENTOS, managedPlacement } from "../managed.ts";
import { redirectedHost } from "../redirected.ts";
import { SECRETS } from "../support.ts";

test("what was closed before the lab is closed after it, and what was open stays", async () => {
  const host = await redirectedHost();
  try {
    await host.program("firewall-cmd", "exit 0");
    const facts = { ...CENTOS, firewalld: { running: true, ports: ["22/tcp", "6379/tcp"] } };
    const wanted = wantedOf(managedPlacement, managedPlacement.hosts[0]!, facts, SECRETS, undefined);
    const context = { facts, wanted, applied: new AppliedRecord(facts, wanted) } as unknown as StepContext;
    await firewall.apply(host.connection, firewall.check(facts, wanted), context);
    const applied = parseApplied(await host.text("/apps/redis/.redis-lab/applied.json"), "applied.json", []);
    expect(applied.ports).toEqual(["16379/tcp"]);
    const open = { ...facts, applied, firewalld: { running: true, ports: ["22/tcp", "6379/tcp", "16379/tcp"] } };
    await host.connection.run(closePorts(open) ?? "exit 1", { title: "close" });
    expect(await host.calls()).toEqual(
      ["--permanent --add-port=16379/tcp", "--add-port=16379/tcp", "--permanent --remove-port=16379/tcp", "--remove-port=16379/tcp"].map(
        (words) => `firewall-cmd --quiet ${words}`,
      ),
    );
    // Without a firewalld that runs there is nobody to tell, and nothing is closed twice.
    expect(closePorts({ ...open, firewalld: { running: false, ports: open.firewalld.ports } })).toBeUndefined();
    expect(closePorts({ ...open, firewalld: facts.firewalld })).toBeUndefined();
  } finally {
    await host.remove();
  }
});
