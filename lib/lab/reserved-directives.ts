/**
 * redis.conf directives that `redis.settings` may not name, with what to use instead: redis-lab derives them from the lab, and a second source for them would
 * let the file and the lab disagree.
 */
export const RESERVED_DIRECTIVES: Readonly<Record<string, string>> = {
  port: "give the host `instances: [PORT]`",
  bind: "the instance binds the host's `address`; a wildcard would also open it to every other network of the host",
  dir: "data is in PREFIX/data; change `redis.prefix`",
  logfile: "logs are in PREFIX/logs; change `redis.prefix`",
  pidfile: "pid files are in PREFIX/run; change `redis.prefix`",
  dbfilename: "several instances of a host share one data folder, so the name carries the port",
  appendfilename: "several instances of a host share one data folder, so the name carries the port",
  daemonize: "the target decides: no under systemd, yes on this computer",
  supervised: "the target decides: systemd where there is one",
  requirepass: "use `secrets.password`; a password in the lab would end in the repository",
  masterauth: "use `secrets.password`; it is the same as requirepass on purpose, since every master may become a replica",
  slaveof: "use the layout's `replicas`",
  replicaof: "use the layout's `replicas`",
  "cluster-enabled": 'use `layout: { kind: "cluster" }`',
  "cluster-config-file": "it is nodes-PORT.conf, one for each instance",
  "cluster-node-timeout": "use the layout's `nodeTimeoutMs`",
  masteruser: "redis-lab uses one password and the default user",
  include: "CONFIG REWRITE appends everything of an included file to the main one; write the directives themselves",
};
