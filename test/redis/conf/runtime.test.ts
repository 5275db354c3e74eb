import { expect, test } from "vitest";
import { directiveKeys, mergeRedisConf, mergeSentinelConf } from "../../../lib/redis/conf/conf.ts";
import { runtimeChanges } from "../../../lib/redis/conf/runtime.ts";
import { redisVersion } from "../../support/versions.ts";

const version = redisVersion("4.0.14");
const redis = (live: string, wanted: string, applied = "") => {
  const { changes, text } = mergeRedisConf({ live, wanted, owned: directiveKeys(applied, version), version });
  return runtimeChanges(changes, text, version);
};
const sentinel = (live: string, wanted: string, applied = "") => {
  const { changes, text } = mergeSentinelConf({ live, wanted, owned: directiveKeys(applied, version), version });
  return runtimeChanges(changes, text, version);
};

test("what CONFIG SET takes is set, the rest waits for a restart", () => {
  expect(redis("port 1\ntimeout 3\n", 'port 1\nmaxmemory 1gb\nrequirepass "a b"\nsave 5 1 60 10\ntcp-backlog 5\n', "timeout 3")).toEqual({
    commands: [
      ["CONFIG", "SET", "maxmemory", "1073741824"],
      ["CONFIG", "SET", "requirepass", "a b"],
      ["CONFIG", "SET", "save", "5 1 60 10"],
    ],
    live: ["maxmemory", "requirepass", "save"],
    restart: ["tcp-backlog", "timeout"],
  });
});

test("save points are switched off by an empty value", () => {
  expect(redis("save 5 1\n", 'save ""\n').commands).toEqual([["CONFIG", "SET", "save", ""]]);
});

test("buffer limits go class by class, in bytes", () => {
  expect(redis("port 1\n", "client-output-buffer-limit slave 1gb 0 0\nclient-output-buffer-limit pubsub 64mb 1k 60\n").commands).toEqual([
    ["CONFIG", "SET", "client-output-buffer-limit", "slave 1073741824 0 0"],
    ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 67108864 1000 60"],
  ]);
});

const one = "sentinel monitor one 10.0.0.1 6379 2\nsentinel parallel-syncs one 2\nsentinel auth-pass one abc\n";
const two = "sentinel monitor two 10.0.0.2 6379 2\nsentinel down-after-milliseconds two 500\n";

test("a new master is monitored, then set up", () => {
  expect(sentinel(one, one + two).commands).toEqual([
    ["SENTINEL", "MONITOR", "two", "10.0.0.2", "6379", "2"],
    ["SENTINEL", "SET", "two", "down-after-milliseconds", "500"],
  ]);
});

test("of a watched master the quorum is set, a dropped option is set to its default", () => {
  expect(sentinel(one, "sentinel monitor one 10.0.0.9 6379 1\nsentinel auth-pass one abc\n", one).commands).toEqual([
    ["SENTINEL", "SET", "one", "quorum", "1"],
    ["SENTINEL", "SET", "one", "parallel-syncs", "1"],
  ]);
});

test("a changed password waits for a restart, as a sentinel logs what it is told to set", () => {
  const { commands, restart } = sentinel(one, one.replace("abc", "def"));
  expect(commands).toEqual([]);
  expect(restart).toEqual(["sentinel auth-pass one"]);
});

test("a dropped master is removed, its options with it", () => {
  expect(sentinel(one + two, two, one + two)).toEqual({
    commands: [["SENTINEL", "REMOVE", "one"]],
    live: ["sentinel monitor one", "sentinel parallel-syncs one", "sentinel auth-pass one"],
    restart: [],
  });
});

test("what SENTINEL SET can't do waits for a restart", () => {
  expect(sentinel(one, `${one}sentinel announce-ip 10.0.0.9\nloglevel debug\n`).restart).toEqual(["sentinel announce-ip"]);
});

test("a sentinel has no CONFIG: its own directives wait for its restart", () => {
  const at = redisVersion("7.0.15");
  const wanted = "port 26379\nrequirepass abcdef\nsentinel sentinel-pass abcdef\n";
  const { changes, text } = mergeSentinelConf({ live: "port 26379\n", wanted, owned: [], version: at });
  expect(runtimeChanges(changes, text, at, "this-build", "sentinel")).toEqual({
    commands: [],
    live: [],
    restart: ["requirepass", "sentinel sentinel-pass"],
  });
});
