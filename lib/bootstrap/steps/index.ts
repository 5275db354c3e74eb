import type { Step } from "../step.ts";
import { build } from "./build.ts";
import { files, hostsFile, logRotation } from "./files.ts";
import { firewall } from "./firewall.ts";
import { folders } from "./folders.ts";
import { install } from "./install.ts";
import { packageSources } from "./package-sources.ts";
import { packages } from "./packages.ts";
import { selinux } from "./selinux.ts";
import { start } from "./start.ts";
import { sysctl } from "./sysctl.ts";
import { thp } from "./thp.ts";
import { units } from "./units.ts";
import { user } from "./user.ts";

/** In the order of STEP_NAMES. */
export const STEPS: readonly Step[] = [
  packageSources,
  packages,
  sysctl,
  thp,
  user,
  folders,
  hostsFile,
  build,
  install,
  files,
  logRotation,
  selinux,
  firewall,
  units,
  start,
];
