import { AS_REPLICA } from "./words.ts";

/** How an option is given: alone, with a value, or with values that add up. */
export type OptionShape = "flag" | "value" | "required" | "values";

/** Options of the commands, those that redis-trib.rb 4.0.14 had first and in its order. */
export interface CommandSpec {
  readonly name: string;
  /** Words with the command itself; negative: at least so many (check_arity). */
  readonly arity: number;
  readonly usage: string;
  /** In the order of the help. */
  readonly options: Readonly<Record<string, OptionShape>>;
  /** What redis-trib.rb did not have. */
  readonly more: Readonly<Record<string, OptionShape>>;
  /** A command that redis-trib.rb did not have. */
  readonly added?: true;
}

const HOST = "host:port";

export const COMMANDS: readonly CommandSpec[] = [
  { name: "create", arity: -2, usage: "host1:port1 ... hostN:portN", options: { replicas: "value" }, more: { yes: "flag" } },
  { name: "check", arity: 2, usage: HOST, options: {}, more: { "search-multiple-owners": "flag" } },
  { name: "info", arity: 2, usage: HOST, options: {}, more: {} },
  {
    name: "fix",
    arity: 2,
    usage: HOST,
    options: { timeout: "value" },
    more: { "search-multiple-owners": "flag", "fix-with-unreachable-masters": "flag", pipeline: "value", replace: "flag" },
  },
  {
    name: "reshard",
    arity: 2,
    usage: HOST,
    options: { from: "value", to: "value", slots: "value", yes: "flag", timeout: "value", pipeline: "value" },
    more: { replace: "flag" },
  },
  {
    name: "rebalance",
    arity: -2,
    usage: HOST,
    options: {
      weight: "values",
      "auto-weights": "flag",
      "use-empty-masters": "flag",
      timeout: "value",
      simulate: "flag",
      pipeline: "value",
      threshold: "value",
    },
    more: { replace: "flag" },
  },
  {
    name: "add-node",
    arity: 3,
    usage: "new_host:new_port existing_host:existing_port",
    options: { [AS_REPLICA]: "flag", "master-id": "value" },
    more: {},
  },
  { name: "del-node", arity: 3, usage: "host:port node_id", options: {}, more: {} },
  { name: "set-timeout", arity: 3, usage: "host:port milliseconds", options: {}, more: {} },
  {
    name: "call",
    arity: -3,
    usage: "host:port command arg arg .. arg",
    options: {},
    more: { "only-masters": "flag", "only-replicas": "flag" },
  },
  {
    name: "import",
    arity: 2,
    usage: HOST,
    options: { from: "required", copy: "flag", replace: "flag" },
    more: {
      "from-user": "value",
      "from-pass": "value",
      "from-askpass": "flag",
      "from-password-file": "value",
    },
  },
  { name: "backup", arity: 3, usage: "host:port folder", options: {}, more: {}, added: true },
  { name: "help", arity: 1, usage: "(show this help)", options: {}, more: {} },
];

/** Options of every command, before it or behind it. */
export const COMMON: Readonly<Record<string, "flag" | "value">> = {
  "--verbose": "flag",
  "--password-file": "value",
  "--askpass": "flag",
  "--user": "value",
  "--pass": "value",
  "-a": "value",
  "--no-auth-warning": "flag",
};
