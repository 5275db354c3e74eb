import { expect, test } from "vitest";
import { cannotDial, tooManyOpenFiles } from "../../lib/connection/errors.ts";
import { unanswered } from "../../lib/redis/server.ts";
import { silenceOf } from "../../lib/redis/silence.ts";

const down = (id: string) => unanswered(id, cannotDial("a", "10.0.0.1:6379", "refused"));
const deaf = (id: string) => unanswered(id, cannotDial("a", "10.0.0.1:6379", "timeout"));

test("a lab of which nothing runs is down; one that can't be asked is not called so", () => {
  expect(silenceOf([down("a:1"), down("b:1")])).toEqual({
    text: "The lab is down: none of its 2 instances runs.",
    next: "Start it: `redis-lab up LAB`.",
  });
  const { text, next } = silenceOf([down("a:1"), deaf("b:1"), deaf("c:1"), deaf("d:1")]);
  expect(text).toMatch(/^None of the 4 instances of the lab can be asked\. a:1: .*; b:1: .*; c:1: .*; and 1 more\.$/);
  expect(next).toContain("redis-lab doctor LAB");
});

test("that this computer has no descriptor left says nothing of an instance", () => {
  const own = tooManyOpenFiles(new Error("EMFILE"));
  expect(() => unanswered("a:1", own)).toThrow(own);
  const wrapped = new Error("the connection failed", { cause: own });
  expect(() => unanswered("a:1", wrapped)).toThrow(wrapped);
});
