import { cacheFolder } from "../../lib/base/cache-folder.ts";
import { resolveSource } from "../../lib/bootstrap/source.ts";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { TARGETS } from "../../lib/lab/targets.ts";
import { clusterInput } from "./labs.ts";

// Prints the version of the Redis that `npm test` runs against when nothing else is named: the distribution's where the release site does not answer.
const { version } = await resolveSource(defineLab(clusterInput()), {
  capabilities: TARGETS.local,
  cacheFolder: cacheFolder(),
  emit: () => {},
});
console.log(version.text);
