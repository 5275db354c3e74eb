import { DATA_CHECKS } from "./data-checks.ts";
import type { HistoryCheck } from "./row.ts";
import { STATE_CHECKS } from "./state-checks.ts";

/** All judges, in the order of a report. */
export const DRILL_CHECKS: readonly HistoryCheck[] = [...DATA_CHECKS, ...STATE_CHECKS];
