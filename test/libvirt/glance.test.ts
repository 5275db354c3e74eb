import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { glanceBeforeDeploy } from "../../lib/libvirt/glance.ts";
import { clusterInput } from "../support/labs.ts";
import { fakeDeployed } from "./support/fake-virsh.ts";

let folder: string;
const { PATH: path } = process.env;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-glance-"));
  process.env["PATH"] = join(folder, "bin");
});
afterEach(async () => {
  process.env["PATH"] = path;
  await rm(folder, { recursive: true });
});

const lab = defineLab(clusterInput());

async function seen(answers: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  await fakeDeployed(folder, lab, answers);
  return glanceBeforeDeploy(lab, { root: folder, environment: process.env });
}

test("what is missing is a text with its way out", async () => {
  expect(await seen()).toEqual([
    'The network "cluster" of the lab is not active. No VM of the lab is reached, and none can start. npx redis-lab preflight cluster starts it. Or: virsh -c qemu:///system net-start cluster',
  ]);
});

test("nothing is said where nothing was made, and where a hypervisor can't be asked", async () => {
  expect(await glanceBeforeDeploy(lab, { root: folder, environment: process.env })).toEqual([]);
  expect(await seen({ "list --name": 'echo "error: failed to connect to the hypervisor" >&2; exit 1' })).toEqual([]);
});

test("an answer that nothing expects ends no synth: it is a text, and steers no terminal", async () => {
  const [text, ...further] = await seen({ "net-dumpxml cluster": "printf '<network><\\033]0;OWNED\\007</network>'" });
  expect(further).toEqual([]);
  expect(text).toMatch(/^What is in the way of a deploy is not known: .*npx redis-lab preflight cluster looks again\.$/);
  expect(text).not.toMatch(/\p{Cc}/u);
});
