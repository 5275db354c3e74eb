import { expect, test } from "vitest";
import { connectionLost } from "../../lib/redis/errors.ts";
import { RedisReplyError } from "../../lib/redis/reply-error.ts";
import { observeSentinel } from "../../lib/sentinel/observe.ts";
import { TestLayout, watching } from "./layout.ts";

test("a connection that ends in the middle of a look is part of what is seen, wherever it ends", async ({ onTestFinished }) => {
  const { lab, wanted } = await TestLayout.formed({ servers: ["a", "b"], sentinels: ["a", "b", "c"] }, onTestFinished);
  const commands = new Set<string>();
  // As before 6.2, where a sentinel can't tell its id.
  const noMyId = (command: string) =>
    command === "SENTINEL MYID" ? Promise.reject(new RedisReplyError("ERR Unknown sentinel subcommand 'myid'")) : undefined;
  const whole = await observeSentinel(
    wanted,
    watching(lab, (id, command, next) => {
      if (id === "a:6379") commands.add(command);
      return noMyId(command) ?? next();
    }),
  );
  expect(whole.sentinels.get("a:26379")).toMatchObject({ reachable: true, myId: expect.stringMatching(/^[0-9a-f]{40}$/) });
  expect(commands).toContain("CLIENT LIST");
  for (const cut of commands) {
    const lost = watching(
      lab,
      (id, command, next) =>
        noMyId(command) ?? (id === "a:6379" && command === cut ? Promise.reject(connectionLost("a:6379", command, "cut off")) : next()),
    );
    const seen = await observeSentinel(wanted, lost);
    expect(seen.servers.get("b:6379"), cut).toEqual(expect.objectContaining({ reachable: true }));
    expect(seen.sentinels.get("a:26379"), cut).toMatchObject({ reachable: true, masters: [{ name: "mymaster" }] });
    if (cut !== "CLIENT LIST")
      expect(seen.servers.get("a:6379"), cut).toEqual({ id: "a:6379", reachable: false, error: expect.stringContaining("cut off") });
  }
});
