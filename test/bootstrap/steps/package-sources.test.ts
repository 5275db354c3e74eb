import { expect, test } from "vitest";
import type { StepContext } from "../../../lib/bootstrap/step.ts";
import { packageSources } from "../../../lib/bootstrap/steps/package-sources.ts";
import { wantedOf } from "../../../lib/bootstrap/wanted.ts";
import { CENTOS, managedPlacement } from "../managed.ts";
import { redirectedHost } from "../redirected.ts";
import { SECRETS } from "../support.ts";

test("a source that an update brings back is moved aside again, beside the one of before", async () => {
  const host = await redirectedHost();
  const path = "/etc/yum.repos.d/CentOS-Sources.repo";
  try {
    const facts = { ...CENTOS, repositories: [path] };
    const wanted = wantedOf(managedPlacement, managedPlacement.hosts[0]!, facts, SECRETS, undefined);
    const changes = packageSources.check(facts, wanted).filter(({ reason }) => reason === "obsolete");
    for (const text of ["edited by hand", "of the update"]) {
      await host.put(path, text);
      await packageSources.apply(host.connection, changes, { facts, wanted } as unknown as StepContext);
    }
    expect(await host.text(path)).toBeUndefined();
    expect([await host.text(`${path}.disabled`), await host.text(`${path}.disabled.~1~`)]).toEqual(["of the update", "edited by hand"]);
  } finally {
    await host.remove();
  }
});
