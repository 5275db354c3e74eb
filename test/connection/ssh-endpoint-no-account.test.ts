import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import type * as os from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { resolveEndpoint } from "../../lib/connection/ssh-endpoint.ts";
import { testFolder } from "./servers/server.ts";

// A user id that no account has, as containers run programs: the calling user has no name but what USER says.
const asked = vi.fn(() => {
  throw new Error("A system error occurred: uv_os_get_passwd returned ENOENT (no such file or directory)");
});
vi.mock("node:os", async (original) => ({ ...(await original<typeof os>()), userInfo: () => asked() }));

const environment = { HOME: process.env.HOME, USER: process.env.USER };
let base: Awaited<ReturnType<typeof testFolder>>;

beforeAll(async () => {
  base = await testFolder();
  await mkdir(join(base.folder, ".ssh"), { mode: 0o700 });
});
afterEach(() => {
  asked.mockClear();
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});
afterAll(() => base?.remove());

const config = async (...lines: readonly string[]) => {
  process.env.HOME = base.folder;
  process.env.USER = "deploy";
  await writeFile(join(base.folder, ".ssh/config"), `${lines.join("\n")}\n`, { mode: 0o600 });
};
const resolve = (login: Partial<Parameters<typeof resolveEndpoint>[1]> = {}) =>
  resolveEndpoint("redis-18", { address: "10.0.0.18", ...login });

it("is not asked for a host that needs no such name", async () => {
  await config("Host *", "  IdentityFile ~/.ssh/%h");
  expect(await resolve()).toMatchObject({ address: "10.0.0.18", user: "root" });
  expect(await resolve({ configFile: "none", jump: "bastion" })).toMatchObject({ via: { address: "bastion", user: "root" } });
  expect(asked).not.toHaveBeenCalled();
});

it("is named by USER where a key or a jump host asks for it", async ({ skip }) => {
  if (spawnSync("ssh", ["-V"]).error !== undefined) skip();
  await config("Host 10.*", "  ProxyJump bastion", "  IdentityFile /keys/%u-%i");
  expect(await resolve()).toMatchObject({
    identityFiles: [`/keys/deploy-${process.getuid?.()}`],
    via: { address: "bastion", user: "deploy" },
  });
});
