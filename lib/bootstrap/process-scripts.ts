import { type RawShell, raw, sh } from "../connection/quote.ts";
import { beforeStartOf } from "../lab/before-start.ts";
import type { PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import { PROGRAMS } from "../lab/programs.ts";
import { workingFolder } from "../render/folders.ts";
import { startRecord } from "./host-paths.ts";

/** `same PID START`: whether this very process lives (not as a zombie). Field 22 of /proc/PID/stat, after the name in parentheses (proc(5)). */
export const SAME_PROCESS: RawShell = raw(`same() {
  s=; if [ -r "/proc/$1/stat" ]; then IFS= read -r s < "/proc/$1/stat" 2>/dev/null || :; fi
  w=$2; set -- \${s##*) }
  [ "$1" != Z ] && [ "\${20}" = "$w" ]
}`);

/** Exit code for a unit that is not the lab's; no command of systemctl ends with it. */
export const NOT_OURS = 66;

/** Starts an instance as a daemon; the script ends with the code of the program's first process. */
export function startDaemonScript({ version }: Pick<Placement, "version">, host: PlacedHost, instance: PlacedInstance): string {
  const server = `${host.paths.bin}/${version.product.programs.server}`;
  const { option } = PROGRAMS[instance.kind];
  const options = option === undefined ? [] : [option];
  // No pid file of an earlier process is left to be taken for this one's.
  return sh`umask 077; rm -f -- ${instance.pidFile} ${startRecord(host.paths, instance)}
cd ${workingFolder(host, instance)} && exec ${server} ${instance.configFile} ${options} </dev/null`;
}

/** Notes down that the next end of an instance is a planned one; nothing for an instance without data. */
export function planEndScript(host: Pick<PlacedHost, "paths">, instance: Pick<PlacedInstance, "kind" | "port">): string {
  const mark = beforeStartOf(host, instance)?.mark;
  return mark === undefined ? "" : sh`printf '' > ${mark} || :; `;
}

/** A script for the unit of this lab alone: where systemd has none of its name, or one of others, it ends with NOT_OURS and touches nothing. */
export function onOwnUnit(lab: string, unit: string, script: string): string {
  const marker = `# Managed by redis-lab: lab ${lab},`;
  return sh`f=$(systemctl show -p FragmentPath ${`${unit}.service`}); f=\${f#FragmentPath=}
if [ -z "$f" ] || ! grep -qsF -- ${marker} "$f"; then exit ${NOT_OURS}; fi
${raw(script)}`;
}
