// Which room of lib/ may import what: the tables that test/architecture.test.ts holds. A rule that must be broken is changed here, with the reason.

/** An arrow between two rooms: which files may be imported over it, and whether types alone. */
export interface Arrow {
  /** Files of the room that is imported, without `.ts`. @default all */
  readonly only?: RegExp;
  readonly types?: true;
  readonly why: string;
}

/** `room → room it may import`. Every room may import base, which imports none. */
export const ARROWS: Readonly<Record<string, Readonly<Record<string, Arrow>>>> = {
  base: {},
  redis: {},
  lab: {
    redis: {
      only: /^(words|version|products|products\/product|memory-units)$/,
      why: "a lab declares a version of a product, and is checked against its words and units",
    },
  },
  project: {
    lab: { why: "it loads labs, and keeps their secrets and state" },
    connection: { only: /^key-pair$/, why: "it makes the key of a lab" },
  },
  render: {
    lab: { why: "files are derived from a placed lab" },
    redis: {
      only: /^(words|split|constants|conf\/value)$/,
      why: "directives have the version's names, values the quotes that Redis reads",
    },
  },
  connection: { lab: { types: true, why: "the ssh settings of a host are its input" } },
  netns: {
    lab: { only: /^(namespaces|schema)$/, why: "which hosts the network of a lab has" },
    connection: { only: /^(local|quote|remote-dial|sockets)$/, why: "it is the place of a connection, and is made by scripts" },
  },
  bootstrap: {
    lab: { why: "a host is brought to what the placement says" },
    render: { why: "the wanted files" },
    connection: { why: "everything on a host is done through it" },
    redis: {
      only: /^(words|constants|version|products|products\/product|conf\/(conf|runtime))$/,
      why: "the product is fetched, compiled and installed, and configurations are merged around what it wrote; no server is spoken to",
    },
  },
  libvirt: {
    lab: { why: "what the VMs of a lab are called, and what they are made from" },
    bootstrap: { only: /^(cache|download)$/, why: "images are fetched and kept as sources are" },
    connection: { only: /^quote$/, why: "a serial console needs a shell around virsh" },
  },
  cluster: {
    redis: { why: "the servers are spoken to through it" },
    lab: { only: /^(instances|placement|layouts\/cluster)$/, why: "declared roles, and where the bus of a declared port is" },
  },
  sentinel: {
    redis: { why: "the servers are spoken to through it" },
    lab: { only: /^(layouts|placement|secrets)$/, why: "what is declared to be watched, and the password" },
  },
  replication: { redis: { why: "the servers are spoken to through it" } },
  transfer: {
    cluster: { why: "values travel to the masters of a cluster, and are compared as a move compares them" },
    redis: { why: "the servers are spoken to through it" },
  },
  fault: {
    lab: { why: "whom a fault meets, and what the target and the layout say of it" },
    bootstrap: {
      only: /^(facts|host-paths|process-scripts)$/,
      why: "where a host remembers, the proof of a process, and how an instance is started",
    },
    connection: { only: /^quote$/, why: "faults are scripts" },
  },
  trib: {
    transfer: { only: /^(backup|import|source|types)$/, why: "its verbs backup and import" },
    cluster: { why: "it says in redis-trib's words what the engine plans and does" },
    redis: { only: /^(client|client-pool|errors|info|reply-error|types)$/, why: "call and import speak to servers themselves" },
    connection: { only: /^socket(s|-owner)$/, why: "it reaches nodes from this computer alone" },
  },
  drill: {
    redis: { why: "clients as applications use them; an observer asks servers and reads their logs" },
    cluster: { only: /^model\/slots$/, why: "keys that lie in a shard" },
    lab: { only: /^layouts$/, types: true, why: "a drill is for layouts" },
    fault: { types: true, why: "what is asked of a fault, and what was made" },
  },
  operations: {
    drill: { why: "a load is started, drills are run and judged" },
    bootstrap: { why: "hosts first" },
    cluster: { why: "then the layout" },
    sentinel: { why: "then the layout" },
    replication: { why: "then the layout" },
    transfer: { why: "backup, restore and import" },
    fault: { why: "faults are made and undone around what it plans" },
    connection: { why: "a session opens and closes the connections" },
    netns: { why: "a session enters the network of its lab, and up and down make and remove it" },
    libvirt: { why: "VMs are looked at, and told to start and stop, around what Terraform does" },
    project: { why: "state, secrets and lock" },
    lab: { why: "the lab itself" },
    render: { why: "doctor compares with the wanted files" },
    redis: { why: "it hands clients to the engines, and sets at run time what needs no restart" },
  },
  report: {
    operations: { types: true, why: "it shows results and decides nothing" },
    bootstrap: { types: true, why: "plans of hosts" },
    cluster: { types: true, why: "plans and findings" },
    sentinel: { types: true, why: "plans and findings" },
    drill: { types: true, why: "what a drill found" },
    transfer: { types: true, why: "what was brought over" },
    fault: { only: /^(faults|words|targets)$/, why: "the list of faults" },
    project: { only: /^scaffold$/, types: true, why: "the document of init says what it made" },
    lab: { why: "the inventory, and which columns the row of a layout asks for" },
    redis: { only: /^constants$/, why: "how many slots there are" },
  },
  engine: {
    operations: { why: "a function of the package is one call of these" },
    project: { only: /^(project|state)$/, why: "where a lab keeps what is remembered of it, and the target that is meant" },
    lab: { only: /^(define-lab|schema|targets)$/, why: "a program hands in a lab" },
    cluster: {
      only: /^(plan\/(moves|membership|saved-plan)|move\/types|model\/(types|view))$/,
      why: "the request of a cluster verb is a plan in the making",
    },
    transfer: { types: true, why: "what was brought over" },
    connection: { only: /^quote$/, why: "commands in texts are to be typed" },
  },
  cli: {
    engine: { only: /^invocation$/, why: "commands in texts name the lab as it was named" },
    trib: { why: "redis-trib is a command line of its own" },
    operations: { why: "a verb is one call of these" },
    report: { why: "and one of these" },
    drill: { only: /^load\/settings$/, why: "defaults of the options of a load" },
    project: { why: "labs file, target, secrets" },
    lab: { why: "inventory and render need no session" },
    render: { why: "the verb render" },
    redis: { why: "the verb cli formats replies" },
    cluster: {
      only: /^(plan\/(moves|membership|saved-plan)|model\/(errors|types|view))$/,
      why: "the request of a cluster verb is a plan in the making",
    },
    connection: { only: /^quote$/, why: "the verb logs runs tail" },
    bootstrap: { types: true, why: "what events and plans hold" },
    fault: { only: /^(words|errors|row)$/, why: "the faults and roles of a command line" },
  },
};

/** What the stacks may use of lib/. They make no machines themselves, and so need no connection and no engine. */
export const STACKS: Readonly<Record<string, Arrow>> = {
  base: { why: "the one shape of errors" },
  lab: { why: "a stack is derived from a lab" },
  render: { why: "cloud-init, and the digest of what the hosts are to have" },
  project: { why: "labs file, key, generated passwords and what was applied last" },
  libvirt: {
    only: /^(images|names|glance)$/,
    why: "where the image lies that preflight fetches, what it is called there, and what is in the way of a deploy",
  },
};

/** Files that hand an output of the process on, past print.ts: to what, and what keeps foreign text out of it. */
export const PASSED_STREAMS: Readonly<Record<string, string>> = {
  "lib/report/colours.ts": "asks whether it takes colours",
  "lib/report/table.ts": "asks whether it takes colours",
  "lib/report/progress-terminal.ts": "listr2 draws the live display; each row is made harmless before",
  "lib/cli/interruption.ts": "listens to its errors",
  "lib/cli/confirm.ts": "readline asks the question, which is made harmless before",
  "lib/cli/verbs/cli.ts": "readline shows the prompt, which is of the lab, and what is typed",
  "lib/cli/verbs/cluster/data.ts": "a secret is typed there",
  "lib/cli/verbs/watch.ts": "the screen of `status --watch`, which makes harmless what it shows",
  "lib/cli/trib.ts": "a secret is typed there",
};

/** Packages, and modules of Node, that one room alone may import, so that they can be replaced, and are loaded only where they are needed. */
export const HOMES: Readonly<Record<string, RegExp>> = {
  ssh2: /^lib\/connection\/(ssh|key-pair)/,
  commander: /^lib\/cli\/(run|program|usage-error|values)\.ts$/,
  listr2: /^lib\/report\/progress-terminal\.ts$/,
  "cli-table3": /^lib\/report\//,
  picocolors: /^lib\/report\//,
  yaml: /^lib\/report\//,
  jiti: /^lib\/project\//,
  acorn: /^lib\/project\/locate\.ts$/,
  "fastest-levenshtein": /^lib\/base\/nearest\.ts$/,
  handlebars: /^lib\/render\/template\.ts$/,
  "@redis/client": /^lib\/redis\//,
  "@xmldom/xmldom": /^lib\/libvirt\/xml\.ts$/,
  "node:child_process": /^lib\/base\/(process|file-lock|lasting-process|helper-process)\.ts$/,
  "hdr-histogram-js": /^lib\/drill\/(load\/latencies|checks\/latency)\.ts$/,
  valibot: /^lib\/(lab|project|drill\/reading|cluster\/(apply\/journal|model\/actions\/.*|plan\/saved-plan)|transfer\/manifest)/,
};

/** Rooms that reach the outside through what they are handed: which modules of Node they may import all the same. */
export const PURE: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  lab: { "node:crypto": /^(secrets|vms)\.ts$/ },
  render: { "node:crypto": /^digest\.ts$/, "node:fs": /^template\.ts$/, "node:path": /^template\.ts$/, "node:url": /^template\.ts$/ },
  redis: { "node:buffer": /./, "node:crypto": /./, "node:stream": /./ },
  cluster: {
    "node:fs/promises": /^apply\/journal\.ts$/,
    "node:path": /^apply\/journal\.ts$/,
    "node:crypto": /^(apply\/(journal|prove)|plan\/saved-plan)\.ts$/,
  },
  // Files that are imported and backups are on this computer, and so is the server that reads them.
  transfer: {
    "node:fs/promises": /^(data-file|check-rdb|temporary-server|snapshot|backup|verify)\.ts$/,
    "node:fs": /^(temporary-server|verify)\.ts$/,
    "node:path": /^(data-file|temporary-server|backup|verify|restore)\.ts$/,
    "node:os": /^temporary-server\.ts$/,
    "node:net": /^temporary-server\.ts$/,
    "node:stream": /^snapshot\.ts$/,
    "node:crypto": /^(snapshot|backup|verify)\.ts$/,
  },
  sentinel: {},
  replication: {},
  fault: {},
  trib: { "node:dns/promises": /^addresses\.ts$/, "node:net": /^addresses\.ts$/ },
};

/** Files that write with functions of Node instead of lib/base/atomic.ts, and why half a file does no harm there. Nothing may need hard links: some file systems have none. */
export const WRITERS: Readonly<Record<string, string>> = {
  "lib/base/atomic.ts": "it is what the others use",
  "lib/base/file-lock.ts": "a lock says who has it, for people alone",
  "lib/base/temporary-folder.ts": "it makes the temporary folders, for all",
  "lib/drill/ledger.ts": "lines of operations, one write(2) for many; readers leave a torn one out",
  "lib/connection/known-hosts.ts": "host keys are added with one write, and half of one is not a key",
  "lib/connection/ssh.ts": "a download, into the temporary file of replaceFile",
  "lib/connection/ssh-config.ts": "what ssh is asked with, in a temporary folder",
  "lib/connection/local.ts": "a script that is too long for an argument, in a temporary folder",
  "lib/bootstrap/build.ts": "through intoCache",
  "lib/bootstrap/source.ts": "through intoCache",
  "lib/bootstrap/download.ts": "into a temporary file of intoCache",
  "lib/bootstrap/cache.ts": "intoCache itself",
  "lib/bootstrap/distribution-source.ts": "settings of apt, in a folder for this run alone",
  "lib/libvirt/images.ts": "through intoCache",
  "lib/drill/run/event-log.ts": "a torn last line is left out by those who read a history",
  "lib/operations/drill/final-look.ts": "final values get their name once they are whole",
  "lib/cluster/apply/journal.ts": "a journal that can't be read is renamed",
  "lib/transfer/backup.ts": "a folder that is renamed when it is whole",
  "lib/transfer/snapshot.ts": "a data set, into such a folder",
  "lib/transfer/temporary-server.ts": "files of a server that ends with its process",
  "lib/project/scaffold.ts": "a new project, which is taken away again when it fails",
};

/** Where the wire words of Redis are written outside lib/redis, templates and comments. */
export const WIRE_WORDS_ELSEWHERE: readonly string[] = [
  "lib/drill/timeline/log-events.ts",
  "lib/lab/reserved-directives.ts",
  "lib/operations/doctor/instance-checks.ts",
  "lib/trib/words.ts",
];

/** Tests that are named after what they hold and not after a source file. */
export const NAMED_AFTER_A_MATTER: Readonly<Record<string, string>> = {
  "test/architecture.test.ts": "this file",
  "test/cluster/create.test.ts": "observe, plan and apply together, on real servers",
  "test/redis/parsers.test.ts": "all parsers, on recorded replies",
  "test/cluster/requests.test.ts": "requests of users as plans: moves, membership, references, differences",
  "test/cluster/move/sweep.test.ts": "moves that end anywhere, and what recovers from that",
  "test/trib/differential.test.ts": "what redis-cli --cluster plans on the same servers",
  "test/trib/transcripts.test.ts": "what redis-trib.rb itself said, on real servers",
  "test/render/golden.test.ts": "every file of both labs, byte for byte",
  "test/render/centos-7.test.ts": "what CentOS 7 needs otherwise than a newer system",
  "test/render/servers.test.ts": "real servers start from the files",
  "test/render/systemd-219.test.ts": "units of all labs, as the systemd of CentOS 7 reads them",
  "test/render/values.test.ts": "values stay inert in every template",
  "test/stacks/golden.test.ts": "the stacks of both labs, byte for byte",
  "test/stacks/way-out.test.ts": "the compiled app, with cdktn in the place of cdktf",
  "test/sentinel/form.test.ts": "observe, plan and apply together, on real servers",
  "test/bootstrap/up-local.test.ts": "all steps together, on this computer",
};
/** Folders of tests that span rooms, or belong to none. */
export const SPANNING = /^test\/(integration|machines|package|support|vms)\//;
