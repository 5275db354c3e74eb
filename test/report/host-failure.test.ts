import { expect, test } from "vitest";
import { LabError } from "../../lib/base/error.ts";
import { hostFailure } from "../../lib/operations/host-failure.ts";
import { formatHostFailure } from "../../lib/report/host-failure.ts";

const error = new LabError({
  code: "bootstrap.command-failed",
  kind: "environment",
  what: "redis-38: install: linking the programs ended with exit code 1.",
  why: "ln: failed to create symbolic link '/usr/bin/redis-cli': Read-only file system\nlast \u001b[31mline\u001b[0m",
  next: "Fix what the last lines say.",
});

test("a host that failed is told with what, why and what to do, line by line, and steers no terminal", () => {
  expect(formatHostFailure(hostFailure("redis-38", "install", error))).toBe(
    [
      "failed  redis-38 at install: redis-38: install: linking the programs ended with exit code 1.",
      "        ln: failed to create symbolic link '/usr/bin/redis-cli': Read-only file system",
      "        last ^[[31mline^[[0m",
      "        Fix what the last lines say.",
    ].join("\n"),
  );
});

test("as data all parts are there; a defect of redis-lab is not a failure of a host", () => {
  expect(hostFailure("redis-38", undefined, error)).toEqual({
    host: "redis-38",
    step: undefined,
    code: error.code,
    kind: error.kind,
    what: error.what,
    why: error.why,
    next: error.next,
  });
  const defect = new Error("broken");
  expect(() => hostFailure("redis-38", "files", defect)).toThrow(defect);
});
