import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseTerraformState, readTerraformState } from "../../lib/libvirt/terraform-state.ts";
import { testdata } from "./support/testdata.ts";

const POOL = "/var/lib/libvirt/images";
const EMPTY = { kind: "read", resources: 0, domains: new Map(), volumes: [], networks: new Map() };

test("domains, volumes and networks of a state", () => {
  const state = parseTerraformState(testdata("terraform.tfstate"));
  expect(state).toMatchObject({ kind: "read" });
  if (state.kind !== "read") return;
  expect([...state.domains]).toEqual([["5716493b-ec00-4db4-92a3-9b032e132f66", "dd-redis-18"]]);
  expect([...state.networks.values()]).toEqual([
    {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: "dd",
      mode: "nat",
      bridge: "virbr0",
      ranges: ["192.168.231.0/24"],
      domain: undefined,
      autostart: false,
      hypervisor: undefined,
    },
  ]);
  expect(state.volumes.map(({ name }) => name).sort()).toEqual(["dd-redis-18-cloudinit.iso", "dd-redis-18.qcow2", "dd.base-0.qcow2"]);
  expect(state.volumes.find(({ name }) => name === "dd-redis-18.qcow2")).toEqual({
    key: `${POOL}/dd-redis-18.qcow2`,
    name: "dd-redis-18.qcow2",
    pool: "default",
    size: 7 * 2 ** 30,
    baseKey: `${POOL}/dd.base-0.qcow2`,
  });
});

test("the hypervisor of each is the alias of its provider", () => {
  const text = testdata("terraform.tfstate").replaceAll('dmacvicar/libvirt\\"]', 'dmacvicar/libvirt\\"].kvm-1');
  const state = parseTerraformState(text);
  if (state.kind !== "read") throw new Error("unreadable");
  expect([...state.networks.values(), ...state.volumes].map(({ hypervisor }) => hypervisor)).toEqual(
    Array.from({ length: state.networks.size + state.volumes.length }, () => "kvm-1"),
  );
});

test.each([
  ["nothing: a backend that was never written to", "", EMPTY],
  ["no resources", '{"version":4}', EMPTY],
  [
    "data sources and what failed before it had an id",
    '{"version":4,"resources":[{"mode":"data","type":"libvirt_domain","instances":[{"attributes":{"id":"a"}}]},{"mode":"managed","type":"libvirt_domain","instances":[{"attributes":{"id":null}},{}]}]}',
    EMPTY,
  ],
  ["a newer format", '{"version":5}', { kind: "unreadable", why: "the state has format 5, and 4 is the one that is known" }],
  ["a page of HTML", "<html>", { kind: "unreadable", why: "the state is not JSON" }],
])("%s", (_what, text, expected) => {
  expect(parseTerraformState(text)).toEqual(expected);
});

describe("where the state is", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "redis-lab-tfstate-"));
  });
  afterEach(() => rm(root, { recursive: true }));
  const stack = async (backend: unknown = { local: { path: join(root, "terraform.dd.tfstate") } }) => {
    const folder = join(root, "cdktf.out", "stacks", "dd");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "cdk.tf.json"), JSON.stringify({ terraform: { backend } }));
    return folder;
  };
  const write = () => writeFile(join(root, "terraform.dd.tfstate"), testdata("terraform.tfstate"));
  const read = (environment = process.env) => readTerraformState({ root, lab: "dd", environment });

  test("nowhere, for a lab that was never deployed", async () => {
    expect(await read()).toEqual({ kind: "none" });
  });

  test("in the project's folder when cdktf.out was removed: no VM becomes unknown by that", async () => {
    await write();
    expect(await read()).toMatchObject({ kind: "read", domains: new Map([["5716493b-ec00-4db4-92a3-9b032e132f66", "dd-redis-18"]]) });
  });

  test("unreadable without Terraform, which is named", async () => {
    await stack();
    await write();
    expect(await read({ ...process.env, TERRAFORM_BINARY_NAME: "tofu-that-is-not-there" })).toEqual({
      kind: "unreadable",
      why: "there is no tofu-that-is-not-there on the PATH (TERRAFORM_BINARY_NAME names another)",
    });
  });

  const terraform = process.env["TERRAFORM_BINARY_NAME"] ?? "terraform";
  const hasTerraform = (() => {
    try {
      execFileSync(terraform, ["version"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  })();

  const init = (folder: string) =>
    execFileSync(terraform, ["init", "-input=false"], { cwd: folder, stdio: "ignore", env: { ...process.env, CHECKPOINT_DISABLE: "1" } });

  test.skipIf(!hasTerraform)("in the backend, asked of the real Terraform", async () => {
    const folder = await stack();
    // With a state there, init would want the providers that it names.
    init(folder);
    await write();
    const state = await read({ ...process.env, TF_CLI_ARGS: "-not-an-option", TF_LOG: "TRACE" });
    expect(state).toMatchObject({ kind: "read", domains: new Map([["5716493b-ec00-4db4-92a3-9b032e132f66", "dd-redis-18"]]) });
  });

  test.skipIf(!hasTerraform)("in the local file before the first deploy, when nothing is initialised", async () => {
    await stack();
    expect(await read()).toEqual({ kind: "none" });
    await write();
    expect(await read()).toMatchObject({ kind: "read" });
  });

  test.skipIf(!hasTerraform)("unreadable where the backend is another than before, with Terraform's reason in one line", async () => {
    init(await stack());
    await write();
    await stack({ local: { path: join(root, "elsewhere.tfstate") } });
    const state = await read();
    expect(state.kind).toBe("unreadable");
    expect(state.kind === "unreadable" && state.why).toMatch(/^Error: Backend initialization required/);
    expect(state.kind === "unreadable" && state.why).not.toMatch(/[│╷\n]/);
  });
});
