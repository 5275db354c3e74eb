import type { Finding } from "../base/finding.ts";
import { byCount } from "../base/text.ts";
import { layoutRow } from "../lab/layouts.ts";
import type { Lab } from "../lab/schema.ts";
import { UNHEARD_SECONDS } from "../redis/health.ts";
import type { StatusRow } from "./layouts/row.ts";

/**
 * Within how many seconds the layout fails over by itself from each master that does not answer while replicas of it do: a note each. Nothing where no failover comes by itself,
 * and nothing while the replicas are in touch with a master that only this computer does not reach. Pure.
 */
export function failoversDue(rows: readonly StatusRow[], lab: Lab): readonly Finding[] {
  const { restart } = layoutRow(lab.layout);
  return rows.flatMap(({ instance, state }): Finding[] => {
    if (state === "up" || state === "loading") return [];
    const heirs = rows.filter((row) => row.state === "up" && row.role === "replica" && row.master === instance);
    const silences = heirs.map(silenceOf);
    const bound = restart(lab, instance).failoverOverdueMs / 1000;
    // One that is in touch with it speaks for the master.
    if (heirs.length === 0 || bound === 0 || silences.some((seconds) => seconds === undefined)) return [];
    const passed = Math.max(...silences.map((seconds) => seconds ?? 0));
    const names = heirs.map(({ instance: id }) => id).join(", ");
    const base = { code: "failover-due", severity: "note", instance } as const;
    const who = `${names} ${byCount(heirs.length, "replicates", "replicate")} ${instance}`;
    return passed <= bound
      ? [
          {
            ...base,
            text: `${who}: a failover is to be expected within ${Math.ceil(bound - passed)} s.`,
            next: "`redis-lab status LAB --watch` shows it.",
          },
        ]
      : [
          {
            ...base,
            text: `${who}: a failover was to be expected within ${bound} s, and ${passed} s have passed.`,
            next: `\`redis-lab logs LAB ${heirs[0]?.instance}\` says what keeps it.`,
          },
        ];
  });
}

/** Seconds for which a replica knows that it has no master; undefined for one that is in touch with it. */
function silenceOf({ link }: StatusRow): number | undefined {
  if (link?.state === "down") return link.seconds ?? 0;
  return (link?.seconds ?? 0) >= UNHEARD_SECONDS ? link?.seconds : undefined;
}
