import { expect, test } from "vitest";
import { LabError } from "../../lib/base/error.ts";
import { fillCommands, fillDocument, fillError } from "../../lib/engine/invocation.ts";

const named = { lab: "cluster", labs: "my labs/labs.ts", target: "ssh" };
const OPTIONS = "--labs 'my labs/labs.ts' --target ssh";

test.each([
  ["`redis-lab up LAB` starts it.", `\`redis-lab up cluster ${OPTIONS}\` starts it.`],
  ["Run: redis-lab up cluster", `Run: redis-lab up cluster ${OPTIONS}`],
  ["`redis-lab cluster del-node LAB redis-78:6379`", `\`redis-lab cluster del-node cluster ${OPTIONS} redis-78:6379\``],
  [
    "`redis-lab cluster check`, `redis-lab status`.",
    `\`redis-lab cluster check cluster ${OPTIONS}\`, \`redis-lab status cluster ${OPTIONS}\`.`,
  ],
  ["redis-lab cluster check cluster --json", `redis-lab cluster check cluster ${OPTIONS} --json`],
  // These hand on what stands behind the lab.
  ["`redis-lab cli LAB redis-18 bgsave`", `\`redis-lab cli ${OPTIONS} cluster redis-18 bgsave\``],
  ["redis-lab ssh cluster redis-18 -- df -h", `redis-lab ssh ${OPTIONS} cluster redis-18 -- df -h`],
  ["redis-lab cluster VERB LAB --plan FILE", `redis-lab cluster VERB cluster ${OPTIONS} --plan FILE`],
  ["npx cdktf deploy cluster (or: npx redis-lab up cluster)", `npx cdktf deploy cluster (or: npx redis-lab up cluster ${OPTIONS})`],
])("%s", (text, filled) => {
  expect(fillCommands(text, named)).toBe(filled);
  expect(fillCommands(filled, named), "filled in twice").toBe(filled);
});

test.each([
  "another redis-lab works on cluster",
  "redis-lab up clusters",
  "redis-lab up other",
  "`redis-lab init`, `redis-lab apply plan.json`",
  "redis-lab up cluster --target libvirt",
])("%s stays as it is", (text) => {
  expect(fillCommands(text, named)).toBe(text);
});

test("without options the name alone is filled in", () => {
  expect(fillCommands("`redis-lab cluster fix LAB --give-away-empty`; `redis-lab logs LAB HOST`", { lab: "two" })).toBe(
    "`redis-lab cluster fix two --give-away-empty`; `redis-lab logs two HOST`",
  );
});

test("an error keeps its code, kind and cause", () => {
  const cause = new Error("gone");
  const error = new LabError({ code: "a.b", kind: "refused", what: "It is down.", next: "`redis-lab up LAB`", cause });
  expect(fillError(error, named)).toMatchObject({
    code: "a.b",
    kind: "refused",
    what: "It is down.",
    why: undefined,
    next: `\`redis-lab up cluster ${OPTIONS}\``,
    cause,
  });
  expect(fillError(cause, named)).toBe(cause);
});

test("of a document that is filled in what redis-lab says, and not what it was handed", () => {
  const document = {
    findings: [{ next: "`redis-lab up LAB`" }],
    value: "redis-lab up LAB",
    nodes: new Map([["next", "redis-lab up LAB"]]),
    seconds: 1,
  };
  expect(fillDocument(document, { lab: "cluster" })).toEqual({ ...document, findings: [{ next: "`redis-lab up cluster`" }] });
});
