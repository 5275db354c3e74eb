import { expect, test } from "vitest";
import { type DrillInput, defineDrill } from "../../../lib/drill/scenarios/drill.ts";
import { findDrill, knownDrills } from "../../../lib/operations/drill/find.ts";

const INPUT: DrillInput = {
  name: "mine",
  about: "a replica is killed",
  given: { layouts: ["cluster"] },
  fault: [{ do: "fault", fault: "kill", targets: ["its-replica"] }],
  expect: "lost=0",
};
const known = (...others: readonly unknown[]) => knownDrills({ others, labsFile: "stacks/labs.ts" });

test("a project's drills stand behind those that redis-lab comes with; other exports are passed over", () => {
  const drills = known(defineDrill(INPUT), { ...INPUT, name: "plain" }, 7, null, "text", () => {}, { name: "a lab" });
  expect(drills.filter(({ own }) => own).map(({ name }) => name)).toEqual(["mine", "plain"]);
  expect(findDrill(drills, "master-kill").own).toBe(false);
});

test("what is wrong with one is told when it is looked for", () => {
  expect(() => known({ ...INPUT, expect: "lots=0" })).toThrow(expect.objectContaining({ code: "drill.invalid" }));
  expect(() => known({ ...INPUT, name: "master-kill" })).toThrow(expect.objectContaining({ code: "drill.same-name" }));
  expect(() => findDrill(known(), "master-kil")).toThrow(
    expect.objectContaining({ code: "drill.unknown", what: expect.stringContaining('did you mean "master-kill"') }),
  );
});
