import { SAME_PROCESS } from "../bootstrap/process-scripts.ts";
import { raw, sh } from "../connection/quote.ts";
import type { HostPart } from "./row.ts";
import { HEALED } from "./row.ts";

// What is noted down on a host before a fault is made there, and the scripts that end it. A fault is a folder: `about`, one line of JSON for people and for `doctor`; `undo`, of the row; `heal`, which runs it and
// removes the folder; `timer`, the proof of the process that waits for the deadline. The folder is what says that the fault is open: it is there before the fault is made, and goes after it was undone.

/** One line about a fault. It is on disks of hosts: what is read back is checked. */
export interface FaultNote {
  readonly id: string;
  readonly fault: string;
  readonly lab: string;
  /** Instance ids or host names. */
  readonly touched: readonly string[];
  /** ISO times. */
  readonly begun: string;
  readonly until?: string | undefined;
}

/** Longest stretch between two tries of a host to heal itself, in seconds, and how often it tries. */
const AGAIN_SECONDS = 5;
const TRIES = 120;

const HEADER = `LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH`;

/** `born`: which start of this host it is. A container has that of its first process. `over FOLDER`: whether the host started since, which ended the fault. */
const OVER = raw(`born() {
  IFS= read -r boot < /proc/sys/kernel/random/boot_id; q=; if [ -r /proc/1/stat ]; then IFS= read -r q < /proc/1/stat; fi
  set -- \${q##*) }; printf '%s %s\\n' "$boot" "\${20}"
}
over() { [ -r "$1/born" ] && [ "$(cat "$1/born")" != "$(born)" ]; }`);

/** The unit of the timer, where systemd has one. */
export function timerUnit(id: string): string {
  return `redis-lab-fault-${id}`;
}

/** `sh FOLDER/heal [WHY]`: undoes one fault, ends its timer, and removes the folder. Two at the same time wait for each other, and the second finds nothing to do. */
function healFile(folder: string, id: string): string {
  return sh`${raw(HEADER)}
f=${folder}; why=\${1:-heal}
if [ ! -d "$f" ]; then exit 0; fi
${SAME_PROCESS}
${OVER}
undo() {
if command -v flock >/dev/null 2>&1; then flock -w 400 9 || exit 1; fi
if [ ! -e "$f/undo" ]; then exit 0; fi
if ! over "$f"; then why=$why f=$f sh "$f/undo" 9>&- || exit 1; fi
if [ "$why" != timer ] && [ -r "$f/timer" ]; then
  read -r p s b < "$f/timer"; IFS= read -r boot < /proc/sys/kernel/random/boot_id
  started=$s
  if [ "$b" = "$boot" ] && same "$p" "$started"; then kill -s TERM -- "-$p"; fi
fi
if [ -d /run/systemd/system ]; then systemctl stop ${`${timerUnit(id)}.timer`} >/dev/null 2>&1; fi
rm -rf -- "$f"; rmdir -- "\${f%/*}" "\${f%/*/*}" 2>/dev/null
exit 0
}
{ undo; } 9<"$f/lock"
if [ -d "$f" ]; then exit 1; fi`;
}

/** What waits for the deadline where systemd does not, and what systemd starts: it tries until it was healed. */
function timerFile(folder: string): string {
  return sh`${raw(HEADER)}
f=${folder}
if [ "$1" != 0 ]; then
  IFS= read -r q < "/proc/$$/stat"; q=\${q##*) }; t=$1; set -- $q; shift 19
  IFS= read -r boot < /proc/sys/kernel/random/boot_id
  printf '%s %s %s\n' "$$" "$1" "$boot" > "$f/timer.new" && mv -f -- "$f/timer.new" "$f/timer"
  sleep "$t"
fi
n=0
while [ -d "$f" ] && ! sh "$f/heal" timer >/dev/null 2>&1; do
  n=$((n+1)); if [ "$n" -ge ${TRIES} ]; then exit 1; fi
  sleep ${AGAIN_SECONDS}
done`;
}

/**
 * Notes a fault down and arms its timer; nothing is made yet. The timer is systemd's, and where there is none a process of our own in a session of its own.
 *
 * @param timing seconds until the host heals itself; undefined: nothing but `heal` undoes it. Whether there may be a systemd, and whether a start of the host ends the fault
 */
export function noteScript(
  folder: string,
  note: FaultNote,
  part: HostPart,
  { seconds, systemd, endsWithHost }: { readonly seconds: number | undefined; readonly systemd: boolean; readonly endsWithHost: boolean },
): string {
  const arm =
    seconds === undefined
      ? ""
      : sh`armed=
${raw(systemd ? sh`if [ -d /run/systemd/system ] && systemd-run ${`--unit=${timerUnit(note.id)}`} ${`--on-active=${seconds}`} --timer-property=AccuracySec=100ms -- /bin/sh "$f/wait" 0 >/dev/null 2>&1; then armed=yes; fi` : "")}
if [ -z "$armed" ]; then
  setsid sh "$f/wait" ${seconds} </dev/null >/dev/null 2>&1 &
  n=0; until [ -s "$f/timer" ]; do n=$((n+1)); if [ "$n" -gt 400 ]; then rm -rf -- "$f"; echo 'no process could be started that waits for the deadline' >&2; exit 1; fi; sleep 0.05; done
fi`;
  return sh`umask 077
f=${folder}
${OVER}
n=0; until mkdir -p -- "\${f%/*}" && mkdir -- "$f.new"; do n=$((n+1)); if [ "$n" -gt 20 ]; then exit 1; fi; done
${raw(endsWithHost ? sh`born > "$f.new/born" || exit 1` : "")}
printf '%s\n' ${JSON.stringify(note)} > "$f.new/about" && printf '%s\n' ${part.undo ?? ":"} > "$f.new/undo" && printf '%s\n' ${healFile(folder, note.id)} > "$f.new/heal" && printf '%s\n' ${timerFile(folder)} > "$f.new/wait" && : > "$f.new/lock" || exit 1
sync -f "$f.new/undo" 2>/dev/null
mv -- "$f.new" "$f" || exit 1
${raw(arm)}
:`;
}

/** Makes a fault that was noted down. One that was healed in the meantime is not made, or undone at once. */
export function makeScript(folder: string, part: HostPart): string {
  const undo = part.undo ?? ":";
  // Without flock it may have been healed while it was made.
  const late =
    part.undo === undefined
      ? ""
      : sh`if [ ! -d "$f" ]; then why=heal; (${raw(undo)}
) 9>&-; exit ${HEALED}; fi`;
  // What has no undo is over when it was made.
  const over = part.undo === undefined ? sh`rm -rf -- "$f"; rmdir -- "\${f%/*}" "\${f%/*/*}" 2>/dev/null` : "";
  return sh`umask 077
f=${folder}
if [ ! -d "$f" ]; then exit ${HEALED}; fi
make() {
if command -v flock >/dev/null 2>&1; then flock -w 50 9 || exit 1; fi
if [ ! -d "$f" ]; then exit ${HEALED}; fi
(${raw(part.make)}
) 9>&- </dev/null; rc=$?
${raw(late)}
if [ "$rc" != 0 ]; then exit "$rc"; fi
${raw(over)}
echo made
exit 0
}
{ make; } 9<"$f/lock"
exit ${HEALED}`;
}

/** Heals what is open of a lab on a host, the newest first. One line for each: `healed` or `failed`, and its id. @param ids of faults; empty for all */
export function healScript(faults: string, ids: readonly string[], why: "heal" | "down"): string {
  return sh`${OVER}
rc=0
for f in $(ls -1t -- ${faults} 2>/dev/null); do
  case $f in *[!0-9a-f]* | '') continue ;; esac
  ${raw(ids.length === 0 ? "" : sh`case ${` ${ids.join(" ")} `} in *" $f "*) ;; *) continue ;; esac`)}
  about=; if [ -r ${faults}"/$f/about" ]; then IFS= read -r about < ${faults}"/$f/about"; fi
  was=open; if over ${faults}"/$f"; then was=over; fi
  if said=$(sh ${faults}"/$f/heal" ${why} 2>&1 </dev/null); then if [ "$was" = open ]; then printf 'healed %s\n' "$about"; fi; else printf 'failed %s %s\n' "$f" "$(printf '%s' "$said" | tail -n 1)"; rc=1; fi
done
find ${faults} -maxdepth 1 -name '*.new' -mmin +1 -exec rm -rf -- {} + 2>/dev/null
exit "$rc"`;
}

/** Lists what is open of a lab on a host: `@ armed|overdue|alone` and the line about it. */
export function listScript(faults: string): string {
  return sh`${SAME_PROCESS}
${OVER}
IFS= read -r boot < /proc/sys/kernel/random/boot_id
for f in ${faults}/*/; do
  f=\${f%/}; if [ ! -r "$f/about" ] || over "$f"; then continue; fi
  armed=alone; id=\${f##*/}
  if [ -r "$f/timer" ]; then read -r p st b < "$f/timer"; if [ "$b" = "$boot" ] && same "$p" "$st"; then armed=armed; fi; fi
  if [ "$armed" = alone ] && [ -d /run/systemd/system ] && systemctl -q is-active "redis-lab-fault-$id.timer" 2>/dev/null; then armed=armed; fi
  IFS= read -r about < "$f/about"; printf '@%s %s\n' "$armed" "$about"
done
exit 0`;
}

/** A fault that is noted down on a host. */
export interface OpenOnHost extends FaultNote {
  /** Something on the host waits for the deadline. */
  readonly armed: boolean;
}

/** What `listScript` said; lines that are not of a fault are passed over. */
export function parseList(stdout: string): readonly OpenOnHost[] {
  return stdout.split("\n").flatMap((line) => {
    const [, armed, text = ""] = /^@(armed|alone) (.*)$/.exec(line) ?? [];
    const note = parseNote(text);
    return note === undefined ? [] : [{ ...note, armed: armed === "armed" }];
  });
}

const ID = /^[0-9a-f]{8}$/;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]{8,15}Z$/;

/** A line about a fault, from a host or from the state folder; undefined where it is none. */
export function parseNote(text: string): FaultNote | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { id, fault, lab, touched, begun, until } = value as Partial<Record<keyof FaultNote, unknown>>;
  const short = (word: unknown): word is string => typeof word === "string" && word.length > 0 && word.length <= 300;
  if (!short(id) || !ID.test(id) || !short(fault) || !short(lab) || !Array.isArray(touched) || touched.length > 1000) return undefined;
  if (!touched.every(short) || !short(begun) || !TIME.test(begun)) return undefined;
  if (until !== undefined && (!short(until) || !TIME.test(until))) return undefined;
  return { id, fault, lab, touched, begun, ...(until !== undefined && { until }) };
}
