/** What `--help` says of each fault: what it does, in one line without a full stop, and what stands behind its name in an example. The rest is its row (faults.ts), which is loaded when one is made. */
export const FAULT_WORDS = {
  kill: {
    about: "the process ends without saving (SIGKILL); with `--for` it stays down that long, also under systemd",
    example: "master-of:slot:5000",
  },
  stop: { about: "the process saves and ends (SIGTERM), and no role is handed over before", example: "redis-28:6379" },
  hang: { about: "the process stands still (SIGSTOP): its port takes connections, and nothing is answered", example: "redis-18 --for 20s" },
  flapping: { about: "the process stands still and goes on again, by turns", example: "replica-of:redis-18 --every 2s --for 1m" },
  "restart-empty": {
    about: "the process is killed and starts at once without its data, which go to a folder beside them, and without asking its replicas",
    example: "master",
  },
  reboot: {
    about: "the host restarts; where hosts are folders of this computer, all of its instances go down hard and start again",
    example: "redis-38",
  },
  "power-off": {
    about: "the cables of a host first, then all of its processes: nothing is closed, nothing is answered",
    example: "host-with-two-masters --for 2m",
  },
  partition: {
    about: "two sides do not reach each other; without a second side it is all other hosts",
    example: "redis-18,redis-58 redis-28 --for 1m",
  },
  isolate: { about: "a host reaches no other host of the lab, and none reaches it", example: "master-of:slot:5000 --keep-clients" },
  loss: { about: "packets between a host and the others of the lab are lost by chance", example: "redis-28 --percent 20" },
  slow: {
    about: "packets of a host to the others of the lab are late (unverified: no kernel with netem was at hand)",
    example: "redis-28 --delay 200ms",
  },
  "disk-full": {
    about: "a ballast file fills the file system of the data folder, where that is a small one of the host's own",
    example: "redis-18",
  },
  "disk-read-only": {
    about:
      "the file system of the data folder is mounted read-only, where it is a small one of the host's own and no file there is open for writing",
    example: "redis-18",
  },
  "memory-full": {
    about: "maxmemory is one byte and nothing is evicted, set at run time: every write that needs memory is refused (OOM), and no key goes",
    example: "master",
  },
  clock: {
    about: "the clock of a host jumps, and what keeps it right is stopped (unverified: it was not tried on VMs yet)",
    example: "redis-28 --by 60",
  },
} as const satisfies Readonly<Record<string, { readonly about: string; readonly example: string }>>;

/** The faults by name. */
export type FaultName = keyof typeof FAULT_WORDS;
export const FAULT_NAMES = Object.keys(FAULT_WORDS) as readonly FaultName[];

export const isFaultName = (name: string): name is FaultName => Object.hasOwn(FAULT_WORDS, name);
