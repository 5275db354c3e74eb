import { createInterface } from "node:readline";
import { isLabError, messageOf } from "../../base/error.ts";
import { untilAborted } from "../../base/until-aborted.ts";
import { findInstance } from "../../operations/find.ts";
import { findRedisCli, needsRedisCli, runRedisCli } from "../../operations/redis-cli.ts";
import { withSession } from "../../operations/session.ts";
import { formatRaw, formatTyped } from "../../redis/repl-format.ts";
import { splitArguments } from "../../redis/split.ts";
import type { Argument, RedisClient, TypedReply } from "../../redis/types.ts";
import { print, printBytes } from "../../report/print.ts";
import { placementOf, type VerbContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

/**
 * One command from the words, or a prompt (lines of standard input where that is not a terminal). Replies are the server's own, MOVED included. What redis-cli alone does is
 * left to it: its prompt, its options, and commands whose reply does not end. Single commands are ours, so that an error of the server ends with 1 whatever its version.
 */
export async function cli(
  context: VerbContext,
  _options: unknown,
  given: { readonly instance: string; readonly command: readonly string[] },
): Promise<number> {
  const placement = placementOf(context);
  const instance = findInstance(placement, given.instance);
  // On this computer all are at hand, and redis-cli may be redirected to any.
  const hosts = placement.capabilities.connection === "local" ? {} : { hosts: [instance.host] };
  return withSession({ ...context, emit: () => {}, ...hosts }, async (session) => {
    const { access } = session;
    const needed = needsRedisCli(given.command);
    if (needed || isPrompt(given.command, context.width)) {
      const program = await findRedisCli(session, instance, context.environment);
      if (needed || program !== undefined)
        return (await runRedisCli(session, instance, program, given.command, context.environment)) ?? EXIT.interrupted;
    }
    const client = () => untilAborted(access.client(instance.id), context.signal);
    const call = async (command: readonly Argument[]): Promise<boolean> => {
      const reply = await untilAborted(answerOf(await client(), command), context.signal);
      if (reply === undefined) return true;
      if (context.terminal) print(`${formatTyped(reply, command)}\n`, false);
      else printBytes(Buffer.concat([formatRaw(reply), Buffer.from("\n")]));
      return reply.type !== "error";
    };
    if (given.command.length > 0) return (await call(given.command)) ? EXIT.done : EXIT.failed;
    // An instance that can't be reached is an error before the first prompt.
    await client();
    return converse(`${instance.address}:${instance.port}> `, call, client, context.signal);
  });
}

/**
 * A prompt that redis-cli may have. Where its output has no width, it asks the terminal where its cursor is, and takes what is typed for the answer (getCursorPosition in linenoise.c).
 */
function isPrompt(command: readonly string[], width: number | undefined): boolean {
  return command.length === 0 && process.stdin.isTTY === true && width !== undefined;
}

/** A server that shuts down answers by closing the connection: that is not a failure, as it is none to redis-cli. */
async function answerOf(client: RedisClient, command: readonly Argument[]): Promise<TypedReply | undefined> {
  try {
    return await client.callTyped(command, { timeoutMs: LONGEST_REPLY_MS });
  } catch (error) {
    if (String(command[0]).toUpperCase() === "SHUTDOWN" && isLabError(error) && error.code === "redis.connection-lost") return undefined;
    throw error;
  }
}

/** BLPOP, MIGRATE and the like take their time; what a person waits for is that person's affair. */
const LONGEST_REPLY_MS = 3_600_000;

async function converse(
  prompt: string,
  call: (command: readonly Argument[]) => Promise<boolean>,
  reconnect: () => Promise<RedisClient>,
  signal: AbortSignal,
): Promise<number> {
  const terminal = process.stdin.isTTY === true;
  const lines = createInterface({ input: process.stdin, output: terminal ? process.stdout : undefined, prompt, terminal, signal });
  let code: number = EXIT.done;
  if (terminal) lines.prompt();
  for await (const line of lines) {
    const command = splitArguments(line);
    const verb = command?.[0]?.toString().toLowerCase();
    if (verb === "quit" || verb === "exit") break;
    if (command === undefined) {
      print("Invalid argument(s)\n");
      code = EXIT.failed;
    } else if (command.length > 0) {
      try {
        if (!(await call(command))) code = EXIT.failed;
      } catch (error) {
        signal.throwIfAborted();
        print(`${isLabError(error) ? error.what : messageOf(error)}\n`, false);
        code = EXIT.failed;
        await reconnect().catch(() => undefined);
      }
    }
    if (terminal) lines.prompt();
  }
  lines.close();
  return terminal ? EXIT.done : code;
}
