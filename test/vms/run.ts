import { testSource } from "../support/sources.ts";
import { missingForWorld, runInWorld } from "./rig/world.ts";

// npm run test:vms [-- FILTER…]     the tests of test/vms, beside a libvirtd of their own
// npm run test:vms -- --exec CMD …  any command there instead, for example a shell

const missing = await missingForWorld();
if (missing !== undefined) {
  console.error(missing);
  process.exitCode = 1;
} else {
  const args = process.argv.slice(2);
  const command =
    args[0] === "--exec"
      ? args.slice(1)
      : [process.execPath, "node_modules/vitest/vitest.mjs", "run", "--config", "vitest.vms.config.ts", ...args];
  // The world has no way out: what the tests compile must be here before.
  if (args[0] !== "--exec") await testSource("5.0.6");
  process.exitCode = await runInWorld(command, (line) => console.error(line));
}
