import type { InstanceOutcome, InstancesReport } from "../operations/instances.ts";

/** What was done, instance by instance, and what comes next. */
export function formatInstances({ lab, action, instances }: InstancesReport): string {
  return [
    ...instances.flatMap((each) => outcomeLines(lab, action, each)),
    ...(instances.some(({ before, after }) => before !== after) ? [`Look at what follows: redis-lab status ${lab} --watch`] : []),
  ].join("\n");
}

function outcomeLines(lab: string, action: InstancesReport["action"], outcome: InstanceOutcome): readonly string[] {
  const { instance, before, after, restartsAfter, startsAtBoot } = outcome;
  const again = `\`redis-lab start ${lab} ${instance}\` (or \`up\`)`;
  switch (action) {
    case "stop":
      if (before === undefined) return [`${instance} did not run${startsAtBoot ? "; systemd does not start it again now" : ""}`];
      return [
        `${instance} stopped: process ${before} saved its data and ended`,
        startsAtBoot ? `  It starts with the next boot of its host, or by ${again}.` : `  It starts by ${again}.`,
      ];
    case "kill":
      if (before === undefined) return [`${instance} did not run: nothing was killed`];
      return [
        `${instance} killed: process ${before} ended without saving`,
        restartsAfter === undefined
          ? `  Nothing starts it again but ${again}.`
          : `  systemd starts it again after ${restartsAfter} (Restart= of its unit). To keep it down: redis-lab stop ${lab} ${instance}`,
      ];
    case "start":
      return [before === undefined ? `${instance} runs: process ${after ?? "?"}` : `${instance} ran already: process ${before}`];
    case "restart":
      return [`${instance} runs: process ${after ?? "?"}${before === undefined ? "; it did not run before" : ` in place of ${before}`}`];
    default:
      return action satisfies never;
  }
}
