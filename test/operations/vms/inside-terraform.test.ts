import { expect, test } from "vitest";
import { LabError } from "../../../lib/base/error.ts";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { continueWith, domainsGiven, withNextCommand } from "../../../lib/operations/vms/inside-terraform.ts";
import { formatError } from "../../../lib/report/error.ts";
import { clusterInput } from "../../support/labs.ts";

const lab = defineLab(clusterInput());
const INSIDE = { REDIS_LAB_IN_TERRAFORM: "1" };

test("the ids of the domains come as JSON, or not at all", () => {
  expect(domainsGiven({})).toBeUndefined();
  expect(domainsGiven({ REDIS_LAB_DOMAINS: "" })).toBeUndefined();
  expect([...(domainsGiven({ REDIS_LAB_DOMAINS: '{"redis-18":"8c0e","redis-28":"9d1f"}' }) ?? [])]).toEqual([
    ["redis-18", "8c0e"],
    ["redis-28", "9d1f"],
  ]);
});

test.each([
  ["{", "it is not JSON"],
  ["[]", "it is not an object of host → id"],
  ["null", "it is not an object of host → id"],
  ['"x"', "it is not an object of host → id"],
  ['{"redis-18":7}', "the id of redis-18 is not a text"],
  ['{"redis-18":""}', "the id of redis-18 is not a text"],
])("%s is refused by name", (text, why) => {
  expect(() => domainsGiven({ REDIS_LAB_DOMAINS: text })).toThrowError(
    expect.objectContaining({ code: "operations.malformed-domains", what: `REDIS_LAB_DOMAINS can't be read: ${why}.` }),
  );
});

test("inside Terraform the way on is the deploy", () => {
  expect(continueWith("cluster", {})).toBe("npx redis-lab up cluster");
  expect(continueWith("cluster", INSIDE)).toBe("npx cdktf deploy cluster (or: npx redis-lab up cluster)");
  const error = new LabError({ code: "some.case", kind: "refused", what: "What.", why: "Why.", next: "Fix it." });
  expect(withNextCommand(error, "npx cdktf deploy cluster", { environment: {}, lab })).toBe(error);
  expect(withNextCommand(error, "npx cdktf deploy cluster", { environment: INSIDE, lab })).toMatchObject({
    code: "some.case",
    what: "What.",
    why: "Why.",
    next: "Fix it.\nThen continue: npx cdktf deploy cluster",
  });
  const defect = new TypeError("no error of ours");
  expect(withNextCommand(defect, "x", { environment: INSIDE, lab })).toBe(defect);
});

test("an interruption says how the deploy goes on, and how the lock of a shared state is opened where it stays", () => {
  const abort = new DOMException("This operation was aborted", "AbortError");
  const error = new LabError({ code: "cli.interrupted", kind: "interrupted", what: "Interrupted.", next: "Again." });
  for (const thrown of [abort, error]) {
    expect(withNextCommand(thrown, "npx cdktf deploy cluster", { environment: {}, lab })).toBe(thrown);
    const said = formatError(withNextCommand(thrown, "npx cdktf deploy cluster", { environment: INSIDE, lab }));
    expect(said).toContain("Continue: npx cdktf deploy cluster");
    expect(said).toContain("terraform -chdir=cdktf.out/stacks/cluster force-unlock ID");
    const withTofu = withNextCommand(thrown, "npx cdktf deploy cluster", {
      environment: { ...INSIDE, TERRAFORM_BINARY_NAME: "tofu" },
      lab,
    });
    expect(formatError(withTofu)).toContain("deploy runs: tofu -chdir=cdktf.out/stacks/cluster force-unlock ID");
  }
});
