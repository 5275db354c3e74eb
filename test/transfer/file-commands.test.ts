import { expect, test } from "vitest";
import { foreignCommands, parseCommands } from "../../lib/transfer/file-commands.ts";

const command = (name: string, ...flags: readonly string[]) => ({ name, flags: new Set(flags) });

test("what reads and writes data belongs to a file, what reaches further does not", () => {
  const all = [
    command("set", "write", "denyoom"),
    command("get", "readonly", "fast"),
    command("eval", "noscript"),
    command("publish", "pubsub", "fast"),
    command("info", "loading"),
    command("module", "admin", "noscript"),
    command("config", "admin"),
    command("migrate", "write", "random"),
    command("pfdebug", "write"),
    command("replicaof", "admin", "noscript"),
    command("subscribe", "pubsub"),
    command("a-command-of-tomorrow"),
  ];
  expect(foreignCommands(all)).toEqual(["a-command-of-tomorrow", "config", "migrate", "module", "pfdebug", "replicaof", "subscribe"]);
});

test("the reply to COMMAND is read whatever else it holds", () => {
  const reply = [[Buffer.from("GET"), 2, [Buffer.from("readonly"), Buffer.from("fast")], 1, 1, 1], ["module", -2, ["admin"]], "no command"];
  expect(parseCommands(reply)).toEqual([command("get", "readonly", "fast"), command("module", "admin")]);
  expect(parseCommands(null)).toEqual([]);
});
