import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { LabError } from "../../../lib/base/error.ts";
import type { EventLine } from "../../../lib/drill/history.ts";
import { type ObserverPorts, startObserver } from "../../../lib/drill/timeline/observer.ts";
import type { RedisClient, Reply } from "../../../lib/redis/types.ts";

const POLL = { timeout: 60_000, interval: 10 };

function failure(code: string, what: string): LabError {
  return new LabError({ code, kind: "environment", what, next: "Look again." });
}

/** A server as the observer sees it, which a test changes as it goes. */
class Server {
  info = "role:master\r\n";
  clockMicros = () => Date.now() * 1_000;
  /** Undefined while it answers. */
  down: LabError | undefined;
  readonly open = new Set<RedisClient>();

  async connect(): Promise<RedisClient> {
    if (this.down !== undefined) throw this.down;
    const client = {
      address: "10.0.0.1:6379",
      closed: false,
      credentials: undefined,
      call: async ([name]: readonly unknown[]): Promise<Reply> => {
        if (this.down !== undefined) throw this.down;
        if (name !== "TIME") return this.info;
        const now = this.clockMicros();
        return [String(Math.floor(now / 1e6)), String(Math.floor(now % 1e6))];
      },
      close: () => void this.open.delete(client as unknown as RedisClient),
    };
    this.open.add(client as unknown as RedisClient);
    return client as unknown as RedisClient;
  }
}

function watched(changes: Partial<ObserverPorts> = {}) {
  const server = new Server();
  const events: EventLine[] = [];
  let line: (text: string) => void = () => {};
  const observer = startObserver({
    instances: [{ id: "a:6379", host: "a", kind: "redis", inCluster: false }],
    connect: () => server.connect(),
    stream: async () => new PassThrough(),
    follow: (_id, onZone, onLine, signal) => {
      onZone(0);
      line = onLine;
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    },
    nameOf: () => undefined,
    emit: (event) => events.push(event),
    ...changes,
  });
  const told = () => events.map(({ what, source }) => `${source} ${what}`);
  return { server, events, observer, told, log: (text: string) => line(text) };
}

test("roles and processes are told as they change, once each", async () => {
  const { server, observer, told, events } = watched();
  await expect.poll(() => server.open.size, POLL).toBe(1);
  server.info = "role:slave\r\nmaster_link_status:down\r\n".replace("slave", "sl\u0061ve");
  await expect.poll(told, POLL).toEqual(["poll demoted"]);
  server.info = "role:master\r\n";
  await expect.poll(told, POLL).toEqual(["poll demoted", "poll promoted"]);
  server.down = failure("redis.lost", "the connection was refused");
  await expect.poll(told, POLL).toEqual(["poll demoted", "poll promoted", "poll process-gone"]);
  server.down = undefined;
  await expect.poll(told, POLL).toEqual(["poll demoted", "poll promoted", "poll process-gone", "poll process-back"]);
  expect(events.every(({ node, error = 0 }) => node === "a:6379" && error >= 0)).toBe(true);
  await observer.stop();
  expect(server.open.size).toBe(0);
});

test("an instance that is silent is no process that has gone", async () => {
  const { server, observer, told, events } = watched();
  server.down = failure("redis.silent", "no answer within 1 s");
  await expect.poll(told, POLL).toEqual(["poll note"]);
  expect(events[0]?.text).toBe("it does not answer");
  await observer.stop();
});

test("a clock that jumps is told, with how far", async () => {
  const { server, observer, events } = watched();
  // The clock is looked at now and then: after that it is an hour further.
  let looks = 0;
  server.clockMicros = () => (Date.now() + (looks++ === 0 ? 0 : 3_600_000)) * 1_000;
  await expect.poll(() => events.find(({ what }) => what === "clock-jumped")?.value, POLL).toBeGreaterThan(3_599_000);
  await observer.stop();
});

test("lines of a log have the time at which they were written, and none is later than it was read", async () => {
  const { server, observer, events, log } = watched();
  await expect.poll(() => server.open.size, POLL).toBe(1);
  log("1:M 01 Dec 2026 15:00:00.000 # Cluster state changed: fail");
  log("this is none of Redis");
  const now = Number(process.hrtime.bigint() / 1000n);
  expect(events.map(({ what, source, node }) => ({ what, source, node }))).toEqual([
    { what: "cluster-down", source: "log", node: "a:6379" },
  ]);
  expect(events[0]?.t).toBeLessThanOrEqual(now);
  await observer.stop();
});

test("sentinels are listened to, and a connection that ends is made again", async () => {
  const streams: PassThrough[] = [];
  const { observer, events } = watched({
    instances: [{ id: "s:26379", host: "s", kind: "sentinel", inCluster: false }],
    connect: async () => {
      throw failure("redis.refused", "refused");
    },
    stream: async () => {
      const stream = new PassThrough();
      streams.push(stream);
      return stream;
    },
    nameOf: (where) => (where === "10.0.0.2:6379" ? "b:6379" : undefined),
  });
  await expect.poll(() => streams.length, POLL).toBe(1);
  streams[0]?.destroy();
  await expect.poll(() => streams.length, POLL).toBe(2);
  const text = "mymaster 10.0.0.1 6379 10.0.0.2 6379";
  streams[1]?.write(`*3\r\n$7\r\nmessage\r\n$14\r\n+switch-master\r\n$${text.length}\r\n${text}\r\n`);
  await expect
    .poll(() => events.filter(({ source }) => source === "sentinel").map(({ what, about }) => [what, about]), POLL)
    .toContainEqual(["promoted", "b:6379"]);
  await observer.stop();
  expect(streams.every(({ destroyed }) => destroyed)).toBe(true);
});

test("a log that can't be read is news, and ends nothing", async () => {
  const { server, observer, told } = watched({
    follow: async () => {
      throw failure("connection.lost", "the host has gone");
    },
  });
  await expect.poll(told, POLL).toEqual(["log note"]);
  await expect.poll(() => server.open.size, POLL).toBe(1);
  await observer.stop();
});
