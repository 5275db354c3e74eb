import { test } from "vitest";
import { logsAfterFailure } from "../rig/rig.ts";

/**
 * Makes `test`s that go on where the one before ended. After a failure the rest is skipped: it would fail for the same reason, after minutes of waiting. Says how long each
 * took, and shows the consoles and libvirt's logs when one fails.
 */
export function chapters(): (name: string, body: () => Promise<void>) => void {
  let broken = false;
  return (name, body) =>
    test(name, async ({ skip, onTestFailed }) => {
      if (broken) skip("what it builds on failed");
      // A test that runs out of time does not come to its end.
      broken = true;
      onTestFailed(async () => console.log(await logsAfterFailure()));
      await body();
      broken = false;
    });
}
