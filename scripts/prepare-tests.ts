import { ensureRootfs } from "../test/machines/rig/rootfs.ts";
import setUp from "../test/support/global-setup.ts";
import { testSource, testSources } from "../test/support/sources.ts";
import { ensureImage } from "../test/vms/rig/image.ts";
import { terraformEnvironment } from "../test/vms/rig/provider.ts";

// What the tests make once and keep in the XDG cache: sources, the build of a further Redis, root file systems, the image of the VMs, the provider. Each stage makes what is missing by
// itself; .ci/run makes it beside the first tests, which wait more than they compute. As root, with the programs that .ci/run installs.

const log = (line: string) => console.error(line);

await testSources();
process.env["REDIS_LAB_TEST_SOURCE"] = (await testSource("5.0.6")).path;
await (await setUp())?.();
await ensureRootfs("build", log);
await ensureRootfs("bare", log);
await ensureImage(log);
await terraformEnvironment(log);
