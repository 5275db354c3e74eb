import { describe, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { OS_FAMILY_NAMES } from "../../lib/lab/os.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { renderHost } from "../../lib/render/render.ts";
import { cluster, sentinel } from "../../stacks/labs.ts";
import { clusterInput, sentinelInput } from "../support/labs.ts";
import { placed, SECRETS } from "./placements.ts";
import { complaintsOf219 } from "./systemd-219.ts";

// The shipped labs, and what of a lab reaches units: prefix, user, ports, maxclients, names at their longest.
const long = `a${"-long".repeat(12)}-n`;
const labs = [
  cluster,
  sentinel,
  ...[
    { redis: { prefix: "/home/redis", settings: { maxclients: 200_000 } }, os: { user: "_redis-4" } },
    { redis: { prefix: "/usr/local/redis" } },
    { redis: { prefix: "/var/tmp/a.b_c-d" }, os: { transparentHugepages: "leave" as const } },
  ].flatMap((changes: Partial<LabInput>) => [defineLab(clusterInput(changes)), defineLab(sentinelInput(changes))]),
  defineLab(
    sentinelInput({
      name: long,
      hosts: [{ name: long, address: "192.168.1.2", instances: [55_535, 7000] }],
      layout: {
        kind: "sentinel",
        masters: [{ name: "m", master: `${long}:7000`, replicas: [`${long}:55535`] }],
        sentinels: [`${long}:5000`],
        allowReplicaOnSameHost: true,
      },
    }),
  ),
];

const units = labs.flatMap((lab) =>
  (["ssh", "libvirt"] as const).flatMap((target) => {
    const placement = placed(lab, target);
    return placement.hosts.flatMap((host) =>
      OS_FAMILY_NAMES.flatMap((os) => renderHost(placement, host, SECRETS, os))
        .filter(({ path }) => path.endsWith(".service"))
        .map(({ path, content }) => ({ name: `${lab.name} ${target} ${host.name} ${path}`, content })),
    );
  }),
);

test("no unit of any lab has a word that systemd 219 does not know or reads otherwise", () => {
  expect(units.length).toBeGreaterThan(100);
  for (const { name, content } of units) expect([name, ...complaintsOf219(content)]).toEqual([name]);
});

describe("the table finds", () => {
  const unit = units[0]?.content ?? "";
  const within = (section: string, line: string) => complaintsOf219(unit.replace(`[${section}]\n`, (head) => `${head}${line}\n`));

  test("nothing in a unit of ours as it is", () => {
    expect(complaintsOf219(unit)).toEqual([]);
  });

  test.each([
    ["Service", "ReadWritePaths=/apps"],
    ["Service", "InaccessiblePaths=/home"],
    ["Service", "StateDirectory=redis"],
    ["Service", "LogsDirectory=redis"],
    ["Service", "RuntimeDirectoryPreserve=yes"],
    ["Service", "DynamicUser=yes"],
    ["Service", "MemoryMax=1G"],
    ["Service", "ProtectKernelTunables=yes"],
    ["Service", "MemoryDenyWriteExecute=yes"],
    ["Service", "RestrictRealtime=yes"],
    ["Service", "StartLimitIntervalSec=0"],
    ["Unit", "StartLimitIntervalSec=0"],
    ["Unit", "StartLimitInterval=0"],
    ["Unit", "StartLimitBurst=5"],
    ["Service", "Wants=network-online.target"],
    ["Service", "TimeoutStopSec=infinity"],
    ["Service", "TimeoutStartSec=infinity"],
    ["Service", "TimeoutSec=infinity"],
    ["Service", "ProtectSystem=strict"],
    ["Service", "ProtectHome=tmpfs"],
    ["Service", "SystemCallFilter=@system-service"],
    ["Service", "SystemCallFilter=~@mount"],
    ["Service", "ExecStartPre=+/bin/true"],
    ["Service", "ExecStartPre=!/bin/true"],
    ["Service", "ExecStartPre=-!!/bin/true"],
    ["Service", "ExecStartPre=:/bin/true"],
    ["Service", "ExecStartPre=true"],
    ["Service", "ExecStartPre=/bin/sh -c 'echo $i'"],
    ["Service", "ExecStartPre=/bin/echo %Y"],
    ["Service", "Type=exec"],
    ["Service", "Type=notify-reload"],
    ["Service", "Restart=on-crash"],
    ["Service", "StandardOutput=append:/apps/redis/logs/x"],
    ["Service", "LimitNOFILE=64K"],
    ["Service", "RuntimeDirectory=redis/6379"],
  ])("[%s] %s", (section, line) => {
    expect(within(section, line)).toHaveLength(1);
  });

  test.each([
    ["Unit", "Documentation=https://redis.io"],
    ["Service", "ProtectSystem=yes"],
    ["Service", "ReadOnlyDirectories=-/srv"],
    ["Service", "TimeoutSec=0"],
    ["Service", "LimitNOFILE=1000:2000"],
    ["Service", "LimitNOFILE=infinity"],
    ["Service", "ExecStartPre=-@/bin/sh sh -c 'echo $$i %% %n'"],
    ["Service", "SystemCallFilter=~mount umount2"],
    ["Service", "StandardOutput=journal+console"],
    ["Install", "Also=other.service"],
  ])("nothing wrong with [%s] %s", (section, line) => {
    expect(within(section, line)).toEqual([]);
  });
});
