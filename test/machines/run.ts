import { testSources } from "../support/sources.ts";
import { missingForWorld, runInWorld } from "./rig/world.ts";

// npm run test:machines [-- FILTER…]     the tests of test/machines, inside the machines' own network
// npm run test:machines -- --exec CMD …  any command there instead, for example a shell

const missing = await missingForWorld();
if (missing !== undefined) {
  console.error(missing);
  process.exitCode = 1;
} else {
  const args = process.argv.slice(2);
  const command =
    args[0] === "--exec"
      ? args.slice(1)
      : [process.execPath, "node_modules/vitest/vitest.mjs", "run", "--config", "vitest.machines.config.ts", ...args];
  // The machines' network has no way out: what the tests compile must be here before.
  if (args[0] !== "--exec") await testSources();
  process.exitCode = await runInWorld(command, (line) => console.error(line));
}
