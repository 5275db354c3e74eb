import { reasonUnreachable } from "../../redis/reply-error.ts";
import type { TypedReply } from "../../redis/types.ts";
import { loadCluster } from "../load.ts";
import { rubyText } from "../ruby.ts";
import { nameOf, type TribSession } from "../session.ts";

/** A command may take its time at the server; it is not ours to say how long. Milliseconds, as redis-trib.rb has it. */
const TIMEOUT_MS = 60_000;

/** `call host:port command arg…`: the same command to every node, one after the other. @returns 1 where a node answered with an error */
export async function run(session: TribSession): Promise<number> {
  const { screen, words, options, access, host } = session;
  const [where = "", name = "", ...rest] = words;
  const command = [name.toUpperCase(), ...rest];
  const { nodes } = await loadCluster(session, where);
  screen.xputs(`>>> Calling ${command.join(" ")}`);
  let failed = 0;
  for (const { id, self } of nodes) {
    if (options.has("only-masters") && self.role !== "master") continue;
    if (options.has("only-replicas") && self.role !== "replica") continue;
    host.signal.throwIfAborted();
    const reply = await ask(access, id, command);
    screen.puts(`${nameOf(session, id)}: ${rubyText(reply)}`);
    failed += Number(reply.type === "error");
  }
  return failed === 0 ? 0 : 1;
}

async function ask(access: TribSession["access"], id: string, command: readonly string[]): Promise<TypedReply> {
  try {
    return await (await access.client(id)).callTyped(command, { timeoutMs: TIMEOUT_MS });
  } catch (error) {
    return { type: "error", value: reasonUnreachable(error) };
  }
}
