import { afterAll, expect, test } from "vitest";
import { isLabError } from "../../lib/base/error.ts";
import { differences } from "../../lib/cluster/findings/differences.ts";
import { obstacles } from "../../lib/cluster/findings/ready-cluster.ts";
import type { ClusterPlan } from "../../lib/cluster/model/types.ts";
import type { ClusterView } from "../../lib/cluster/model/view.ts";
import { assertPlanValid } from "../../lib/cluster/plan/assert-plan.ts";
import {
  addNodePlan,
  failbackPlan,
  failoverPlan,
  replicatePlan,
  takeAnyPlacePlan,
  takePlacePlan,
} from "../../lib/cluster/plan/membership.ts";
import { drainPlan, rebalancePlan, reshardPlan } from "../../lib/cluster/plan/moves.ts";
import { Transcript } from "../support/transcript.ts";
import { draw } from "./drawn.ts";

const transcript = new Transcript(new URL("testdata/requests.txt", import.meta.url));
afterAll(() => transcript.save());

const instance = (name: string) => `${name}:6379`;

function planOf([verb = "", ...words]: readonly string[], view: ClusterView): ClusterPlan {
  const [one = "", two = "", three = ""] = words;
  switch (verb) {
    case "reshard":
      return reshardPlan({ from: one === "all" ? "all" : one.split(","), to: two, slots: Number(three) }, view);
    case "rebalance":
      return rebalancePlan(
        {
          weights: new Map(
            words.filter((word) => word.includes("=")).map((word) => [word.split("=")[0] ?? "", Number(word.split("=")[1])]),
          ),
          useEmptyMasters: words.includes("use-empty"),
        },
        view,
      );
    case "drain":
      return drainPlan(one.split(","), view);
    case "add-node":
      return addNodePlan({ instance: instance(one), ...(two !== "" && { replicaOf: two }) }, view);
    case "replicate":
      return replicatePlan(one, two, view);
    case "failover":
      return failoverPlan(one, two as "planned", view);
    case "failback":
      return failbackPlan(view);
    case "take-place":
      return takePlacePlan(one, instance(two), view);
    case "take-any-place":
      return takeAnyPlacePlan(instance(one), view);
    default:
      throw new Error(`no ${verb}`);
  }
}

function answer(words: readonly string[], view: ClusterView): string {
  if (words[0] === "diff")
    return differences(view)
      .map(({ instance: id, declared, running, fix }) => `${id}: ${declared} → ${running} (${fix})`)
      .join("\n");
  if (words[0] === "obstacles")
    return obstacles(view)
      .map(({ code, text }) => `${code}: ${text}`)
      .join("\n");
  try {
    const plan = planOf(words, view);
    assertPlanValid(plan, view);
    return [
      ...plan.actions.map(({ reason, summary }) => `${reason}: ${summary}`),
      ...plan.findings.map(({ severity, text, next }) => `${severity}: ${text} ${next ?? ""}`),
    ].join("\n");
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
