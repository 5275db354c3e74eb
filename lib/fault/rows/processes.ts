import { startDaemonScript } from "../../bootstrap/process-scripts.ts";
import { raw, sh } from "../../connection/quote.ts";
import type { PlacedInstance } from "../../lab/placement.ts";
import type { FaultContext, FaultRow, HostPart, TouchedHost, TouchedInstance } from "../row.ts";
import { continueScript, ENDED, endScript, keepDownScript, signalScript, startAgainScript, untilGoneScript } from "../scripts.ts";

// Faults of processes. Every one of them is proven to be the lab's before, and by its start time once more in the script that touches it.

const perHost = (context: FaultContext, part: (touched: TouchedHost) => Omit<HostPart, "host">): readonly HostPart[] =>
  context.touched.map((touched) => ({ host: touched.host.name, ...part(touched) }));

const each = (instances: readonly TouchedInstance[], says: (instance: PlacedInstance, pid: number) => string) =>
  instances.map(({ instance, process }) => (process === undefined ? `${instance.id} did not run` : says(instance, process.pid)));

/** Whether something starts a killed instance again before the fault is to end. */
const staysDown = ({ placement, forMs }: FaultContext) => placement.capabilities.supervisor === "daemon" || forMs !== undefined;

export const kill: FaultRow = {
  of: "instances",
  options: [],
  undone: "it is started",
  plan: (context) =>
    perHost(context, ({ host, instances }) => ({
      make: [
        signalScript("KILL", instances),
        ENDED,
        ...(context.forMs === undefined ? [] : [keepDownScript(context.placement, instances)]),
      ].join("\n"),
      undo: startAgainScript(context.placement, host, instances),
      says: each(
        instances,
        ({ id }, pid) => `${id} killed (process ${pid})${staysDown(context) ? "" : "; systemd starts it again after some seconds"}`,
      ),
    })),
};

export const stop: FaultRow = {
  of: "instances",
  options: [],
  undone: "it is started",
  plan: (context) =>
    perHost(context, ({ host, instances }) => ({
      make: [...instances.map((one) => (one.process === undefined ? ":" : endScript(context.placement, host, one))), ENDED].join("\n"),
      undo: startAgainScript(context.placement, host, instances),
      says: each(instances, ({ id }, pid) => `${id} stopped (process ${pid}): it saves and ends`),
    })),
};

export const hang: FaultRow = {
  of: "instances",
  options: [],
  defaultMs: 30_000,
  takes: "process",
  undone: "it goes on (SIGCONT)",
  plan: (context) =>
    perHost(context, ({ instances }) => ({
      make: signalScript("STOP", instances),
      undo: continueScript(instances),
      says: each(instances, ({ id }, pid) => `${id} stands still (process ${pid})`),
    })),
};

/** Half of each period. */
const halfSeconds = ({ options }: FaultContext) => (options.every ?? 4_000) / 2_000;

export const flapping: FaultRow = {
  of: "instances",
  options: ["every"],
  defaultMs: 60_000,
  takes: "process",
  undone: "the turns end, and it goes on (SIGCONT)",
  plan: (context) =>
    perHost(context, ({ instances }) => {
      const half = halfSeconds(context);
      const loop = sh`f=$1
read -r q < /proc/$$/stat; q=\${q##*) }; set -- $q; shift 19; printf '%s %s\n' "$$" "$1" > "$f/loop.new" && mv -f "$f/loop.new" "$f/loop"
while [ -e "$f/loop" ]; do
  (${raw(signalScript("STOP", instances))}) || exit 0
  sleep ${half}
  ${raw(continueScript(instances))}
  sleep ${half}
done
`;
      return {
        make: sh`printf '%s' ${loop} > "$f/loop.sh"
setsid sh "$f/loop.sh" "$f" </dev/null >/dev/null 2>&1 &
n=0; until [ -e "$f/loop" ]; do n=$((n+1)); if [ "$n" -gt 200 ]; then exit 1; fi; sleep 0.05; done`,
        undo: sh`${raw(continueScript(instances))}
if [ -r "$f/loop" ]; then
  read -r q r < "$f/loop"; rm -f "$f/loop"
  if same "$q" "$r"; then kill -s TERM -- "-$q"; fi
  n=0; while same "$q" "$r" && [ "$n" -lt 100 ]; do n=$((n+1)); sleep 0.05; done
fi
${raw(continueScript(instances))}`,
        says: each(instances, ({ id }, pid) => `${id} stands still for ${half} s of every ${half * 2} s (process ${pid})`),
      };
    }),
};

/** What a server keeps of its data set; nodes.conf, which is who it is, stays. */
const dataOf = (port: number) =>
  ["", "appendonlydir/"]
    .flatMap((folder) => [sh`${`${folder}dump-${port}.rdb`}`, sh`${`${folder}appendonly-${port}.aof`}*`, sh`${`${folder}temp-${port}.`}*`])
    .join(" ");

export const restartEmpty: FaultRow = {
  of: "instances",
  dataOnly: true,
  options: [],
  noDuration: "it runs again as soon as the fault is made",
  undone: "nothing to undo; the data stay in the folder that is named",
  plan: (context) =>
    perHost(context, ({ host, instances }) => {
      const { placement, id } = context;
      const aside = (port: number) => `${host.paths.data}/emptied-${id}-${port}`;
      const live = instances.filter(({ process }) => process !== undefined);
      const start = live.map(({ instance }) => startEmpty(context, host, instance)).join("\n");
      const moves = live.map(
        ({ instance: { port } }) => sh`mkdir -m 700 -- ${aside(port)} && cd ${host.paths.data} || exit 1
for e in ${raw(dataOf(port))}; do if [ -e "$e" ]; then mv -- "$e" ${aside(port)}/ || exit 1; fi; done`,
      );
      return {
        make: [signalScript("KILL", live), keepDownScript(placement, live), untilGoneScript(live), ...moves, start].join("\n"),
        undo: undefined,
        says: each(
          instances,
          ({ id: name, port }, pid) => `${name} killed (process ${pid}) and started without its data, which are in ${aside(port)}`,
        ),
      };
    }),
};

function startEmpty({ placement, id }: FaultContext, host: TouchedHost["host"], instance: PlacedInstance): string {
  if (placement.capabilities.supervisor === "daemon") {
    // The same server as by a start of `up`, without the question to its replicas.
    return sh`(${raw(startDaemonScript(placement, host, instance))} >/dev/null 2>&1) || exit 1`;
  }
  const unit = `${instance.unit}.service`;
  const folder = `/run/systemd/system/${unit}.d`;
  const file = `${folder}/zz-redis-lab-${id}.conf`;
  return sh`mkdir -p -- ${folder} && printf '[Service]\\nExecStartPre=\\n' > ${file} && systemctl daemon-reload
systemctl stop ${unit}; systemctl reset-failed ${unit} 2>/dev/null
systemctl start ${unit}; rc=$?
rm -f -- ${file}; rmdir -- ${folder} 2>/dev/null; systemctl daemon-reload
[ "$rc" = 0 ] || exit 1`;
}
