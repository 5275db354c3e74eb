import { createInterface } from "node:readline";
import { isLabError, messageOf } from "../../error.ts";
import { findInstance } from "../../operations/find.ts";
import { withSession } from "../../operations/session.ts";
import { formatRaw, formatTyped } from "../../redis/repl-format.ts";
import { splitArguments } from "../../redis/split.ts";
import type { Argument, RedisClient } from "../../redis/types.ts";
import { placementOf, type VerbContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

/** One command from the words, or a prompt (lines of standard input where that is no terminal). Replies are the server's own, MOVED included. */
export async function run(context: VerbContext, _options: unknown, [reference = "", ...words]: readonly string[]): Promise<number> {
  const instance = findInstance(placementOf(context), reference);
  return withSession({ ...context, emit: () => {}, hosts: [instance.host] }, async ({ access }) => {
    const call = async (command: readonly Argument[]): Promise<boolean> => {
      const reply = await (await access.client(instance.id)).callTyped(command, { timeoutMs: LONGEST_REPLY_MS });
      const text = context.terminal ? formatTyped(reply, command) : formatRaw(reply);
      process.stdout.write(typeof text === "string" ? `${text}\n` : Buffer.concat([text, Buffer.from("\n")]));
      return reply.type !== "error";
    };
    if (words.length > 0) return (await call(words)) ? EXIT.done : EXIT.failed;
    // An instance that can't be reached is an error before the first prompt.
    await access.client(instance.id);
    return converse(`${instance.address}:${instance.port}> `, call, () => access.client(instance.id));
  });
}

/** BLPOP, MIGRATE and the like take their time; what a person waits for is that person's affair. */
const LONGEST_REPLY_MS = 3_600_000;

async function converse(
  prompt: string,
  call: (command: readonly Argument[]) => Promise<boolean>,
  reconnect: () => Promise<RedisClient>,
): Promise<number> {
  const terminal = process.stdin.isTTY === true;
  const lines = createInterface({ input: process.stdin, output: terminal ? process.stdout : undefined, prompt, terminal });
  let code: number = EXIT.done;
  if (terminal) lines.prompt();
  for await (const line of lines) {
    const command = splitArguments(line);
    const verb = command?.[0]?.toString().toLowerCase();
    if (verb === "quit" || verb === "exit") break;
    if (command === undefined) {
      process.stdout.write("Invalid argument(s)\n");
      code = EXIT.failed;
    } else if (command.length > 0) {
      try {
        if (!(await call(command))) code = EXIT.failed;
      } catch (error) {
        process.stdout.write(`${isLabError(error) ? error.what : messageOf(error)}\n`);
        code = EXIT.failed;
        await reconnect().catch(() => undefined);
      }
    }
    if (terminal) lines.prompt();
  }
  lines.close();
  return terminal ? EXIT.done : code;
}
