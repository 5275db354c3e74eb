import { describe, expect, test } from "vitest";
import { hasSecrets, parseArguments, withoutSecrets } from "../../lib/trib/arguments.ts";

const error = (line: string) => ({ kind: "error", line });

function parsed(...argv: readonly string[]) {
  const result = parseArguments(argv);
  if (result.kind !== "command") throw new Error(JSON.stringify(result));
  const { command, words, options } = result.arguments;
  return { command: command.name, words, has: options.has, value: options.value, values: options.values };
}

describe("as redis-trib.rb reads it", () => {
  test("nothing shows the help and fails", () => {
    expect(parseArguments([])).toEqual({ kind: "help", code: 1 });
    expect(parseArguments(["help"])).toEqual({ kind: "help", code: 0 });
  });

  test("an unknown command is named as it was typed, a known one in any case", () => {
    expect(parseArguments(["Chek", "a:1"])).toEqual(error("Unknown redis-trib subcommand 'Chek'"));
    expect(parseArguments(["--replicas", "1"])).toEqual(error("Unknown redis-trib subcommand '--replicas'"));
    expect(parsed("CHECK", "a:1").command).toBe("check");
  });

  test("an option of another command is unknown", () => {
    expect(parseArguments(["check", "--replicas", "1", "a:1"])).toEqual(error("Unknown option 'replicas' for command 'check'"));
  });

  test("the number of arguments", () => {
    const wrong = error("[ERR] Wrong number of arguments for specified sub command");
    for (const argv of [["check"], ["check", "a:1", "b:1"], ["create"], ["add-node", "a:1"], ["call", "a:1"], ["help", "me"]])
      expect(parseArguments(argv), argv.join(" ")).toEqual(wrong);
    expect(parsed("create", "a:1", "b:1").words).toEqual(["a:1", "b:1"]);
  });

  test("import asks for its source", () => {
    expect(parseArguments(["import", "a:1"])).toEqual(error("Option '--from' is required for subcommand 'import'"));
  });

  test("a value is missing", () => {
    expect(parseArguments(["create", "a:1", "--replicas"])).toEqual(error("Option '--replicas' needs a value"));
  });
});

describe("beyond it", () => {
  test("options are also spelled as those of redis-cli, and stand behind the arguments", () => {
    const { words, value, has } = parsed("reshard", "a:1", "--cluster-from", "all", "--cluster-slots", "7", "--cluster-yes");
    expect(words).toEqual(["a:1"]);
    expect([value("from"), value("slots"), has("yes")]).toEqual(["all", "7", true]);
  });

  test("weights add up, one by one or as a list", () => {
    expect(parsed("rebalance", "--weight", "a=1", "--weight", "b=2", "h:1").values("weight")).toEqual(["a=1", "b=2"]);
    const list = parsed("rebalance", "--cluster-weight", "a=1", "b=2", "c=0.5", "h:1");
    expect([list.values("weight"), list.words]).toEqual([["a=1", "b=2", "c=0.5"], ["h:1"]]);
  });

  test("a password stands before the command or behind it", () => {
    expect(parsed("-a", "secret", "check", "h:1").value("a")).toBe("secret");
    expect(parsed("check", "h:1", "--pass", "secret", "--user", "ops").value("user")).toBe("ops");
  });

  test("what is called is not read as options", () => {
    const { words, has } = parsed("call", "--cluster-only-masters", "h:1", "set", "-a", "--replicas");
    expect(words).toEqual(["h:1", "set", "-a", "--replicas"]);
    expect([has("only-masters"), has("a")]).toEqual([true, false]);
  });
});

test("passwords are masked for lists of processes", () => {
  expect(withoutSecrets(["-a", "s1", "import", "--from-pass", "s2", "--cluster-from-pass", "s3", "h:1"])).toEqual([
    "-a",
    "***",
    "import",
    "--from-pass",
    "***",
    "--cluster-from-pass",
    "***",
    "h:1",
  ]);
  expect([hasSecrets(["check", "h:1"]), hasSecrets(["--pass", "x", "check"])]).toEqual([false, true]);
});
