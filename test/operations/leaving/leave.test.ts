import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { KnownHosts } from "../../../lib/connection/known-hosts.ts";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { leaveFormerHosts } from "../../../lib/operations/leaving/leave.ts";
import type { Project } from "../../../lib/project/project.ts";
import { EMPTY_STATE, readState, statePaths, writeState } from "../../../lib/project/state.ts";
import { fakeHostKey } from "../../support/host-key.ts";
import { clusterInput } from "../../support/labs.ts";

// The order of the parts, which are tried for themselves: no host is reached here.
const touched: string[] = [];
vi.mock("../../../lib/operations/leaving/remove-instances.ts", () => ({
  removeInstances: async () => {
    touched.push("instances");
    return { done: [], notices: [], stillKnownBy: [] };
  },
}));
vi.mock("../../../lib/operations/leaving/clean-host.ts", () => ({
  cleanHost: async () => {
    touched.push("host");
    return { clean: true, done: [], notices: [] };
  },
}));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-leave-"));
  touched.length = 0;
});
afterEach(() => rm(folder, { recursive: true }));

async function leave(configFile: string) {
  const lab = defineLab(clusterInput({ ssh: { configFile, keyFile: join(folder, "absent") } }));
  const project: Project = { root: folder, labsFile: join(folder, "labs.ts"), stateFolder: join(folder, ".redis-lab"), labs: [lab] };
  const paths = statePaths(project, lab.name, "ssh");
  const state = { ...EMPTY_STATE, members: [{ id: "redis-99:6379", address: "192.168.1.99", port: 6379, kind: "redis" as const }] };
  await writeState(paths, state);
  const known = new KnownHosts(paths.knownHostsFile);
  await known.verify("192.168.1.99", fakeHostKey(1));
  const environment = { REDIS_LAB_PASSWORD: "a-password-of-the-tests_11111111" };
  const leaving = leaveFormerHosts({ project, lab, target: "ssh", environment, emit: () => {} });
  await leaving.catch(() => {});
  return { leaving, members: (await readState(paths)).members, keys: await known.keysOf("192.168.1.99") };
}

test("a host that has left is forgotten, its host key too", async () => {
  const { leaving, members, keys } = await leave("none");
  expect(await leaving).toMatchObject([{ host: "redis-99", outcome: "left" }]);
  expect(touched).toEqual(["instances", "host"]);
  expect(members).toEqual([]);
  expect(keys).toEqual([]);
});

test("nothing of a host is touched where the configuration of ssh, which may say the name of its key, can't be read", async () => {
  const { leaving, members, keys } = await leave("/nowhere/config");
  await expect(leaving).rejects.toMatchObject({ code: "connection.ssh-config" });
  expect(touched).toEqual([]);
  expect(members).toHaveLength(1);
  expect(keys).toHaveLength(1);
});
