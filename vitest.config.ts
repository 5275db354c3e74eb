import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** `npm test`: everything that needs neither root nor a machine of its own. */
export default defineConfig({
  test: {
    // vitest asks for colours in CI, and everything that a test starts would inherit that.
    env: { NO_COLOR: "1" },
    include: ["test/**/*.test.ts"],
    exclude: ["test/machines/**", "test/vms/**"],
    // Tests wait for servers as much as they compute: with a worker for each core the cores are idle half of the time.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    testTimeout: 90_000,
    hookTimeout: 300_000,
    globalSetup: ["test/support/global-setup.ts"],
    alias: [
      { find: /^redis-lab$/, replacement: new URL("lib/index.ts", import.meta.url).pathname },
      { find: /^redis-lab\/stacks$/, replacement: new URL("stacks/index.ts", import.meta.url).pathname },
    ],
  },
});
