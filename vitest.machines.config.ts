import { defineConfig } from "vitest/config";

/** `npm run test:machines`: what needs real machines. Started by test/machines/run.ts, which makes the network that they live in. */
export default defineConfig({
  test: {
    // vitest asks for colours in CI, and everything that a test starts would inherit that.
    env: { NO_COLOR: "1" },
    include: ["test/machines/**/*.test.ts"],
    // Minutes of crashes under a writer: by hand, before a release.
    exclude: process.env["REDIS_LAB_TEST_FULL"] === "1" ? [] : ["test/machines/crashed.test.ts"],
    globalSetup: ["test/machines/rig/global-setup.ts"],
    pool: "forks",
    fileParallelism: false,
    // The first test or hook compiles on a machine, beside whatever else the computer does.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    teardownTimeout: 30_000,
  },
});
