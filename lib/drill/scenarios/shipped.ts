import type { Drill } from "./drill.ts";
import { HOST_DRILLS } from "./shipped/hosts.ts";
import { MASTER_DRILLS } from "./shipped/masters.ts";
import { OTHER_DRILLS } from "./shipped/others.ts";

/** The drills that come with redis-lab, in the order of `drill list`. */
export const SHIPPED_DRILLS: readonly Drill[] = [...MASTER_DRILLS, ...OTHER_DRILLS, ...HOST_DRILLS];
