import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Testing } from "cdktf";
import { expect, test } from "vitest";
import { cluster, sentinel } from "../../stacks/labs.ts";
import { projectOf, stackOf, withoutPaths } from "./support.ts";

// What Terraform is given for the shipped labs, byte for byte. After a wanted change: UPDATE_GOLDEN=1 npx vitest run test/stacks/golden.test.ts, and review the difference.
const GOLDEN = new URL("../golden/stacks/", import.meta.url).pathname;

test.each([cluster, sentinel])("the stack of $name is the recorded one", async (lab) => {
  // Whether this computer has KVM is no part of it.
  const pinned = {
    ...lab,
    libvirt: { ...lab.libvirt, hypervisors: lab.libvirt.hypervisors.map((each) => ({ ...each, domainType: "kvm" as const })) },
  };
  const project = projectOf(pinned);
  const stack = withoutPaths(Testing.synth(stackOf(pinned, { project }), true), project);
  const file = join(GOLDEN, `${lab.name}.tf.json`);
  if (process.env["UPDATE_GOLDEN"] === "1") await writeFile(file, `${stack}\n`);
  expect(`${stack}\n`).toBe(await readFile(file, "utf8"));
});
