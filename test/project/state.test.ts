import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { Project } from "../../lib/project/project.ts";
import { chooseTarget, EMPTY_STATE, readState, statePaths, writeState } from "../../lib/project/state.ts";
import { clusterInput } from "../support/labs.ts";

let project: Project;
const lab = defineLab(clusterInput());

beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), "redis-lab-state-"));
  project = { root, labsFile: join(root, "labs.ts"), stateFolder: join(root, ".redis-lab"), labs: [lab] };
});

test("a lab that was never up has an empty state, and means this computer", async () => {
  expect(await readState(statePaths(project, lab.name, "local"))).toEqual(EMPTY_STATE);
  expect(await chooseTarget(project, lab, undefined)).toBe("local");
});

test("without a named target the live one is meant, else the last one", async () => {
  await writeState(statePaths(project, lab.name, "local"), { ...EMPTY_STATE, lastUp: "2026-01-01T00:00:00Z" });
  await writeState(statePaths(project, lab.name, "ssh"), { ...EMPTY_STATE, lastUp: "2026-01-02T00:00:00Z" });
  expect(await chooseTarget(project, lab, undefined)).toBe("ssh");
  await writeState(statePaths(project, lab.name, "local"), { ...EMPTY_STATE, live: true, lastUp: "2026-01-01T00:00:00Z" });
  expect(await chooseTarget(project, lab, undefined)).toBe("local");
  expect(await chooseTarget(project, lab, "ssh")).toBe("ssh");
});

test("VMs whose first up has not come to its end are meant, unless the lab was up elsewhere since", async () => {
  const vms = { "redis-18": { domainId: "a", vcpus: 1, memoryMiB: 64 } };
  await writeState(statePaths(project, lab.name, "libvirt"), { ...EMPTY_STATE, vms });
  expect(await chooseTarget(project, lab, undefined)).toBe("libvirt");
  await writeState(statePaths(project, lab.name, "local"), { ...EMPTY_STATE, lastUp: "2026-01-01T00:00:00Z" });
  expect(await chooseTarget(project, lab, undefined)).toBe("local");
  await writeState(statePaths(project, lab.name, "libvirt"), { ...EMPTY_STATE, deployBegan: "2026-01-02T00:00:00Z" });
  expect(await chooseTarget(project, lab, undefined)).toBe("libvirt");
  await writeState(statePaths(project, lab.name, "local"), { ...EMPTY_STATE, lastUp: "2026-01-03T00:00:00Z" });
  expect(await chooseTarget(project, lab, undefined)).toBe("local");
});

test("two live targets are an error that names both", async () => {
  for (const target of ["local", "ssh"] as const)
    await writeState(statePaths(project, lab.name, target), { ...EMPTY_STATE, live: true, lastUp: "2026-01-01T00:00:00Z" });
  await expect(chooseTarget(project, lab, undefined)).rejects.toMatchObject({
    code: "project.two-live-targets",
    next: "Say which one is meant: --target local or --target ssh.",
  });
});

test("a corrupt state is refused with the way out", async () => {
  const { stateFile } = statePaths(project, lab.name, "local");
  await mkdir(dirname(stateFile), { recursive: true });
  await writeFile(stateFile, '{"format": 1, "live": "yes"');
  await expect(readState({ stateFile })).rejects.toMatchObject({ code: "project.corrupt-file", next: expect.stringContaining(stateFile) });
});
