import { expect, test } from "vitest";
import { ClientPool } from "../../lib/redis/client-pool.ts";

/** A pool whose connections open when the test says so. */
function poolOf(failures = 0) {
  const dials: { readonly id: string; readonly connection: { closed: boolean; close(): void }; readonly arrive: () => void }[] = [];
  const pool = new ClientPool(async (id: string) => {
    const connection = {
      closed: false,
      close() {
        this.closed = true;
      },
    };
    await new Promise<void>((resolve, reject) => {
      const fails = dials.length < failures;
      dials.push({ id, connection, arrive: () => (fails ? reject(new Error(`no way to ${id}`)) : resolve()) });
    });
    return connection;
  });
  const arriveAll = () => {
    for (const { arrive } of dials) arrive();
  };
  return { pool, dials, arriveAll, open: () => dials.filter(({ connection }) => !connection.closed).length };
}

test("two who ask in one turn share one connection, and so do those who ask while it is opened and later", async () => {
  const { pool, dials, arriveAll, open } = poolOf();
  const asked = [pool.client("a:1"), pool.client("a:1")];
  await Promise.resolve();
  asked.push(pool.client("a:1"));
  arriveAll();
  const [first, second, third] = await Promise.all(asked);
  expect(dials).toHaveLength(1);
  expect(second).toBe(first);
  expect(third).toBe(first);
  expect(await pool.client("a:1")).toBe(first);
  const other = pool.client("b:1");
  arriveAll();
  expect(await other).not.toBe(first);
  pool.close();
  await Promise.resolve();
  expect(open()).toBe(0);
});

test("a connection that was lost is replaced once, however many ask", async () => {
  const { pool, dials, arriveAll } = poolOf();
  const first = pool.client("a:1");
  arriveAll();
  (await first).close();
  const asked = [pool.client("a:1"), pool.client("a:1")];
  arriveAll();
  const [second, third] = await Promise.all(asked);
  expect(second).not.toBe(await first);
  expect(third).toBe(second);
  expect(dials).toHaveLength(2);
});

test("a failure is shared by those who wait for it, and the next to ask tries again", async () => {
  const { pool, dials, arriveAll } = poolOf(1);
  const asked = Promise.allSettled([pool.client("a:1"), pool.client("a:1")]);
  arriveAll();
  expect((await asked).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const again = pool.client("a:1");
  arriveAll();
  expect(await again).toMatchObject({ closed: false });
  expect(dials).toHaveLength(2);
});

test("a way that fails before it dials is a failure like any other", async () => {
  let tries = 0;
  const pool = new ClientPool(() => {
    tries += 1;
    throw new Error("unknown");
  });
  await expect(pool.client("a:1")).rejects.toThrow("unknown");
  await expect(pool.client("a:1")).rejects.toThrow("unknown");
  expect(tries).toBe(2);
});

test("one that is dropped while it is opened is closed when it arrives, and does not displace its successor", async () => {
  const { pool, dials, open } = poolOf();
  const first = pool.client("a:1");
  pool.drop("a:1");
  const second = pool.client("a:1");
  for (const { arrive } of [...dials].reverse()) arrive();
  expect((await first).closed).toBe(true);
  expect((await second).closed).toBe(false);
  expect(await pool.client("a:1")).toBe(await second);
  expect(open()).toBe(1);
  pool.drop("b:1");
});

test("after the end nothing is open, whatever was under way, and nothing is opened", async () => {
  const { pool, dials, arriveAll, open } = poolOf();
  const late = pool.client("a:1");
  pool.close();
  arriveAll();
  expect((await late).closed).toBe(true);
  expect(open()).toBe(0);
  await expect(pool.client("a:1")).rejects.toMatchObject({ code: "redis.closed" });
  expect(dials).toHaveLength(1);
});
