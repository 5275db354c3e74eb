import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LabError } from "../../lib/base/error.ts";
import {
  connectionError,
  connectionFailure,
  messageIn,
  virsh,
  virshBatch,
  virshEnvironment,
  virshOutput,
} from "../../lib/libvirt/virsh.ts";
import { cases } from "./support/testdata.ts";

describe("why a hypervisor can't be asked", () => {
  const recorded = cases("connection-failures.txt");

  test("there are recordings", () => expect(recorded.length).toBeGreaterThan(15));

  test.each(recorded)("$text", ({ text, expected }) => {
    const [command = "", ...stderr] = text.split("\n");
    const uri = command.split(" ")[3] ?? "";
    const failure = connectionFailure(messageIn(stderr.join("\n")));
    const error = connectionError(uri, failure ?? "") as LabError;
    expect(error.code).toBe(expected);
    expect(error.next).not.toBe("");
    // The reason is libvirt's or ssh's, without their ornaments.
    expect(error.why).toBeTruthy();
    expect(error.why).not.toMatch(/@@@|hostname: vm|^error:/);
  });

  test("the cure is for the cause", () => {
    const next = (uri: string, failure: string) => (connectionError(uri, failure) as LabError).next;
    const ssh = "qemu+ssh://root@kvm-1:2222/system";
    expect(next(ssh, "Cannot recv data: Host key verification failed.: Connection reset by peer")).toContain("ssh root@kvm-1 -p 2222");
    expect(next(ssh, "Cannot recv data: root@kvm-1: Permission denied (publickey).: Connection reset by peer")).toContain("ssh-copy-id");
    expect(next("qemu:///system", "Failed to connect socket to '/x': Permission denied")).toContain("usermod -aG libvirt");
    expect(next("qemu:///system", "Failed to connect socket to '/x': Connection refused")).toContain("systemctl enable --now libvirtd");
  });

  test("what libvirt refuses is not a failure of the connection", () => {
    expect(connectionFailure("failed to get domain 'nix'")).toBeUndefined();
    expect(connectionFailure("Failed to start domain 't1'\nCannot access storage file '/x': Permission denied")).toBeUndefined();
  });
});

test("virsh gets no password that came by environment, and speaks English", () => {
  const given = {
    HOME: "/home/me",
    SSH_AUTH_SOCK: "/s",
    REDIS_LAB_PASSWORD: "secret",
    LANGUAGE: "de",
    LC_ALL: "de_DE.UTF-8",
    AWS_SECRET: "x",
  };
  expect(virshEnvironment(given)).toEqual({ HOME: "/home/me", SSH_AUTH_SOCK: "/s", LC_ALL: "C" });
});

describe("the run of a program", () => {
  let folder: string;
  const path = process.env["PATH"];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "redis-lab-virsh-"));
    process.env["PATH"] = `${folder}:${path}`;
  });
  afterEach(async () => {
    process.env["PATH"] = path;
    await rm(folder, { recursive: true });
  });
  /** A program of that name: what is tested here is how it is called, not what libvirt answers. */
  const program = async (script: string) => {
    await writeFile(join(folder, "virsh"), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, "virsh"), 0o755);
  };

  test("arguments arrive as they are, with no shell in between", async () => {
    await program('for word; do printf "<%s>" "$word"; done');
    const words = ["vol-info", "a b", "$(id)", "'", "--pool", "x;y"];
    expect(await virshOutput("qemu+ssh://h/system", words)).toBe(
      `<-q><-c><qemu+ssh://h/system?no_tty=1>${words.map((word) => `<${word}>`).join("")}`,
    );
  });

  test("several commands go over one connection", async () => {
    await program('for word; do printf "<%s>" "$word"; done');
    const { stdout } = await virshBatch("qemu:///system", [
      ["dominfo", "a-1"],
      ["dominfo", "b"],
    ]);
    expect(stdout).toBe("<-q><-c><qemu:///system><dominfo a-1; dominfo b>");
    await expect(virshBatch("qemu:///system", [["dominfo", "a;b"]])).rejects.toThrow(RangeError);
    expect(await virshBatch("qemu:///system", [])).toEqual({ ok: true, stdout: "", message: "" });
  });

  test("a command that libvirt refuses is a result, or an error that holds its words", async () => {
    await program("echo 'error: failed to get domain' >&2; echo 'error: Domain not found' >&2; exit 1");
    expect(await virsh("qemu:///system", ["dominfo", "x"])).toEqual({
      ok: false,
      stdout: "",
      message: "failed to get domain\nDomain not found",
    });
    await expect(virshOutput("qemu:///system", ["dominfo", "x"])).rejects.toMatchObject({
      code: "libvirt.command-failed",
      why: "failed to get domain\nDomain not found",
    });
  });

  test("one that hangs is ended with its children", async () => {
    await program(`sleep 100 & echo $! > ${folder}/pid; wait`);
    await expect(virsh("qemu:///system", ["list"], { timeoutMs: 3_000 })).rejects.toMatchObject({ code: "libvirt.time-out" });
    const pid = Number(await readFile(join(folder, "pid"), "utf8"));
    // Gone, or dead and not yet reaped by the process that inherited it.
    const state = async () => /^State:\s+(\w)/m.exec(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""))?.[1] ?? "Z";
    await expect.poll(state, { timeout: 60_000 }).toBe("Z");
  });

  test("an abort ends it too", async () => {
    await program("sleep 100");
    const stop = new AbortController();
    const run = virsh("qemu:///system", ["list"], { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(run).rejects.toThrow("enough");
  });

  test("without virsh the error says what to install", async () => {
    process.env["PATH"] = folder;
    await expect(virsh("qemu:///system", ["list"])).rejects.toMatchObject({
      code: "libvirt.no-virsh",
      next: expect.stringContaining("libvirt-clients"),
    });
  });
});
