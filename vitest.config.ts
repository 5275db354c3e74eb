import { availableParallelism } from "node:os";
import { relative } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The files that take longest, the longest first: one that begins late keeps the others' workers idle at the end. Their order is all that depends on it. */
const LONGEST = [
  "integration/cluster-verbs",
  "integration/fault",
  "integration/netns",
  "integration/fault-network",
  "integration/killed",
  "package/init",
  "integration/stranger",
  "integration/leave",
  "integration/upgrade-replicas",
  "integration/drills",
  "integration/crashed",
  "integration/bad-input",
  "integration/sentinel-life",
  "cluster/move/sweep",
  "cluster/move/run",
  "integration/rotation",
  "integration/load",
  "integration/terminal",
  "integration/sentinel-orders",
  "integration/changes",
  "integration/hand-tools",
  "integration/silent",
  "integration/cluster-data",
  "integration/one-judge",
  "sentinel/leave",
  "integration/endless",
  "integration/client-under-test",
  "integration/upgrade",
  "integration/replication-life",
  "base/atomic",
  "trib/commands/fix",
  "integration/secrets",
  "cluster/apply/fix",
  "integration/plan-file",
  "integration/tools",
  "connection/ssh",
  "integration/not-ours",
  "cluster/apply/reach",
  "cluster/apply/rescue",
  "transfer/deliver",
  "integration/doctor",
  "integration/cluster-life",
  "sentinel/failover",
  "package/pack",
  "bootstrap/supervise",
].map((name) => `test/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.indexOf(relative(import.meta.dirname, moduleId));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

/** `npm test`: everything that needs neither root nor a machine of its own. */
export default defineConfig({
  test: {
    // vitest asks for colours in CI, and everything that a test starts would inherit that.
    env: { NO_COLOR: "1" },
    include: ["test/**/*.test.ts"],
    exclude: ["test/machines/**", "test/vms/**"],
    // A process for each file: what one changes of its environment, or leaves open, reaches no other.
    pool: "forks",
    sequence: { sequencer: LongestFirst },
    // Tests wait for servers as much as they compute: with a worker for each core the cores are idle half of the time.
    maxWorkers: availableParallelism() * 3,
    // What a test waits for has a limit of its own, which says what is missing. These only end what hangs: no result may depend on how busy the computer is.
    testTimeout: 300_000,
    hookTimeout: 600_000,
    globalSetup: ["test/support/global-setup.ts"],
    alias: [
      { find: /^redis-lab$/, replacement: new URL("lib/index.ts", import.meta.url).pathname },
      { find: /^redis-lab\/stacks$/, replacement: new URL("stacks/index.ts", import.meta.url).pathname },
    ],
  },
});
