import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HostFacts } from "../../../lib/bootstrap/facts.ts";
import type { StepContext } from "../../../lib/bootstrap/step.ts";
import { selinux } from "../../../lib/bootstrap/steps/selinux.ts";
import type { HostWanted } from "../../../lib/bootstrap/wanted.ts";
import type { Connection } from "../../../lib/connection/connection.ts";
import { placeLab } from "../../../lib/lab/placement.ts";
import { redisVersion } from "../../support/versions.ts";
import { CENTOS, LAB } from "../managed.ts";

const [host] = placeLab(LAB, { target: "ssh", hostsFolder: "/unused" }).hosts;
if (host === undefined) throw new Error("no host");
const build = { key: "a".repeat(64), version: redisVersion("4.0.14"), compiles: false };
const wanted = { host, build } as HostWanted;

describe("the label of the programs", () => {
  const changes = (facts: Partial<HostFacts>) => selinux.check({ ...CENTOS, ...facts }, wanted);
  const installed = { key: build.key, version: redisVersion("4.0.14") } as HostFacts["build"];

  test("is set on new programs and where another one is, and left alone where it is right or SELinux is off", () => {
    expect(changes({})).toMatchObject([{ step: "selinux", subject: "/apps/redis/builds" }]);
    expect(changes({ build: installed, label: "system_u:object_r:default_t:s0" })).toHaveLength(1);
    expect(changes({ build: installed, label: "unconfined_u:object_r:bin_t:s0" })).toEqual([]);
    expect(
      changes({ build: { ...installed, key: "b".repeat(64) } as HostFacts["build"], label: "unconfined_u:object_r:bin_t:s0" }),
    ).toHaveLength(1);
    expect(changes({ build: installed, label: "system_u:object_r:default_t:s0", selinux: "permissive" })).toHaveLength(1);
    expect(changes({ selinux: "disabled" })).toEqual([]);
  });
});

// No computer of these tests runs SELinux: its tools are scripts that write down how they were called.
describe("the script", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "redis-lab-selinux-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const tool = (name: string, more = "") => {
    writeFileSync(join(folder, name), `#!/bin/sh\necho "${name} $*" >> "${folder}/calls"\n${more}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  const calls = () => (existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8").trim().split("\n") : []);
  const connection = {
    host: "redis-18",
    run: async (script: string, { title }: { readonly title: string }) => {
      const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", script], { encoding: "utf8", env: { PATH: folder } });
      return { host: "redis-18", title, exitCode: status, signal: undefined, stdout, stderr, timedOut: false, durationMs: 0 };
    },
  } as unknown as Connection;
  const apply = () => selinux.apply(connection, [], { wanted } as StepContext);

  test("remembers the label for a relabel of the file system, and sets it", async () => {
    tool("semanage");
    tool("restorecon");
    await apply();
    expect(calls()).toEqual(["semanage fcontext -a -t bin_t /apps/redis/builds(/.*)?", "restorecon -RF /apps/redis/builds"]);
  });

  test("changes what is remembered already: semanage has no way of saying both", async () => {
    tool("semanage", '[ "$2" = -m ]');
    tool("restorecon");
    await apply();
    expect(calls()).toEqual([
      "semanage fcontext -a -t bin_t /apps/redis/builds(/.*)?",
      "semanage fcontext -m -t bin_t /apps/redis/builds(/.*)?",
      "restorecon -RF /apps/redis/builds",
    ]);
  });

  test("sets it without semanage", async () => {
    tool("chcon");
    await apply();
    expect(calls()).toEqual(["chcon -R -t bin_t /apps/redis/builds"]);
  });

  test("sets it where the policy lets semanage remember nothing", async () => {
    tool("semanage", "exit 1");
    tool("restorecon");
    tool("chcon");
    await apply();
    expect(calls().at(-1)).toBe("chcon -R -t bin_t /apps/redis/builds");
    expect(calls()).toHaveLength(3);
  });

  test("fails where the label can't be set", async () => {
    tool("semanage");
    tool("restorecon", "echo 'Operation not permitted' >&2; exit 1");
    await expect(apply()).rejects.toMatchObject({ code: "bootstrap.command-failed" });
  });
});
