import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { planVms } from "../../lib/lab/vms.ts";
import { ConsoleLines, watchConsole } from "../../lib/libvirt/console.ts";
import { clusterInput } from "../support/labs.ts";

const heard = (...chunks: readonly string[]) => {
  const lines = new ConsoleLines();
  for (const chunk of chunks) lines.push(chunk);
  return lines.last();
};

test("lines come in pieces, with the rest of the last one", () => {
  expect(heard("Linux ver", "sion 6.1\r\nBoot", "ing\r\n\r\nlogin: ")).toEqual(["Linux version 6.1", "Booting", "login:"]);
});

test("colours, cursor movements, bells and what was written over are left out", () => {
  expect(heard("\u001b[0;32m  OK  \u001b[0m] Started\u0007\r\n")).toEqual(["  OK  ] Started"]);
  expect(heard("10 %\r50 %\r100 %\r\n")).toEqual(["100 %"]);
  expect(heard("\u001b[2J\u001b[1;1H\r\n")).toEqual([]);
});

test("characters of several bytes survive being split", () => {
  // As latin1, which is how bytes are handed on.
  const bytes = Buffer.from("Grüße\n").toString("latin1");
  expect(heard(bytes.slice(0, 3), bytes.slice(3))).toEqual(["Grüße"]);
});

test("what cloud-init writes of the host keys is kept, however much is written after it", () => {
  const lines = new ConsoleLines();
  // The helper of cloud-init sends them through logger, older ones the fingerprints alone.
  lines.push("ci-info: | Keytype | Fingerprint (sha256) |\r\n<14>Dec  1 06:00:00 ec2: -----BEGIN SSH HOST KEY FINGERPRINTS-----\r\n");
  lines.push("<14>Dec  1 06:00:00 ec2: 256 SHA256:abc root@vm (ED25519)\r\n<14>ec2: -----END SSH HOST KEY FINGERPRINTS-----\r\n");
  lines.push(`between\r\n-----BEGIN SSH HOST KEY KEYS-----\r\nssh-rsa ${"A".repeat(720)} root@vm\r\n-----END SSH HOST KEY KEYS-----\r\n`);
  lines.push("more\n".repeat(200));
  expect(lines.hostKeys()).toEqual(["<14>Dec  1 06:00:00 ec2: 256 SHA256:abc root@vm (ED25519)", `ssh-rsa ${"A".repeat(720)} root@vm`]);
});

test("a waiting job of systemd is one line", () => {
  expect(heard("start\n[***   ] Job a (1s / 5min)\r\n[ ***  ] Job a (2s / 5min)\r\nend\n")).toEqual([
    "start",
    "[ ***  ] Job a (2s / 5min)",
    "end",
  ]);
});

test("sixty lines are kept, and none of them is endless", () => {
  const lines = heard(Array.from({ length: 100 }, (_, index) => `line ${index}\n`).join(""));
  expect(lines).toHaveLength(60);
  expect(lines.at(-1)).toBe("line 99");
  expect(heard("x".repeat(1e6), "y".repeat(1e6))[0]?.length).toBeLessThanOrEqual(1000);
});

const [vm] = planVms(defineLab(clusterInput())).vms;

test("without script there is a reason instead of lines", async () => {
  if (vm === undefined) throw new Error("a lab has hosts");
  const watch = watchConsole(vm, { scriptProgram: "script-that-is-not-there" });
  await expect.poll(watch.trouble, { timeout: 60_000 }).toMatch(/^there is no script-that-is-not-there on this computer/);
  expect(watch.last()).toEqual([]);
  await watch.stop();
  await watch.stop();
});

test("without virsh too", async () => {
  if (vm === undefined) throw new Error("a lab has hosts");
  const folder = await mkdtemp(join(tmpdir(), "redis-lab-console-"));
  const path = process.env["PATH"];
  try {
    await symlink("/usr/bin/script", join(folder, "script"));
    process.env["PATH"] = folder;
    const watch = watchConsole(vm);
    await expect.poll(watch.trouble, { timeout: 60_000 }).toMatch(/^there is no virsh on this computer|^there is no script/);
    expect(watch.last()).toEqual([]);
    await watch.stop();
  } finally {
    process.env["PATH"] = path;
    await rm(folder, { recursive: true });
  }
});
