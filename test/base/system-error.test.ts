import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { kindOf, LabError } from "../../lib/base/error.ts";
import { labErrorOf } from "../../lib/base/system-error.ts";

const thrownBy = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test("an absent file and an absent program are of the environment, and say which", async () => {
  expect(labErrorOf(await thrownBy(readFile("/no/such/file")))).toMatchObject({
    code: "system.enoent",
    kind: "environment",
    what: "open /no/such/file: there is no such file or folder (ENOENT).",
  });
  expect(labErrorOf(await thrownBy(promisify(execFile)("no-such-program")))).toMatchObject({
    kind: "environment",
    what: "no-such-program can't be started: there is no such program (ENOENT).",
  });
});

test.each(["ENOSPC", "EACCES", "EROFS", "EMFILE"])("%s has a message and advice", (code) => {
  const error = labErrorOf(Object.assign(new Error(code), { code, syscall: "write", path: "/a/file" }));
  expect(error).toMatchObject({
    code: `system.${code.toLowerCase()}`,
    kind: "environment",
    what: expect.stringMatching(/^write \/a\/file: .*\.$/),
  });
  expect(error?.next).toMatch(/\.$/);
});

test("a LabError stays what it is; everything else is a defect, ENOENT without a path included", () => {
  const known = new LabError({ code: "some.case", kind: "refused", what: "What.", next: "Next." });
  expect(labErrorOf(known)).toBe(known);
  for (const error of [new Error("no"), "no", Object.assign(new Error("no"), { code: "ENOENT", syscall: "open" })]) {
    expect(labErrorOf(error)).toBeUndefined();
    expect(kindOf(error)).toBe("defect");
  }
  expect(kindOf(new DOMException("stop", "AbortError"))).toBe("interrupted");
});
