import { basename } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** First what fails within a minute; and Redis is compiled in the VMs of the sentinel lab, before the cluster lab takes it from the cache. */
const ORDER = ["stack-plan", "stack-life", "own-stack", "libvirt", "sentinel", "cluster"];

class InOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => ORDER.indexOf(basename(moduleId, ".test.ts"));
    return files.sort((a, b) => place(a) - place(b));
  }
}

/** `npm run test:vms`: what needs libvirt and real VMs. Started by test/vms/run.ts, which makes the world that they live in. */
export default defineConfig({
  test: {
    // vitest asks for colours in CI, and everything that a test starts would inherit that.
    env: { NO_COLOR: "1" },
    include: ["test/vms/**/*.test.ts"],
    globalSetup: ["test/vms/rig/global-setup.ts"],
    pool: "forks",
    fileParallelism: false,
    sequence: { sequencer: InOrder },
    // Emulated VMs: a deploy takes minutes, and what must go faster says so itself.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    teardownTimeout: 30_000,
  },
});
