import type { Argument, BatchReply, InstanceAccess, RedisClient } from "../../../lib/redis/types.ts";
import { overridden } from "../../support/client.ts";

/** What a caller of a cut-off access gets once it is used up: a process that ends gets no answer either. */
export class CutOff extends Error {}

/**
 * An access whose own connections carry no more than a number of commands, counted over all of them in the order in which they are sent: what a process had done that was killed there.
 * Looks (through `client`) are free.
 */
export class CutOffAccess implements InstanceAccess {
  readonly #access: InstanceAccess;
  readonly #onCut: () => Promise<void>;
  #left: number;
  /** It is used up. */
  over = false;
  /** How many commands were sent. */
  sent = 0;
  /** The commands, `INSTANCE COMMAND …`, for the message of a test. */
  readonly log: string[] = [];

  constructor(access: InstanceAccess, commands: number, onCut: () => Promise<void> = async () => {}) {
    this.#access = access;
    this.#left = commands;
    this.#onCut = onCut;
  }

  client(id: string): Promise<RedisClient> {
    if (this.over) return Promise.reject(new CutOff());
    return this.#access.client(id);
  }

  stream(id: string): ReturnType<InstanceAccess["stream"]> {
    return this.#access.stream(id);
  }

  probe(...of: Parameters<InstanceAccess["probe"]>): ReturnType<InstanceAccess["probe"]> {
    return this.#access.probe(...of);
  }

  async connect(id: string): Promise<RedisClient> {
    if (this.over) throw new CutOff();
    const client = await this.#access.connect(id);
    const callAll = async (
      commands: readonly (readonly Argument[])[],
      options?: { readonly timeoutMs?: number },
    ): Promise<readonly BatchReply[]> => {
      // What only asks changes nothing: the state after it is the one before it.
      const cut = this.#admit(id, commands);
      const replies = await client.callAll(commands.slice(0, cut), options);
      if (this.over || cut < commands.length) {
        this.over = true;
        await this.#onCut();
        throw new CutOff();
      }
      return replies;
    };
    return overridden(client, { callAll });
  }

  #admit(id: string, commands: readonly (readonly Argument[])[]): number {
    let cut = 0;
    for (const command of commands) {
      if (CHANGES.test(command.slice(0, 2).join(" "))) {
        if (this.#left <= 0) return cut;
        this.#left -= 1;
        this.sent += 1;
        this.log.push(`${id} ${command.slice(0, 4).map(String).join(" ")}`);
      }
      cut += 1;
    }
    return cut;
  }
}

const CHANGES = /^(CLUSTER (SETSLOT|ADDSLOTS|DELSLOTS|BUMPEPOCH|MEET|FORGET|REPLICATE)|MIGRATE|DEL|RESTORE)/;
