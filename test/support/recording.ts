import type { Argument, InstanceAccess, RedisClient } from "../../lib/redis/types.ts";
import { overridden } from "./client.ts";

/** A command as it was sent. */
export interface Sent {
  readonly instance: string;
  /** The first words; keys and values may be long. */
  readonly words: readonly string[];
}

/** Commands that change nothing at the server, by one word or two. EVAL is among them for the scripts of a move, which size keys. What is not named here counts as a change. */
const READ_ONLY: ReadonlySet<string> = new Set([
  "ASKING",
  "AUTH",
  "CLUSTER COUNTKEYSINSLOT",
  "CLUSTER GETKEYSINSLOT",
  "CLUSTER INFO",
  "CLUSTER MYID",
  "CLUSTER NODES",
  "CONFIG GET",
  "DBSIZE",
  "DUMP",
  "EVAL",
  "EXISTS",
  "GET",
  "INFO",
  "MEMORY USAGE",
  "PING",
  "PTTL",
  "SCAN",
  "TYPE",
]);

/** An access that writes down every command that goes through it, whichever way: shared clients, own connections, batches. */
export class RecordingAccess implements InstanceAccess {
  readonly sent: Sent[] = [];
  readonly #access: InstanceAccess;

  constructor(access: InstanceAccess) {
    this.#access = access;
  }

  async client(id: string): Promise<RedisClient> {
    return this.#recorded(id, await this.#access.client(id));
  }

  async connect(id: string): Promise<RedisClient> {
    return this.#recorded(id, await this.#access.connect(id));
  }

  stream(id: string): ReturnType<InstanceAccess["stream"]> {
    return this.#access.stream(id);
  }

  probe(...of: Parameters<InstanceAccess["probe"]>): ReturnType<InstanceAccess["probe"]> {
    return this.#access.probe(...of);
  }

  /** The commands that change something. */
  get changes(): readonly Sent[] {
    return this.sent.filter(({ words }) => {
      const [verb = "", next = ""] = words.map((word) => word.toUpperCase());
      return !READ_ONLY.has(verb) && !READ_ONLY.has(`${verb} ${next}`);
    });
  }

  #recorded(instance: string, client: RedisClient): RedisClient {
    const note = (...commands: readonly (readonly Argument[])[]) => {
      for (const command of commands) this.sent.push({ instance, words: command.slice(0, 6).map((word) => String(word).slice(0, 64)) });
    };
    return overridden(client, {
      call(command, options) {
        note(command);
        return client.call(command, options);
      },
      callAll(commands, options) {
        note(...commands);
        return client.callAll(commands, options);
      },
      callTyped(command, options) {
        note(command);
        return client.callTyped(command, options);
      },
    });
  }
}

type Addressed = { readonly id: string; readonly address: string; readonly port: number };

/** Whom a command concerns besides the server that gets it: who is met, and where keys are sent. */
function othersOf({ words }: Sent, members: readonly Addressed[]): readonly string[] {
  const [verb = "", one = "", two = "", three = ""] = words;
  const [address, port] =
    verb.toUpperCase() === "MIGRATE" ? [one, two] : `${verb} ${one}`.toUpperCase() === "CLUSTER MEET" ? [two, three] : [];
  const found = members.find((member) => member.address === address && String(member.port) === port);
  return address === undefined ? [] : [found?.id ?? `${address}:${port}`];
}

/** Changes that concern a node that may not be touched, as text. */
export function trespasses({ changes }: RecordingAccess, allowed: Iterable<string>, members: readonly Addressed[]): readonly string[] {
  const inside = new Set(allowed);
  return changes
    .filter((sent) => [sent.instance, ...othersOf(sent, members)].some((id) => !inside.has(id)))
    .map(({ instance, words }) => `${instance} ${words.join(" ")}`);
}
