import { expect, test } from "vitest";
import { macOf } from "../../lib/lab/vms.ts";
import type { Orphan } from "../../lib/libvirt/orphans.ts";
import { findings, POOL, told, wanted } from "./support/facts.ts";

const { hypervisor } = wanted();
const READ = { kind: "read", resources: 1, domains: new Map(), volumes: [], networks: new Map() } as const;
const FREE = { hypervisor, usedBy: [], ours: true } as const;
const domain = (mac: string) => ({
  name: "cluster-redis-18",
  id: "22222222-2222-2222-2222-222222222222",
  macs: [mac],
  interfaces: [],
  disks: [],
  backingFiles: [],
});

test("what is left over names the command that removes it, after asking", () => {
  const left: Orphan[] = [
    { ...FREE, kind: "domain", name: "cluster-redis-18", id: "-", host: "redis-18", state: "off", volumes: [] },
    { ...FREE, kind: "volume", name: "cluster-redis-28.qcow2", pool: "default", path: `${POOL}/cluster-redis-28.qcow2`, host: "redis-28" },
    { ...FREE, kind: "network", name: "cluster", id: "-", bridge: "virbr1" },
  ];
  const found = findings({ orphans: left });
  expect(found.map(({ severity, code }) => [severity, code])).toEqual([
    ["error", "domain.orphan"],
    ["error", "volume.orphan"],
    ["error", "network.orphan"],
  ]);
  for (const { next } of found) expect(next).toContain("npx redis-lab doctor cluster --fix removes it, after asking.");
});

test("a VM that runs may be of another deploy", () => {
  const running: Orphan = {
    ...FREE,
    kind: "domain",
    usedBy: ["cluster-redis-18"],
    name: "cluster-redis-18",
    id: "-",
    host: "redis-18",
    state: "running",
    volumes: [],
  };
  expect(findings({ orphans: [running] })).toMatchObject([{ why: expect.stringContaining("from another computer") }]);
});

test("a name that is a stranger's is an error, and one that is ours or Terraform's is not", () => {
  const stranger = domain("52:54:00:00:00:01");
  expect(told({ domains: [stranger] })).toEqual(["error domain.name-taken"]);
  expect(told({ domains: [domain(macOf("cluster", "redis-18"))] })).toEqual([]);
  const terraform = { ...READ, domains: new Map([[stranger.id, stranger.name]]) };
  expect(told({ domains: [stranger] }, wanted({}, { terraform }))).toEqual([]);
});

test("a volume in a stranger's use", () => {
  const path = `${POOL}/cluster-redis-18.qcow2`;
  const volumes = new Map([["cluster-redis-18.qcow2", path]]);
  expect(told({ volumes })).toEqual(["error volume.name-taken"]);
  expect(told({ volumes }, wanted({}, { terraform: READ }))).toEqual(["error volume.name-taken"]);
  const known = { key: path, name: "cluster-redis-18.qcow2", pool: "default", size: 1, baseKey: undefined, hypervisor: "local" };
  expect(told({ volumes }, wanted({}, { terraform: { ...READ, volumes: [known] } }))).toEqual([]);
});

test("without Terraform's state nothing is called left over, and that is said", () => {
  const terraform = { kind: "unreadable", why: "its backend did not answer in time" } as const;
  const volumes = new Map([["cluster-redis-18.qcow2", `${POOL}/cluster-redis-18.qcow2`]]);
  expect(findings({ volumes }, wanted({}, { terraform }))).toMatchObject([
    { severity: "warning", code: "terraform.state-unreadable", what: expect.stringContaining("did not answer in time") },
  ]);
});
