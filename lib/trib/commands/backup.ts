import { backupCluster } from "../../transfer/backup.ts";
import { clusterFindings } from "../check.ts";
import { loadSettled } from "../load.ts";
import { nameOf, type TribSession } from "../session.ts";

/** `backup host:port folder`: an RDB of every master and a manifest, in a new folder, which `redis-lab cluster restore` reads. In the words of `redis-cli --cluster backup`. @returns 1 where there is none */
export async function run(session: TribSession): Promise<number> {
  const { screen, words, access, host } = session;
  const [where = "", folder = ""] = words;
  const cluster = await loadSettled(session, where);
  if ((await clusterFindings(session, cluster)) > 0) {
    screen.puts("*** Please fix your cluster problems before a backup");
    return 1;
  }
  const { manifest } = await backupCluster(
    folder,
    cluster.cluster.live.map(({ member }) => member),
    access,
    {
      emit: (event) => (event.type === "notice" ? host.warn(`redis-trib: ${event.text}`) : undefined),
      signal: host.signal,
      cluster: nameOf(session, cluster.seed.id),
      now: () => host.now(),
    },
  );
  for (const { instance, file } of manifest.masters) screen.xputs(`>>> Node ${nameOf(session, instance)} -> ${file}`);
  screen.xputs(`[OK] Backup created into: ${folder}`);
  return 0;
}
