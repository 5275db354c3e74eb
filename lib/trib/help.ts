import { COMMANDS } from "./options.ts";

/** The help of redis-trib.rb 4.0.14, line for line. */
export function helpText(): string {
  const lines = COMMANDS.filter(({ added }) => added !== true).flatMap(({ name, usage, options }) => [
    `  ${name.padEnd(15)} ${usage}`,
    ...Object.entries(options).map(([option, shape]) => `                  --${option}${shape === "flag" ? "" : " <arg>"}`),
  ]);
  return `Usage: redis-trib <command> <options> <arguments ...>

${lines.join("\n")}

For check, fix, reshard, del-node, set-timeout you can specify the host and port of any working node in the cluster.
`;
}

/** What came later: said apart, so that the help itself stays what it was. */
export function moreHelp(): readonly string[] {
  const lines = COMMANDS.flatMap(({ name, usage, more, added }) => {
    const options = Object.entries(more).map(([option, shape]) => `--${option}${shape === "flag" ? "" : " <arg>"}`);
    const words = added === true ? [usage, ...options] : options;
    return words.length === 0 ? [] : [`  ${name.padEnd(15)} ${words.join(" ")}`];
  });
  return [
    "",
    "Besides those of redis-trib.rb (all options also with the prefix --cluster-, and behind the arguments):",
    "",
    ...lines,
    "",
    "Passwords: --password-file <file>, REDISCLI_AUTH or REDIS_LAB_PASSWORD in the environment, or --askpass; --user <name> from Redis 6 on. -a <password> is taken too.",
  ];
}
