import { expect, test } from "vitest";
import { auditSlots, isSound } from "../../../lib/cluster/findings/slot-audit.ts";
import { type LiveNode, readTopology } from "../../../lib/cluster/model/topology.ts";
import { planCluster } from "../../../lib/cluster/plan/create-and-join.ts";
import { Model } from "../model.ts";
import { memberOf, SIX } from "../support.ts";

function formed(): readonly LiveNode[] {
  const model = new Model(SIX.map((name, index) => memberOf(name, `10.0.0.${index + 1}`)));
  for (const { action } of planCluster(model.observe(), model.members).actions) model.apply(action);
  return [...readTopology(model.observe(), model.members).live.values()];
}

function changed(nodes: readonly LiveNode[], id: string, change: (node: LiveNode) => LiveNode): readonly LiveNode[] {
  return nodes.map((node) => (node.id === id ? change(node) : node));
}

test("a formed cluster is sound", () => {
  const audit = auditSlots(formed());
  expect(audit).toEqual({ agreed: true, open: [], openSlots: [], uncovered: [] });
  expect(isSound(audit)).toBe(true);
});

test("open slots, each once and in the order in which they are found", () => {
  const nodes = changed(
    changed(formed(), "m1:6379", (node) => ({ ...node, self: { ...node.self, migrating: new Map([[13, "m2-2"]]) } })),
    "m2:6379",
    (node) => ({
      ...node,
      self: {
        ...node.self,
        importing: new Map([
          [7, "m1-1"],
          [13, "m1-1"],
        ]),
      },
    }),
  );
  const { open, openSlots } = auditSlots(nodes);
  expect(openSlots).toEqual([13, 7]);
  expect(open.map(({ node, migrating, importing }) => [node.id, migrating, importing])).toEqual([
    ["m1:6379", [13], []],
    ["m2:6379", [], [7, 13]],
  ]);
});

test("a master that does not answer covers nothing, whatever the others say of it", () => {
  const { uncovered, agreed } = auditSlots(formed().filter(({ id }) => id !== "m2:6379"));
  expect(uncovered).toEqual([{ first: 5461, last: 10_922 }]);
  expect(agreed).toBe(true);
});

test("nodes disagree about slots, and may differ about roles", () => {
  const other = changed(formed(), "m3:6379", (node) => ({
    ...node,
    view: node.view.map((line) => (line.id === node.nodeId ? { ...line, slots: [{ first: 10_923, last: 16_382 }] } : line)),
  }));
  expect(auditSlots(other).agreed).toBe(false);
  const roles = changed(formed(), "m3:6379", (node) => ({
    ...node,
    view: node.view.map((line) => ({ ...line, masterId: undefined })),
  }));
  expect(auditSlots(roles).agreed).toBe(true);
});
