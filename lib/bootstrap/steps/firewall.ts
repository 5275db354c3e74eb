import { sh } from "../../connection/quote.ts";
import { portsOf } from "../../lab/instances.ts";
import type { HostFacts } from "../facts.ts";
import { CALLERS_COMPUTER, runOrFail, type Step } from "../step.ts";
import type { HostWanted } from "../wanted.ts";

/** The lab's ports in firewalld's default zone, where firewalld runs: clients, bus and sentinels. */
export const firewall: Step = {
  name: "firewall",
  notApplicable: CALLERS_COMPUTER,
  check(facts, wanted) {
    if (!facts.firewalld.running || !wanted.placement.lab.os.openFirewall) return [];
    return labPorts(wanted)
      .map((port) => `${port}/tcp`)
      .filter((port) => !facts.firewalld.ports.includes(port))
      .map((port) => ({
        step: "firewall",
        subject: port,
        reason: "absent",
        summary: `open ${port} in firewalld's default zone, now and at every boot`,
      }));
  },
  async apply(connection, changes, { applied }) {
    const opened = changes.map(({ subject }) => subject);
    await applied.update(connection, (stamp) => ({ ...stamp, ports: [...new Set([...(stamp.ports ?? []), ...opened])].sort() }));
    const ports = changes.map(({ subject }) => `--add-port=${subject}`);
    const script = sh`firewall-cmd --quiet --permanent ${ports} && firewall-cmd --quiet ${ports}`;
    await runOrFail(connection, "firewall", script, { title: "open ports" });
  },
};

/** Script that closes what the lab opened; undefined where there is nothing, or no firewalld to tell. */
export function closePorts({ applied, firewalld }: HostFacts): string | undefined {
  const ports = (applied.ports ?? []).filter((port) => firewalld.ports.includes(port)).map((port) => `--remove-port=${port}`);
  return firewalld.running && ports.length > 0 ? sh`firewall-cmd --quiet --permanent ${ports} && firewall-cmd --quiet ${ports}` : undefined;
}

/** TCP ports of a host that others must reach. */
export function labPorts({ placement, host }: Pick<HostWanted, "placement" | "host">): readonly number[] {
  return host.instances.flatMap((instance) => portsOf(placement.lab.layout, instance));
}
