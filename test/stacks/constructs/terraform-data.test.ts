import { DataResource, TerraformIterator, TerraformStack, Testing } from "cdktf";
import { expect, test, vi } from "vitest";
import { TerraformData } from "../../../stacks/constructs/terraform-data.ts";
import { bareApp } from "../support.ts";

/** The same resource, once by our class and once by cdktf's. */
function both() {
  const provisioners = [{ type: "local-exec" as const, command: "true", when: "destroy" as const }];
  const stacks = [new TerraformStack(bareApp(), "ours"), new TerraformStack(bareApp(), "theirs")] as const;
  const triggers = { domain: TerraformIterator.fromMap({ a: "1" }).value };
  const forEach = TerraformIterator.fromMap({ a: "1", b: "2" });
  const before = stacks.map((stack) => new DataResource(stack, "before"));
  new TerraformData(stacks[0], "same", { triggers, forEach, provisioners, dependsOn: [before[0]!] });
  new DataResource(stacks[1], "same", { triggersReplace: triggers, forEach, provisioners, dependsOn: [before[1]!] });
  return stacks;
}

test("is what cdktf makes of a DataResource, as JSON and as HCL", () => {
  const [ours, theirs] = both();
  const json = (stack: TerraformStack) => JSON.parse(Testing.synth(stack)).resource.terraform_data.same;
  expect(json(ours)).toEqual(json(theirs));
  const hcl = (stack: TerraformStack) => String(Testing.synthHcl(stack)).replace(/[\s\S]*?(?=resource "terraform_data" "same")/, "");
  expect(hcl(ours)).toBe(hcl(theirs));
});

test("is valid where there is no Terraform, which cdktf's is not", () => {
  const [ours, theirs] = both();
  vi.stubEnv("PATH", "/nowhere");
  try {
    const faults = (stack: TerraformStack) => stack.node.findChild("same").node.validate();
    expect([faults(ours), faults(theirs).length]).toEqual([[], 1]);
  } finally {
    vi.unstubAllEnvs();
  }
});
