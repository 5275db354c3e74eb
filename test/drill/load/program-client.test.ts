import { expect, test } from "vitest";
import type { Task } from "../../../lib/drill/load/client.ts";
import { programLoadClient, readAnswer, requestOf } from "../../../lib/drill/load/program-client.ts";

const task = (o: number, kind: Task["work"]["kind"], v?: number): Task => ({
  o,
  shard: 0,
  key: "load:a:{0}:1",
  slot: 0,
  work: { kind, key: "load:a:{0}:1", slot: 0, v },
});
const environment = { PATH: process.env["PATH"] ?? "" };
const client = (command: string) => programLoadClient({ command, environment }, { size: 1, ttl: undefined });

test("operations are set, get and incr", () => {
  expect(requestOf(task(1, "write", 7), { size: 4, ttl: 9 })).toEqual({ o: 1, op: "set", key: "load:a:{0}:1", value: "7:xx", ttl: 9 });
  expect(requestOf(task(2, "register", 7), { size: 1, ttl: undefined })).toEqual({ o: 2, op: "set", key: "load:a:{0}:1", value: "7" });
  expect(requestOf(task(3, "count"), { size: 1, ttl: undefined })).toEqual({ o: 3, op: "incr", key: "load:a:{0}:1" });
  for (const kind of ["read", "look"] as const)
    expect(requestOf(task(4, kind), { size: 1, ttl: undefined })).toEqual({ o: 4, op: "get", key: "load:a:{0}:1" });
});

test.each([
  ['{"o":1,"k":"ok"}', "write", { k: "ok" }],
  ['{"o":1,"k":"ok","v":"12:xx"}', "read", { k: "ok", v: 12 }],
  ['{"o":1,"k":"ok","v":12}', "count", { k: "ok", v: 12 }],
  ['{"o":1,"k":"ok","v":null}', "look", { k: "ok", v: null }],
  ['{"o":1,"k":"fail","error":"READONLY no"}', "write", { k: "fail", failure: { certain: true, code: "READONLY", text: "READONLY no" } }],
  ['{"o":1,"k":"fail","error":"not connected"}', "write", { k: "fail", failure: { certain: true, code: "error", text: "not connected" } }],
  // The client says that it does not know, whatever the words are.
  [
    '{"o":1,"k":"unknown","error":"READONLY no"}',
    "write",
    { k: "unknown", failure: { certain: false, code: "READONLY", text: "READONLY no" } },
  ],
  // It was given up before.
  ['{"o":1,"k":"ok"}', undefined, { k: "ok" }],
] as const)("%s to a %s", (line, kind, answer) => {
  expect(readAnswer(line, () => kind)).toEqual({ o: 1, answer });
});

test.each([
  ["hello", "not JSON"],
  ["[]", "`o`"],
  ["7", "not an object"],
  ['{"o":"1","k":"ok"}', "`o`"],
  ['{"o":1,"k":"done"}', "`k`"],
  ['{"o":1,"k":"ok"}', "`v`"],
  ['{"o":1,"k":"ok","v":{}}', "`v`"],
  ['{"o":1,"k":"fail"}', "`error`"],
])("%s is not an answer to a read: %s", (line, fault) => {
  expect(readAnswer(line, () => "read")).toContain(fault);
});

test("a program says when it is ready, and answers in any order", async () => {
  const program = client(
    `echo '{"k":"ready"}'; read -r one; read -r two; case $two in *'"o":2'*) echo '{"o":2,"k":"ok","v":5}';; esac; echo '{"o":1,"k":"ok"}'; cat > /dev/null`,
  );
  await program.ready;
  const answers = await Promise.all([program.send(task(1, "write", 1)), program.send(task(2, "count"))]);
  expect(answers).toEqual([{ k: "ok" }, { k: "ok", v: 5 }]);
  expect(program.broken).toBeUndefined();
  await program.close();
  expect(program.broken).toBeUndefined();
});

test.each([
  ["echo something else", /printed "something else": this is not JSON/],
  ["echo because >&2; exit 3", /ended by itself, with exit code 3; it said: because/],
  ["kill -9 $$", /ended by itself, by SIGKILL/],
  ["/no/such/program", /exit code 127/],
])("%s breaks the load, with the reason", async (command, reason) => {
  const program = client(command);
  await program.ready;
  await expect.poll(() => program.broken, { timeout: 60_000 }).toMatch(reason);
  await program.close();
});

test("a program that does not end with its input is ended", async () => {
  const program = client(`echo '{"k":"ready"}'; exec sleep 600`);
  await program.ready;
  await program.close();
});
