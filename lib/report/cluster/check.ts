import type { CheckReport, NodeRow } from "../../operations/cluster/check.ts";
import { SLOT_COUNT } from "../../redis/constants.ts";
import { colours as pc } from "../colours.ts";
import { formatFindings } from "../status.ts";
import { formatTable, type TableOptions } from "../table.ts";
import { formatAbsent } from "./absent.ts";

/** Faults that are shown one by one. */
const MOST_FAULTS = 20;

/** A running cluster with what is wrong with it. */
export function formatCheck({ lab, target, nodes, absent, findings, faults, openMoves, ok }: CheckReport, options: TableOptions): string {
  return [
    formatNodes(nodes, options),
    ...formatAbsent(absent),
    "",
    ...formatFindings(findings),
    ...faults
      .slice(0, MOST_FAULTS)
      .map(
        ({ slot, what, verdict }) =>
          `${pc.red("problem")}  slot ${slot}: ${what}\n         \`redis-lab cluster fix ${lab}\` would ${verdict}.`,
      ),
    ...(faults.length > MOST_FAULTS ? [`         … and ${faults.length - MOST_FAULTS} more slots`] : []),
    ...openMoves.map(
      ({ verb, begun, slots }) =>
        `${pc.red("problem")}  the ${verb} of ${begun} left ${slots} slots\n         \`redis-lab cluster resume ${lab}\` finishes it, \`redis-lab cluster rollback ${lab}\` brings them back.`,
    ),
    ok
      ? pc.green(`${lab} on ${target}: every slot has an owner, none is open, all nodes agree, and all that is declared is there`)
      : pc.red(`${lab} on ${target}: not healthy`),
  ].join("\n");
}

/** Masters with their keys and replicas, and the sums. */
export function formatInfo({ nodes, absent }: Pick<CheckReport, "nodes" | "absent">, options: TableOptions): string {
  const masters = nodes.filter(({ role }) => role === "master");
  const keys = masters.reduce((sum, each) => sum + each.keys, 0);
  return [
    formatNodes(masters, options),
    ...formatAbsent(absent),
    "",
    `${keys} keys in ${masters.length} masters, ${(keys / SLOT_COUNT).toFixed(2)} keys per slot on average`,
  ].join("\n");
}

function formatNodes(nodes: readonly NodeRow[], options: TableOptions): string {
  return formatTable<NodeRow>(
    nodes,
    [
      { title: "INSTANCE", cell: ({ instance }) => instance },
      { title: "ADDRESS", cell: ({ address }) => address, optional: true },
      { title: "NODE ID", cell: ({ nodeId }) => nodeId.slice(0, 8) },
      { title: "ROLE", cell: ({ role }) => role },
      { title: "SLOTS", cell: ({ slotCount }) => (slotCount === 0 ? "-" : String(slotCount)), align: "right" },
      { title: "KEYS", cell: ({ keys }) => String(keys), align: "right" },
      { title: "REPLICAS", cell: ({ role, replicas }) => (role === "master" ? String(replicas) : "-"), align: "right" },
      { title: "EPOCH", cell: ({ configEpoch }) => String(configEpoch), align: "right", optional: true },
      { title: "VERSION", cell: ({ version }) => version, optional: true },
      { title: "MASTER", cell: ({ master }) => master ?? "-" },
    ],
    options,
  );
}
