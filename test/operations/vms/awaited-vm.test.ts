import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LabError } from "../../../lib/base/error.ts";
import type { LabEvent } from "../../../lib/base/events.ts";
import { fingerprint, KnownHosts } from "../../../lib/connection/known-hosts.ts";
import { knownHostName } from "../../../lib/connection/known-hosts-line.ts";
import { openSshConnection } from "../../../lib/connection/ssh.ts";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { planVms } from "../../../lib/lab/vms.ts";
import { AwaitedVm, assertRuns } from "../../../lib/operations/vms/awaited-vm.ts";
import { newKey, SERVER_KINDS, SSH_PORT, type SshServer, startSshServer, testFolder } from "../../connection/servers/server.ts";
import { clusterInput } from "../../support/labs.ts";
import { nextAddress } from "../../support/redis.ts";

const lab = defineLab(clusterInput());
const [vm] = planVms(lab).vms;
if (vm === undefined) throw new Error("a lab has hosts");

let base: Awaited<ReturnType<typeof testFolder>>;
let server: SshServer | undefined;
let events: LabEvent[];
beforeEach(async () => {
  base = await testFolder();
  events = [];
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  await base.remove();
});

/** Waits for an sshd at an address; libvirt is not asked, and `console` is what cloud-init wrote of the host keys. */
function wait(
  address: string,
  options: { readonly timeoutMs: number; readonly keyFile?: string; readonly console?: () => readonly string[] },
) {
  const settings = { address, port: SSH_PORT, user: "root", configFile: "none", keyFile: options.keyFile ?? base.keyFile };
  const known = new KnownHosts(join(base.folder, "known_hosts"));
  const name = knownHostName(address, SSH_PORT);
  const { console } = options;
  const awaited = new AwaitedVm(
    { lab, emit: (event) => events.push(event), signal: undefined },
    {
      vm: vm!,
      asked: console !== undefined,
      timeoutMs: options.timeoutMs,
      pins: { keys: () => known.keysOf(name), drop: () => known.drop(name) },
      watch: () => ({ last: () => [], hostKeys: () => console?.() ?? [], trouble: () => undefined, stop: async () => {} }),
    },
  );
  return awaited.reach((more) => openSshConnection(vm!.host, settings, { knownHostsFile: known.file, ...more }));
}

describe.each(SERVER_KINDS.slice(0, 1))("over %s", (kind) => {
  test("a VM whose sshd starts later is waited for, and that is told", async () => {
    const address = nextAddress();
    let started: Promise<SshServer> | undefined;
    const emit = events.push.bind(events);
    events.push = (event) => {
      // It comes up when it has been missed once.
      if (event.type === "progress" && started === undefined)
        started = startSshServer(kind, base.folder, { address, authorizedKey: base.publicKey });
      return emit(event);
    };
    const connection = await wait(address, { timeoutMs: 60_000 });
    server = await started;
    expect((await connection.run("echo here", { title: "echo" })).stdout).toBe("here\n");
    await connection.close();
    const told = events.map((event) => (event.type === "step" ? `${event.host} ${event.step} ${event.state}` : event.type));
    expect(told[0]).toBe("redis-18 boot started");
    expect(told).toContain("redis-18 boot unchanged");
    expect(told.filter((text) => text === "redis-18 boot started")).toHaveLength(1);
    expect(events.find(({ type }) => type === "progress")).toMatchObject({
      detail: expect.stringContaining("waiting for SSH: redis-18: cannot reach root@"),
    });
  });

  test.each(["fingerprints", "keys"])(
    "the host key is compared with the %s on the console: another computer at the address is refused",
    async (what) => {
      const attempt = async (shown: "its own" | "another") => {
        const address = nextAddress();
        const [own, other] = [newKey(), newKey()];
        const late: Promise<SshServer>[] = [];
        const emit = events.push.bind(events);
        events.push = (event) => {
          if (event.type === "progress" && late.length === 0)
            late.push(startSshServer(kind, base.folder, { address, authorizedKey: base.publicKey, hostKey: own.private }));
          return emit(event);
        };
        const [type = "", blob = ""] = (shown === "its own" ? own : other).public.split(" ");
        const line =
          what === "keys"
            ? `<14>Dec  1 06:00:00 ec2: ${type} ${blob} root@vm`
            : `<14>Dec  1 06:00:00 ec2: 256 ${fingerprint({ blob })} root@vm (ED25519)`;
        try {
          return await wait(address, { timeoutMs: 60_000, console: () => ["ecdsa-sha2-nistp256 torn", line] });
        } finally {
          server = await late[0];
        }
      };
      const connection = await attempt("its own");
      expect((await connection.run("echo here", { title: "echo" })).stdout).toBe("here\n");
      await connection.close();
      await server?.stop();
      const pins = await readFile(join(base.folder, "known_hosts"), "utf8");
      await expect(attempt("another")).rejects.toMatchObject({
        code: "operations.vm-host-key",
        what: expect.stringMatching(/not its VM cluster-redis-18: the host key there is SHA256:.*console shows SHA256:/),
      });
      // It is not kept, and the other VM's is.
      expect(await readFile(join(base.folder, "known_hosts"), "utf8")).toBe(pins);
    },
  );

  test("one that answers at once is not talked about", async () => {
    server = await startSshServer(kind, base.folder, { authorizedKey: base.publicKey });
    const connection = await wait(server.address, { timeoutMs: 60_000 });
    await connection.close();
    expect(events.filter((event) => event.type !== "notice" && event.step === "boot")).toEqual([]);
  });

  test("at the deadline the error says what was seen last and where to look", async () => {
    const error = await wait(nextAddress(), { timeoutMs: 1_500 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LabError);
    expect(error).toMatchObject({
      code: "operations.vm-silent",
      what: expect.stringMatching(
        /^redis-18: its VM cluster-redis-18 could not be logged in to within 2 s: redis-18: cannot reach .*refused/,
      ),
      next: expect.stringContaining("virsh -c qemu:///system console cluster-redis-18"),
    });
    expect(events.at(-1)).toMatchObject({ type: "step", step: "boot", state: "failed" });
  });

  test("what waiting does not fix ends it at once", async () => {
    await expect(wait(nextAddress(), { timeoutMs: 60_000, keyFile: join(base.folder, "none") })).rejects.toMatchObject({
      code: "connection.key-file",
    });
  });
});

test("a VM that is absent or off is named with the command that brings it", () => {
  const thrown = (state: Parameters<typeof assertRuns>[2]) => {
    try {
      assertRuns("cluster", vm, state, "");
      return undefined;
    } catch (error) {
      return error instanceof LabError ? `${error.what} ${error.next}` : error;
    }
  };
  expect(thrown("running")).toBeUndefined();
  expect(thrown("unknown")).toBeUndefined();
  expect(thrown("absent")).toBe("redis-18: there is no VM cluster-redis-18. Make it: npx cdktf deploy cluster");
  expect(thrown("off")).toBe("redis-18: its VM cluster-redis-18 is off. Run: virsh -c qemu:///system start cluster-redis-18");
  expect(thrown("paused")).toContain("virsh -c qemu:///system resume cluster-redis-18");
});
