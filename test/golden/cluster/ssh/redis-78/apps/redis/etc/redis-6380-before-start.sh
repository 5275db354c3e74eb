# Managed by redis-lab: lab cluster, instance redis-78:6380. Replaced as a whole by the next `up`.
# Read by sh before every start of the instance, and with the word "stop" before a planned stop. POSIX sh, with awk, od, head, tail and timeout.
#
# After a crash the disk has the last snapshot alone, while replicas that were in step have all: a master that is back before it was failed over would make them
# throw away what came since. So it asks the other copies of its data first. While one of them still follows it, it waits for the failover; when that is overdue,
# the copy with the most data leads. A copy that gives no answer is waited for a short time only, so that nothing waits for ever.
LC_ALL=C; export LC_ALL
umask 077
conf='/apps/redis/etc/redis-6380.conf'
data='/apps/redis/data'
pid='/apps/redis/run/redis-6380.pid'
mark='/apps/redis/run/redis-6380.stopped'
note='/apps/redis/run/redis-6380.note'
log='/apps/redis/logs/redis-6380.log'
cli='/apps/redis/bin/redis-cli'
dump='/apps/redis/data/dump-6380.rdb'
aof='/apps/redis/data/appendonly-6380.aof'
overdue=35 # Seconds after which the layout should have failed over by itself; 0: nobody does.
patience=15 # Seconds for which copies that give no answer are waited for: their hosts may be starting as well.
longest=240 # Seconds after which a copy that loads its data, or a hand-over that fails, is waited for no more.

if [ "${1:-}" = stop ]; then
  # Without a main process it ended by itself, and that was not planned.
  if [ -n "${MAINPID:-}" ]; then printf '' > "$mark" || echo "redis-lab: $mark can't be written: the next start takes this stop for a crash"; fi
  exit 0
fi

say() {
  if [ "$said" = "$1" ]; then return; fi
  said=$1
  printf '%s\n' "$1" > "$note.new" && mv -f -- "$note.new" "$note"
  printf '%s\n' "redis-lab: $1"
  printf '%s\n' "$(date '+%d %b %H:%M:%S') redis-lab: $1" >> "$log"
}
start() {
  if [ -n "${1:-}" ]; then said=; say "$1"; else rm -f -- "$note"; fi
  rm -f -- "$mark"
  exit 0
}
trap 'rm -f -- "$note"; exit 143' HUP INT TERM
now() { read -r t rest < /proc/uptime; echo "${t%.*}"; }
# The last value of a directive.
setting() { awk -v name="$1" '$1 == name { value = $2 } END { gsub(/"/, "", value); print value }' "$conf"; }
is_number() { case $1 in '' | *[!0-9]*) return 1 ;; esac; }

said=
appendonly=$(setting appendonly)
# It ended as it should, and what it had is on its disk.
if [ -e "$mark" ] && [ ! -e "$pid" ] && { [ "$appendonly" = yes ] || grep -Eq '^save +"?[0-9]' "$conf"; }; then start; fi

# The copies of the data of this instance as ADDRESS:PORT; none where it is not a master.
copies=
nodes='/apps/redis/data/nodes-6380.conf'
if [ ! -s "$nodes" ]; then start; fi
me=$(awk '$3 ~ /(^|,)myself(,|$)/ && $3 ~ /(^|,)master(,|$)/ { print $1 }' "$nodes")
if [ -z "$me" ]; then start; fi
own='192.168.1.78:6380'
for at in $(awk -v me="$me" '$3 ~ /(^|,)slave(,|$)/ && $4 == me { sub(/[@,].*/, "", $2); print $2 }' "$nodes"); do
  case $at in *[!0-9a-fA-F.:]* | :*) ;; *:[1-9]*) copies="$copies $at" ;; esac
done
if [ -z "$copies" ]; then start; fi

password=$(setting requirepass)
# ADDRESS:PORT and commands; the password travels by standard input.
ask() {
  at=$1; shift
  { if [ -n "$password" ]; then printf 'AUTH %s\n' "$password"; fi; printf '%s\n' "$@"; } |
    timeout 3 "$cli" -h "${at%:*}" -p "${at##*:}" 2>/dev/null | tr -d '\r'
}
# What one copy says of itself.
hear() {
  role=; of=; at_port=; link=; down=; offset=; stream=; former=; loading=; full=no
  answer=$(ask "$1" 'INFO replication' 'INFO persistence' 'INFO keyspace')
  while IFS=: read -r key value; do
    case $key in
      role) role=$value ;; master_host) of=$value ;; master_port) at_port=$value ;; master_link_status) link=$value ;;
      master_link_down_since_seconds) down=$value ;; slave_repl_offset) offset=$value ;; master_replid) stream=$value ;;
      master_replid2) former=$value ;; loading) loading=$value ;; db[0-9]*) full=yes ;;
    esac
  done <<END
$answer
END
  is_number "$offset" || offset=0
  if [ "$link" = up ]; then down=0; fi
  # A replica that has not seen its master since its own start says -1, or the seconds since 1970.
  if ! is_number "$down" || [ "$down" -gt 1000000000 ]; then down=1000000000; fi
}
# All of them: who follows this instance and for how long without it, and which of those has the most.
look() {
  followers=; silent=; heard=; heir=; masters=; since=1000000000; best=; best_offset=-1; best_stream=; best_full=no
  for copy in $copies; do
    hear "$copy"
    if [ -z "$role" ] || [ "$loading" = 1 ]; then
      silent="$silent $copy"
      if [ "$loading" = 1 ]; then heard=loading; fi
      continue
    fi
    if [ -z "$heard" ]; then heard=yes; fi
    if [ "$role" = slave ] && [ "$of:$at_port" = "$own" ]; then
      followers="$followers $copy"
      case " $followed " in *" $copy "*) ;; *) followed="$followed $copy" ;; esac
      if [ "$down" -lt "$since" ]; then since=$down; fi
      if [ "$offset" -gt "$best_offset" ]; then best=$copy; best_offset=$offset; best_stream=$stream; best_full=$full; fi
    elif [ "$role" = master ] && [ "$full" = yes ]; then
      masters="$masters $copy"
      # It followed this instance a moment ago, or its data come from the stream in the snapshot here.
      case " $followed " in *" $copy "*) heir=$copy ;; esac
      if [ -n "$disk_stream" ] && [ "$former" = "$disk_stream" ]; then heir=$copy; fi
    fi
  done
}
# Stream and offset at the head of the snapshot (rdbSaveInfoAuxFields in rdb.c of 4.0.14); numbers may be kept as integers of 1, 2 or 4 bytes.
read_disk() {
  disk=none; disk_stream=; disk_offset=
  if [ "$appendonly" = yes ] && { [ -s "$aof" ] || [ -d "$data/appendonlydir" ]; }; then disk=aof; return; fi
  if [ ! -s "$dump" ]; then return; fi
  disk=snapshot
  set -- $(head -c 1024 -- "$dump" | od -An -v -tu1 | awk '
    function signed(v, top) { return v >= top ? v - 2 * top : v }
    function text(  kind, size, s) {
      kind = b[at++]
      if (kind < 64) { s = ""; while (kind-- > 0) s = s sprintf("%c", b[at++] + 0); return s }
      if (kind == 192) { return signed(b[at++], 128) }
      if (kind == 193) { at += 2; return signed(b[at - 2] + 256 * b[at - 1], 32768) }
      if (kind == 194) { at += 4; return signed(b[at - 4] + 256 * b[at - 3] + 65536 * b[at - 2] + 16777216 * b[at - 1], 2147483648) }
      at = n; return ""
    }
    { for (i = 1; i <= NF; i++) b[n++] = $i }
    END {
      at = 9
      while (at < n && b[at] == 250) { at++; key = text(); value = text(); if (key == "repl-id") stream = value; if (key == "repl-offset") offset = value }
      if (length(stream) == 40) print stream, offset
    }')
  disk_stream=${1:-}; disk_offset=${2:-}
}
# Whether the best copy has more than the disk here.
is_ahead() {
  case $disk in
    aof) return 1 ;;
    none) [ "$best_full" = yes ] ;;
    *)
      if [ "$best_stream" = "$disk_stream" ] && is_number "$disk_offset"; then [ "$best_offset" -gt "$disk_offset" ]; return; fi
      # The snapshot is of an earlier life of this instance than the one that the copy followed to its end.
      [ "$since" -lt 1000000000 ] && [ "$best_full" = yes ] ;;
  esac
}
# Makes the best copy the master. Only this script does it, and the instance does not run: nobody else can be its master meanwhile.
lead() {
  ask "$best" 'CLUSTER FAILOVER TAKEOVER' > /dev/null
  for try in 1 2 3 4 5 6 7 8 9 10; do
    hear "$best"
    if [ "$role" = master ]; then break; fi
    sleep 0.2
  done
  if [ "$role" != master ]; then return 1; fi
}

read_disk
followed=
begin=$(now)
while :; do
  look
  waited=$(($(now) - begin))
  if [ -z "$followers" ]; then
    if [ -n "$followed$masters" ]; then start "was failed over, and joins as a replica (waited $waited s)"; fi
    if [ "$heard" = loading ] && [ "$waited" -lt "$longest" ]; then
      say "waits until$silent has loaded its data, to see which copy has the most"
    elif [ -z "$heard" ] && [ "$waited" -lt "$patience" ]; then
      say "waits at most $patience s for an answer of$silent, to see which copy has the most"
    elif [ -z "$heard" ]; then
      start "starts with what its disk has: no other copy of its data answered within $patience s"
    else
      start
    fi
  elif [ "$since" -lt "$overdue" ] && [ "$waited" -lt "$overdue" ]; then
    say "waits at most $overdue s until it is failed over: its disk may lack what$followed has"
  elif [ -n "$silent" ] && [ "$waited" -lt "$patience" ]; then
    say "waits at most $patience s for an answer of$silent, to see which copy has the most"
  elif [ -n "$masters" ]; then
    start "starts, and the layout makes it a replica:$masters took over"
  elif ! is_ahead; then
    start "leads with what its disk has: $best has no more"
  elif [ -n "$silent" ]; then
    # Another copy may have been elected where this host can't see it, and a takeover here would undo that.
    start "starts with what its disk has, though $best has more: the failover is overdue, and$silent gives no answer"
  elif lead; then
    start "handed over to $best, which has more than its disk, and joins as its replica"
  elif [ "$waited" -ge "$longest" ]; then
    start "starts with what its disk has, though $best has more: it could not be made the master"
  fi
  sleep 0.5
done
