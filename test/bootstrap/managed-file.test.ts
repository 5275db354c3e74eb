import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { HostFacts } from "../../lib/bootstrap/facts.ts";
import type { StepContext } from "../../lib/bootstrap/step.ts";
import { hostsFile } from "../../lib/bootstrap/steps/files.ts";
import { wantedOf } from "../../lib/bootstrap/wanted.ts";
import { BARE, managedPlacement } from "./managed.ts";
import { type RedirectedHost, redirectedHost } from "./redirected.ts";
import { SECRETS } from "./support.ts";

let host: RedirectedHost;
beforeEach(async () => {
  host = await redirectedHost();
});
afterEach(() => host.remove());

test.each([0o600, 0o640, 0o400])("an /etc/hosts with mode %o becomes readable for all, and not executable", async (mode) => {
  const wanted = wantedOf(managedPlacement, managedPlacement.hosts[0]!, BARE, SECRETS, undefined);
  const text = wanted.files.find(({ path }) => path === "/etc/hosts")?.content ?? "";
  await host.put("/etc/hosts", text, mode);
  const factsOf = (now: number): HostFacts => ({
    ...BARE,
    files: new Map([["/etc/hosts", text]]),
    paths: new Map([["/etc/hosts", { kind: "file", mode: now, owner: "root", group: "root", bytes: 1, modified: 0 }]]),
  });
  const changes = hostsFile.check(factsOf(mode), wanted);
  expect(changes.map(({ summary }) => summary)).toEqual(["make /etc/hosts readable for all"]);
  await hostsFile.apply(host.connection, changes, { facts: factsOf(mode), wanted } as StepContext);
  const now = (await stat(join(host.folder, "/etc/hosts"))).mode & 0o777;
  expect(now.toString(8)).toBe((mode | 0o444).toString(8));
  expect(hostsFile.check(factsOf(now), wanted)).toEqual([]);
  // Read-only is how some keep it.
  expect(hostsFile.check(factsOf(0o444), wanted)).toEqual([]);
});
