import { allInstancesCheck, everywhere, type InstanceReading } from "./check.ts";

/** Seconds between snapshots that are worth a word: what fits in between is lost with a master and all its replicas. */
const LONG_S = 60;

/** A crashed master waits for its failover before it starts (render/before-start.ts). What its disk lacks is lost all the same where no replica is left to have it. */
export const persistence = allInstancesCheck({
  name: "persistence",
  about: "what a master and its replicas have on their disks, should they all crash at once, is not long behind",
  appliesTo: everywhere,
  *check({ instances }) {
    const servers = instances.filter(({ instance, config }) => instance.kind === "redis" && config["appendonly"] === "no");
    const none = servers.filter(({ config }) => config["save"] === "");
    if (none.length > 0)
      yield {
        severity: "warning",
        subject: undefined,
        text: `${idsOf(none)} keep nothing on disk: a master that crashes while no replica has its data comes back empty`,
        next: NEXT,
      };
    const seldom = servers.filter(({ config }) => longestOf(config["save"]) >= LONG_S);
    if (seldom.length > 0) {
      const longest = Math.max(...seldom.map(({ config }) => longestOf(config["save"])));
      yield {
        severity: "note",
        subject: undefined,
        text: `${idsOf(seldom)} have snapshots alone, of up to ${longest} s ago: that much is lost when a master and its replicas crash at once`,
        next: NEXT,
      };
    }
  },
});

const NEXT = "Set `appendonly: true` in redis.settings for at most one second.";

/** Seconds of the save point that waits longest; 0 where there is none. */
function longestOf(save: string | undefined): number {
  const seconds = (save ?? "").split(" ").filter((_, index) => index % 2 === 0);
  return Math.max(0, ...seconds.map(Number).filter(Number.isFinite));
}

function idsOf(readings: readonly InstanceReading[]): string {
  const ids = readings.map(({ instance }) => instance.id);
  return ids.length > 3 ? `${ids.slice(0, 2).join(", ")} and ${ids.length - 2} others` : ids.join(" and ");
}
