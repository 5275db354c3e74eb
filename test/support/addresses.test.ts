import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { nextAddress, nextNetwork } from "./addresses.ts";

test("an address and a network are given once", () => {
  const addresses = Array.from({ length: 400 }, nextAddress);
  const networks = Array.from({ length: 30 }, nextNetwork);
  expect(new Set(addresses).size).toBe(400);
  expect(new Set(networks).size).toBe(30);
  const taken = new Set(networks.map((network) => network.replace(/0\/24$/, "")));
  expect(addresses.filter((address) => taken.has(address.replace(/\d+$/, "")))).toEqual([]);
  expect(() => nextNetwork()).toThrow("30 networks");
});

test("processes that run at once have blocks of their own", async () => {
  const module = JSON.stringify(new URL("addresses.ts", import.meta.url).pathname);
  const script = `import { createJiti } from "jiti"; console.log((await createJiti(${module}).import(${module})).nextAddress()); process.stdin.resume();`;
  const children = Array.from({ length: 3 }, () =>
    spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  // Undefined from one that ended without a word, of which standard error has the reason.
  const first = await Promise.all(
    children.map(async (child) => Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => [undefined])])),
  );
  for (const { stdin } of children) stdin.end();
  const blocks = [...first.map(String), nextAddress()].map((address) => /^127\.\d+\.\d+/.exec(address)?.[0]);
  expect(blocks).not.toContain(undefined);
  expect(new Set(blocks).size).toBe(4);
});
