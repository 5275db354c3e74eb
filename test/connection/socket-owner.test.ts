import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterAll, describe, expect, it } from "vitest";
import { waitFor } from "../../lib/base/wait.ts";
import { openLocalConnection } from "../../lib/connection/local.ts";
import { assertNoStranger, ownersIn, ownersOf, socketHex } from "../../lib/connection/socket-owner.ts";
import { nextAddress } from "../support/addresses.ts";
import { hasStranger, STRANGER, startStranger } from "../support/stranger.ts";

const me = process.geteuid?.() ?? -1;
const opened: Socket[] = [];
afterAll(() => {
  for (const socket of opened) socket.destroy();
});

async function dial(address: string, port: number): Promise<Socket> {
  const socket = connect({ host: address, port });
  opened.push(socket);
  await once(socket, "connect");
  return socket;
}

describe("the tables of the kernel", () => {
  it.each([
    ["127.0.1.18", 6379, "1201007F:18EB"],
    ["0.0.0.0", 80, "00000000:0050"],
    ["::", 0, `${"0".repeat(32)}:0000`],
    ["::1", 6379, "00000000000000000000000001000000:18EB"],
    ["::ffff:127.0.1.18", 6379, "0000000000000000FFFF00001201007F:18EB"],
    ["fe80::1:2%lo", 1, "000080FE000000000000000002000100:0001"],
    ["2001:db8:0:1:2:3:4:5", 1, "B80D0120010000000300020005000400:0001"],
  ])("write %s:%s as %s", (address, port, hex) => {
    expect(socketHex(address, port, "LE")).toBe(hex);
  });
  it("have their bytes in order on a computer whose highest byte comes first", () => {
    expect(socketHex("127.0.1.18", 6379, "BE")).toBe("7F000112:18EB");
  });

  const ends = { server: { address: "127.0.1.18", port: 6379 }, client: { address: "127.0.0.1", port: 40_000 } };
  const row = (local: string, remote: string, state: string, uid: number, inode: number) =>
    `   1: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000 ${uid}        0 ${inode} 1 0000000000000000 100 0 0 10 0\n`;
  const [server, client] = ["1201007F:18EB", "0100007F:9C40"];
  const mapped = (hex: string) => `0000000000000000FFFF0000${hex}`;
  const nowhere = "00000000:0000";
  const nowhere6 = `${"0".repeat(32)}:0000`;
  it.each<[string, string, readonly number[]]>([
    ["who listens and has accepted", row(server, nowhere, "0A", 1000, 7) + row(server, client, "01", 1000, 9), [1000]],
    ["both, where they differ", row(server, nowhere, "0A", 65_534, 7) + row(server, client, "01", 0, 9), [0, 65_534]],
    // Before accept(2) kernels say uid 0, or that of the listener.
    ["who listens, before the connection is accepted", row(server, nowhere, "0A", 65_534, 7) + row(server, client, "01", 0, 0), [65_534]],
    ["who has accepted, when no process listens any more", row(server, client, "01", 65_534, 9), [65_534]],
    ["a listener of IPv6", row(mapped(server), nowhere6, "0A", 65_534, 7), [65_534]],
    ["an end of IPv6", row(mapped(server), mapped(client), "01", 65_534, 9), [65_534]],
    ["a listener of all addresses", row("00000000:18EB", nowhere, "0A", 65_534, 7), [65_534]],
    ["a listener of all addresses of both families", row(`${"0".repeat(32)}:18EB`, nowhere6, "0A", 65_534, 7), [65_534]],
    [
      "the very address before all addresses",
      row(`${"0".repeat(32)}:18EB`, nowhere6, "0A", 65_534, 7) +
        row("00000000:18EB", nowhere, "0A", 33, 8) +
        row(server, nowhere, "0A", 1000, 9),
      [1000],
    ],
    ["several that share a port", row(server, nowhere, "0A", 1000, 7) + row(server, nowhere, "0A", 1001, 8), [1000, 1001]],
    ["no owner: our own end", row(client, server, "01", 65_534, 9), []],
    [
      "no owner: another connection, another port, another address",
      row(server, "0100007F:9C41", "01", 5, 9) + row("1201007F:18EC", nowhere, "0A", 5, 9) + row("1301007F:18EB", nowhere, "0A", 5, 9),
      [],
    ],
    ["no owner: what is over (TIME_WAIT)", row(server, client, "06", 0, 0), []],
    ["no owner: an empty table", "", []],
  ])("name %s", (_, text, owners) => {
    expect([...ownersIn(text, ends).owners].sort((a, b) => a - b)).toEqual(owners);
  });
});

it("the first table is enough where it has both the connection and a listener at the very address", () => {
  const ends = { server: { address: "127.0.1.18", port: 6379 }, client: { address: "127.0.0.1", port: 40_000 } };
  const line = (local: string, remote: string, state: string, inode: number) =>
    ` 1: ${local} ${remote} ${state} 0:0 0:0 0 1000 0 ${inode}\n`;
  const accepted = line("1201007F:18EB", "0100007F:9C40", "01", 9);
  const listener = line("1201007F:18EB", "00000000:0000", "0A", 7);
  expect(ownersIn(accepted + listener, ends)).toEqual({ owners: [1000], certain: true });
  expect(ownersIn(line("1201007F:18EB", "0100007F:9C40", "01", 0) + listener, ends)).toEqual({ owners: [1000], certain: true });
  for (const part of [accepted, listener, accepted + line("00000000:18EB", "00000000:0000", "0A", 7)])
    expect(ownersIn(part, ends)).toEqual({ owners: [1000], certain: false });
});

describe.skipIf(process.platform !== "linux")("a connection within this computer", () => {
  it.each(["127.0.0.1", "::1", "::"])("to a server of ours at %s names us, and is handed on with what it said first", async (host) => {
    const server = createServer((socket) => socket.write("hello"));
    try {
      server.listen(0, host);
      await once(server, "listening");
    } catch (error) {
      // Without IPv6 there is nothing to see.
      if (error instanceof Error && "code" in error && error.code === "EADDRNOTAVAIL") return;
      throw error;
    }
    const address = server.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const socket = await openLocalConnection("redis-18").dial(host === "::" ? "127.0.0.1" : host, port);
    const [first] = await once(socket, "data");
    expect(String(first)).toBe("hello");
    expect(await ownersOf(socket as Socket)).toEqual([me]);
    socket.destroy();
    server.close();
  });

  it("that ended at once is an error and no stream", async () => {
    const server = createServer((socket) => socket.resetAndDestroy());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => openLocalConnection("redis-18").dial("127.0.0.1", port)));
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "connection.dial-refused" });
      // Its end came later, as an event.
      else if (!outcome.value.destroyed) await once(outcome.value, "close");
    }
    server.close();
  });
});

describe.skipIf(!hasStranger)("another user of the computer", () => {
  it.each(["answers", "deaf"] as const)("that listens (%s) is dialled by no local lab, and hears nothing", async (manner) => {
    const address = nextAddress();
    const stranger = await startStranger(address, 6379, manner);
    try {
      const connection = openLocalConnection("redis-18");
      const dialled = connection.dial(address, 6379);
      await expect(dialled).rejects.toMatchObject({
        code: "connection.not-ours",
        kind: "refused",
        what: `not ours: uid ${STRANGER} listens on ${address}:6379.`,
        next: expect.stringMatching(/ss -ltnp 'sport = :6379'.*redis-lab up LAB/),
      });
      // As one look at a lab does it: all at once.
      const many = await Promise.allSettled(Array.from({ length: 30 }, () => connection.dial(address, 6379)));
      expect(new Set(many.map((one) => one.status))).toEqual(new Set(["rejected"]));
      expect(await connection.probe(address, 6379)).toBe("open");
      const socket = await dial(address, 6379);
      await expect(assertNoStranger(socket, { address, port: 6379 })).rejects.toMatchObject({ code: "connection.of-a-stranger" });
      await waitFor(async () => (socket.destroyed ? { done: true, value: 0 } : { done: false, missing: "the end of the connection" }), {
        what: "the connection to be closed",
        timeoutMs: 60_000,
      });
      expect(stranger.heard()).toBe("");
      // One that is trusted hears what is said.
      const trusting = await openLocalConnection("redis-18", { trusted: [STRANGER] }).dial(address, 6379);
      trusting.write("AUTH secret\r\n");
      if (manner === "answers") await expect.poll(() => stranger.heard(), { timeout: 60_000 }).toBe("AUTH secret\r\n");
      trusting.destroy();
    } finally {
      await stranger.stop();
    }
  });

  it("that listens at all addresses of both families is known as well", async () => {
    const address = nextAddress();
    const stranger = await startStranger("::", 0);
    try {
      await expect(openLocalConnection("redis-18").dial(address, stranger.port)).rejects.toMatchObject({ code: "connection.not-ours" });
    } finally {
      await stranger.stop();
    }
  });
});
