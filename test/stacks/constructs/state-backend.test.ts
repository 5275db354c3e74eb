import { App, Fn, S3Backend, TerraformStack, Testing } from "cdktf";
import { describe, expect, test } from "vitest";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import type { LibvirtSettings } from "../../../lib/lab/schema.ts";
import { StateBackend } from "../../../stacks/constructs/state-backend.ts";
import { sentinelInput } from "../../support/labs.ts";
import { bareApp, stackOf } from "../support.ts";

type Backend = LibvirtSettings["backend"];

function made(kind: Backend["kind"], settings: Backend["settings"] = {}, lab = "my-lab") {
  const stack = new TerraformStack(bareApp(), lab);
  const backend = new StateBackend(stack, "Backend", { lab, root: "/project", backend: { kind, settings } });
  const { terraform } = JSON.parse(Testing.synth(stack));
  return { stack, terraform: terraform.backend, location: backend.location };
}

test.each([
  ["local", {}, { path: "/project/terraform.my-lab.tfstate" }],
  ["local", { path: "state/mine.tfstate" }, { path: "/project/state/mine.tfstate" }],
  ["s3", { bucket: "states", region: "eu-central-1" }, { bucket: "states", key: "redis-lab/my-lab.tfstate", region: "eu-central-1" }],
  ["s3", { bucket: "states", key: "other", use_lockfile: true }, { bucket: "states", key: "other", use_lockfile: true }],
  ["pg", {}, { schema_name: "redis_lab_my_lab" }],
  [
    "pg",
    { conn_str: "postgres://db.example.org/states" },
    { conn_str: "postgres://db.example.org/states", schema_name: "redis_lab_my_lab" },
  ],
  ["consul", { address: "consul.example.org" }, { address: "consul.example.org", path: "redis-lab/my-lab" }],
  ["http", { address: "https://example.org/my-lab", username: "ci" }, { address: "https://example.org/my-lab", username: "ci" }],
] as const)("%s %j is given to Terraform in its own words", (kind, settings, expected) => {
  expect(made(kind, settings).terraform).toEqual({ [kind]: expected });
});

describe("is refused", () => {
  test.each([
    ["s3", {}, "s3 needs bucket"],
    ["http", {}, "http needs address"],
    [
      "s3",
      { bucket: "b", access_key: "AKIA" },
      "access_key is a secret, which would be written to cdktf.out: give it by the environment variable AWS_ACCESS_KEY_ID",
    ],
    ["s3", { bucket: "b", secret_key: "x" }, "AWS_SECRET_ACCESS_KEY"],
    ["http", { address: "https://example.org", password: "x" }, "TF_HTTP_PASSWORD"],
    ["http", { address: "https://ci:secret@example.org" }, "address holds a password"],
    ["pg", { conn_str: "postgres://user:secret@db/states" }, "PG_CONN_STR or PGPASSWORD"],
    ["pg", { conn_str: "host=db password=secret" }, "conn_str holds a password"],
    ["consul", { access_token: "x" }, "CONSUL_HTTP_TOKEN"],
  ] as const)("%s %j", (kind, settings, text) => {
    const { stack, terraform } = made(kind, settings);
    // Nothing of it reaches a file.
    expect(terraform).toEqual({ [kind]: {} });
    expect(() => App.of(stack).synth()).toThrow(`libvirt.backend.settings of the lab "my-lab": `);
    expect(() => App.of(stack).synth()).toThrow(text);
  });
});

test("a setting that only Terraform will know is refused by name", () => {
  const bucket = Fn.lower("STATES");
  const { stack, terraform } = made("s3", { bucket });
  expect(terraform).toEqual({ s3: {} });
  expect(() => App.of(stack).synth()).toThrow(/the lab "my-lab": bucket is a value that only Terraform will know/);
});

test("a second one in the stack of a lab is refused, with the way to declare it", () => {
  const stack = stackOf(defineLab(sentinelInput({ libvirt: { hypervisors: [{ name: "local", domainType: "kvm" }] } })));
  new S3Backend(stack, { bucket: "states", key: "mine", region: "eu-central-1" });
  expect(() => App.of(stack).synth()).toThrow(
    /S3Backend "sentinel\/backend" would be a second backend beside that of the lab "sentinel"\. Leave it out, and declare it in the lab.*libvirt: \{ backend: \{ kind: "s3"/,
  );
});

test("two labs with the same settings have states of their own by default, and one where the settings say so", () => {
  expect(made("s3", { bucket: "b" }, "one").location).not.toBe(made("s3", { bucket: "b" }, "two").location);
  expect(made("s3", { bucket: "b", key: "k" }, "one").location).toBe(made("s3", { key: "k", bucket: "b" }, "two").location);
});

test("another stack can read the outputs of a lab by it", () => {
  const app = bareApp();
  const lab = new TerraformStack(app, "my-lab");
  const backend = new StateBackend(lab, "Backend", {
    lab: "my-lab",
    root: "/project",
    backend: { kind: "s3", settings: { bucket: "b", use_path_style: true } },
  });
  const other = new TerraformStack(app, "other");
  backend.getRemoteStateDataSource(other, "lab", "my-lab");
  expect(JSON.parse(Testing.synth(other)).data.terraform_remote_state.lab).toEqual({
    backend: "s3",
    config: { bucket: "b", key: "redis-lab/my-lab.tfstate", use_path_style: true },
    workspace: "${terraform.workspace}",
  });
});
