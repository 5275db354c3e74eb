import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { fakeDeployed } from "../libvirt/support/fake-virsh.ts";
import { MAIN, makeProject, smallCluster, type TestProject } from "../support/project.ts";

// What `doctor --fix` removes, on a terminal and without one. The libvirt here has one network of the lab, which no Terraform state knows: it may be another person's.

let project: TestProject;
let calls: string;

beforeAll(async () => {
  project = await makeProject();
  calls = join(project.folder, "calls");
  const input = smallCluster();
  await project.write(input);
  await fakeDeployed(project.folder, defineLab(input), { "net-destroy": `echo net-destroy >> '${calls}'` });
  await rm(join(project.folder, "terraform.cluster.tfstate"));
});
afterAll(() => project?.remove());

const PATH = () => `${join(project.folder, "bin")}:${process.env["PATH"]}`;
const WORDS = ["doctor", "cluster", "--target", "libvirt", "--fix", "--yes"];
const hasScript = spawnSync("sh", ["-c", "command -v script"]).status === 0;

test("on a terminal --yes does not answer the question about what may be another person's", async (context) => {
  if (!hasScript) return context.skip();
  await writeFile(calls, "");
  const command = `'${process.execPath}' '${MAIN}' ${WORDS.join(" ")}`;
  const env = { ...process.env, PATH: PATH() };
  const child = spawn("script", ["-qec", `stty cols 200; ${command}`, "/dev/null"], { cwd: project.folder, env, stdio: "pipe" });
  let seen = "";
  child.stdout.on("data", (chunk: Buffer) => {
    const asked = seen.includes("Remove it?");
    seen += chunk.toString();
    if (!asked && seen.includes("Remove it?")) child.stdin.write("no\r");
  });
  const [code] = await once(child, "close");
  expect(seen).toContain("the network cluster on hypervisor local: not made by the Terraform state of this project");
  expect(seen).toContain("--yes does not count here");
  expect(code).not.toBe(0);
  expect(await readFile(calls, "utf8")).toBe("");
});

test("without a terminal it stays, and that is said", async () => {
  await writeFile(calls, "");
  const { stderr } = await project.run(WORDS, { env: { PATH: PATH() } });
  expect(stderr).toContain("the network cluster on hypervisor local was kept: not made by the Terraform state of this project");
  expect(await readFile(calls, "utf8")).toBe("");
});
