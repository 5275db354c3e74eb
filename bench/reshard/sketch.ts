import { once } from "node:events";
import { connect, type Socket } from "node:net";

// The least that a move of slots can cost from Node: whole waves of slots at once, hand-written RESP, no look at the cluster, no sizes, no log, no recovery. What `moveSlots`
// is measured against.

export interface SketchEnd {
  readonly address: string;
  readonly port: number;
  readonly nodeId: string;
}

const WAVE = 128;

/** A connection that answers commands in order, each reply as the text between its commands. */
class Wire {
  readonly #socket: Socket;
  #text = "";
  #waiting: { count: number; resolve: (replies: unknown[]) => void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("latin1");
      this.#settle();
    });
  }

  static async open({ address, port }: SketchEnd): Promise<Wire> {
    const socket = connect({ host: address, port });
    await once(socket, "connect");
    return new Wire(socket);
  }

  /** Commands in one write, their replies once all are there. */
  async all(commands: readonly (readonly string[])[]): Promise<unknown[]> {
    if (commands.length === 0) return [];
    this.#socket.write(
      commands.map((words) => `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`).join(""),
      "latin1",
    );
    return new Promise((resolve) => {
      this.#waiting = { count: commands.length, resolve };
      this.#settle();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #settle(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const replies: unknown[] = [];
    let at = 0;
    while (replies.length < waiting.count) {
      const parsed = parse(this.#text, at);
      if (parsed === undefined) return;
      replies.push(parsed.value);
      at = parsed.end;
    }
    this.#text = this.#text.slice(at);
    this.#waiting = undefined;
    waiting.resolve(replies);
  }
}

function parse(text: string, at: number): { value: unknown; end: number } | undefined {
  const line = text.indexOf("\r\n", at);
  if (line < 0) return undefined;
  const rest = text.slice(at + 1, line);
  switch (text[at]) {
    case "$": {
      const length = Number(rest);
      if (length < 0) return { value: null, end: line + 2 };
      const end = line + 2 + length + 2;
      return text.length < end ? undefined : { value: text.slice(line + 2, end - 2), end };
    }
    case "*": {
      const items: unknown[] = [];
      let end = line + 2;
      for (let count = Number(rest); count > 0; count -= 1) {
        const item = parse(text, end);
        if (item === undefined) return undefined;
        items.push(item.value);
        end = item.end;
      }
      return { value: items, end };
    }
    case "-":
      throw new Error(rest);
    default:
      return { value: rest, end: line + 2 };
  }
}

export async function sketchedMove(
  first: number,
  last: number,
  source: SketchEnd,
  target: SketchEnd,
  others: readonly SketchEnd[],
  password: string,
): Promise<void> {
  const [from, to, ...rest] = await Promise.all([source, target, ...others].map(Wire.open));
  if (from === undefined || to === undefined) throw new Error("no connection");
  await Promise.all([from, to, ...rest].map((wire) => wire.all([["AUTH", password]])));
  for (let wave = first; wave <= last; wave += WAVE) {
    const slots = Array.from({ length: Math.min(WAVE, last - wave + 1) }, (_, index) => String(wave + index));
    await to.all(slots.map((slot) => ["CLUSTER", "SETSLOT", slot, "IMPORTING", source.nodeId]));
    await from.all(slots.map((slot) => ["CLUSTER", "SETSLOT", slot, "MIGRATING", target.nodeId]));
    for (let open = slots; open.length > 0; ) {
      const keys = (await from.all(open.map((slot) => ["CLUSTER", "GETKEYSINSLOT", slot, "512"]))) as string[][];
      await from.all(
        keys
          .filter(({ length }) => length > 0)
          .map((batch) => ["MIGRATE", target.address, String(target.port), "", "0", "60000", "AUTH", password, "KEYS", ...batch]),
      );
      open = open.filter((_, index) => (keys[index]?.length ?? 0) > 0);
    }
    const owner = slots.map((slot) => ["CLUSTER", "SETSLOT", slot, "NODE", target.nodeId]);
    await to.all(owner);
    await from.all(owner);
    await Promise.all(rest.map((wire) => wire.all(owner)));
  }
  for (const wire of [from, to, ...rest]) wire.close();
}
