import { memoryFolder } from "../bootstrap/host-paths.ts";
import { onOwnUnit, planEndScript, SAME_PROCESS, startDaemonScript } from "../bootstrap/process-scripts.ts";
import { raw, sh } from "../connection/quote.ts";
import { beforeStartOf } from "../lab/before-start.ts";
import type { HostPaths, PlacedHost, PlacedInstance, Placement } from "../lab/placement.ts";
import { GONE, type TouchedInstance } from "./row.ts";

// Pieces of the scripts of all rows.

/** Where the faults of a lab are noted down on a host: a folder each. Nobody but root, or the owner of a local lab, can look into it. */
export function faultsFolder(paths: HostPaths, lab: string): string {
  return `${memoryFolder(paths)}/faults/${lab}`;
}

const running = (instances: readonly TouchedInstance[]) => instances.flatMap(({ process }) => (process === undefined ? [] : [process]));

/** Sends one signal to all of these processes at once, after each was proven to be the one that was looked at. */
export function signalScript(signal: "KILL" | "STOP" | "TERM", instances: readonly TouchedInstance[]): string {
  const processes = running(instances);
  if (processes.length === 0) return ":";
  const proofs = processes.map(({ pid, start }) => sh`same ${pid} ${start} || exit ${GONE}`).join("\n");
  return sh`${SAME_PROCESS}
${raw(proofs)}
kill -s ${raw(signal)} ${processes.map(({ pid }) => pid)}`;
}

/** Lets stopped processes go on; those that have ended are passed over. */
export function continueScript(instances: readonly TouchedInstance[]): string {
  const each = running(instances).map(({ pid, start }) => sh`if same ${pid} ${start}; then kill -s CONT ${pid}; fi`);
  return sh`${SAME_PROCESS}
${raw(each.join("\n"))}`;
}

/** Notes down in the folder of the fault that these processes were ended, so that an undo knows what to wait for. */
export const ENDED = sh`: > "$f/ended"`;

/** Starts what was ended, once that has ended: a server that still saves would be taken for one that runs, and one that still dies has the port. Nothing is started where the lab is about to be stopped. */
export function startAgainScript(placement: Placement, host: PlacedHost, instances: readonly TouchedInstance[]): string {
  const live = instances.filter(({ process }) => process !== undefined);
  const start = startScript(
    placement,
    host,
    live.map(({ instance }) => instance),
  );
  return unlessDown(sh`if [ -e "$f/ended" ]; then
${raw(untilGoneScript(live))}
fi
${raw(start)}`);
}

/** Waits until these processes have ended, ten seconds at most. */
export function untilGoneScript(instances: readonly TouchedInstance[]): string {
  const each = running(instances).map(
    ({ pid, start }) => sh`n=0; while same ${pid} ${start}; do n=$((n+1)); if [ "$n" -gt 200 ]; then exit 1; fi; sleep 0.05; done`,
  );
  return sh`${SAME_PROCESS}
${raw(each.join("\n"))}`;
}

/** Keeps systemd from starting killed instances again; nothing where daemons are. */
export function keepDownScript({ capabilities, lab }: Placement, instances: readonly TouchedInstance[]): string {
  if (capabilities.supervisor !== "systemd") return ":";
  return instances
    .map(
      ({ instance }) => sh`(${raw(onOwnUnit(lab.name, instance.unit, sh`systemctl --no-block stop ${`${instance.unit}.service`}`))}) || :`,
    )
    .join("\n");
}

/** Ends an instance the way that saves its data. */
export function endScript({ capabilities, lab }: Placement, host: PlacedHost, one: TouchedInstance): string {
  const { instance } = one;
  return capabilities.supervisor === "systemd"
    ? sh`(${raw(onOwnUnit(lab.name, instance.unit, sh`systemctl --no-block stop ${`${instance.unit}.service`}`))}) || exit 1`
    : sh`${raw(planEndScript(host, instance))}${raw(signalScript("TERM", [one]))}`;
}

/** Starts those that do not run, side by side, as `up` would: a crashed one asks the copies of its data first. Under systemd that goes on when the script has ended. */
function startScript(placement: Placement, host: PlacedHost, instances: readonly PlacedInstance[]): string {
  const { capabilities, lab } = placement;
  const each = instances.map((instance) => {
    if (capabilities.supervisor === "systemd") {
      const unit = `${instance.unit}.service`;
      return sh`(${raw(onOwnUnit(lab.name, instance.unit, sh`systemctl reset-failed ${unit} 2>/dev/null; systemctl --no-block start ${unit}`))}) || rc=1`;
    }
    const before = beforeStartOf(host, instance);
    const ask = before === undefined ? "" : sh`sh ${before.script} >/dev/null 2>&1 || exit 1; `;
    return sh`( if runs ${instance.pidFile} ${`:${instance.port}`}; then exit 0; fi; ${raw(ask)}${raw(startDaemonScript(placement, host, instance))} >/dev/null 2>&1 ) &
p="$p $!"`;
  });
  return sh`${raw(runsScript(host))}
rc=0; p=
${raw(each.join("\n"))}
for one in $p; do wait "$one" || rc=1; done
[ "$rc" = 0 ]`;
}

/** `runs PIDFILE :PORT`: whether the process of a pid file is this host's server of that port. */
function runsScript({ paths }: PlacedHost): string {
  return sh`runs() {
  q=; if [ -r "$1" ]; then IFS= read -r q < "$1" || :; fi
  case $q in '' | *[!0-9]*) return 1 ;; esac
  case $(readlink "/proc/$q/exe" 2>/dev/null) in ${`${paths.prefix}/`}*) ;; *) return 1 ;; esac
  case "$(tr '\\000' ' ' < "/proc/$q/cmdline" 2>/dev/null) " in *"$2 "*) ;; *) return 1 ;; esac
}`;
}

/** A piece of an undo that is left out where the lab is about to be stopped. */
export function unlessDown(script: string): string {
  return sh`if [ "$why" != down ]; then
${raw(script)}
fi`;
}
