import { expect, test } from "vitest";
import { didYouMean, nearest } from "../../lib/base/nearest.ts";

test.each([
  ["setings", ["settings", "secrets"], ["settings"]],
  ["mastres", ["masters", "replicas"], ["masters"]],
  ["keyfile", ["keyFile", "jumpKeyFile"], ["keyFile"]],
  ["nodeTimeout", ["nodeTimeoutMs", "standby"], ["nodeTimeoutMs"]],
  ["max-memory", ["maxmemory", "maxclients"], ["maxmemory"]],
  ["lru", ["noeviction", "volatile-lru", "allkeys-lru"], ["volatile-lru", "allkeys-lru"]],
  ["redis-87", ["redis-18", "redis-28", "redis-78"], ["redis-78"]],
  ["port", ["host", "hosts"], []],
  ["redis-99", ["redis-91", "redis-92", "redis-93", "redis-94"], []],
])("%s", (word, known, found) => {
  expect(nearest(word, known)).toEqual(found);
});

test("as the end of a sentence", () => {
  expect(didYouMean("verson", ["version"])).toBe('; did you mean "version"?');
  expect(didYouMean("lru", ["volatile-lru", "allkeys-lru"])).toBe('; did you mean "volatile-lru" or "allkeys-lru"?');
  expect(didYouMean("colour", ["name", "hosts"])).toBe("");
});
