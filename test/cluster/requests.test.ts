import { afterAll, expect, test } from "vitest";
import { assertPlanValid } from "../../lib/cluster/assert-plan.ts";
import { differences } from "../../lib/cluster/differences.ts";
import { type ClusterLook, obstacles } from "../../lib/cluster/look.ts";
import { addNodePlan, failbackPlan, failoverPlan, replicatePlan, takePlacePlan } from "../../lib/cluster/membership.ts";
import { drainPlan, rebalancePlan, reshardPlan } from "../../lib/cluster/plan-moves.ts";
import type { ClusterPlan } from "../../lib/cluster/types.ts";
import { isLabError } from "../../lib/error.ts";
import { Transcript } from "../support/transcript.ts";
import { draw } from "./drawn.ts";

const transcript = new Transcript(new URL("testdata/requests.txt", import.meta.url));
afterAll(() => transcript.save());

const instance = (name: string) => `${name}:6379`;

function planOf([verb = "", ...words]: readonly string[], look: ClusterLook): ClusterPlan {
  const [one = "", two = "", three = ""] = words;
  switch (verb) {
    case "reshard":
      return reshardPlan({ from: one === "all" ? "all" : one.split(","), to: two, slots: Number(three) }, look);
    case "rebalance":
      return rebalancePlan(
        {
          weights: new Map(
            words.filter((word) => word.includes("=")).map((word) => [word.split("=")[0] ?? "", Number(word.split("=")[1])]),
          ),
          useEmptyMasters: words.includes("use-empty"),
        },
        look,
      );
    case "drain":
      return drainPlan(one.split(","), look);
    case "add-node":
      return addNodePlan({ instance: instance(one), ...(two !== "" && { replicaOf: two }) }, look);
    case "replicate":
      return replicatePlan(one, two, look);
    case "failover":
      return failoverPlan(one, two as "planned", look);
    case "failback":
      return failbackPlan(look);
    case "take-place":
      return takePlacePlan(one, instance(two), look);
    default:
      throw new Error(`no ${verb}`);
  }
}

function answer(words: readonly string[], look: ClusterLook): string {
  if (words[0] === "diff")
    return differences(look)
      .map(
        ({ instance: id, declared, running, mendedBy }) =>
          `${id}: ${declared} → ${running}${mendedBy === undefined ? "" : ` (${mendedBy})`}`,
      )
      .join("\n");
  if (words[0] === "obstacles")
    return obstacles(look)
      .map(({ code, text }) => `${code}: ${text}`)
      .join("\n");
  try {
    const plan = planOf(words, look);
    assertPlanValid(plan, look);
    return plan.actions.map(({ reason, summary }) => `${reason}: ${summary}`).join("\n");
  } catch (error) {
    if (!isLabError(error)) throw error;
    return `refused ${error.code}: ${error.what}`;
  }
}

test.each(transcript.cases)("$title", (each) => {
  const [request = "", ...drawing] = each.given;
  const actual = answer(request.slice(2).split(" "), draw(drawing));
  expect(actual).toBe(transcript.expected(each, actual));
});
