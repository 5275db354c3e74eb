import * as v from "valibot";
import { countSlots, eachSlot, formatRanges, rangesWhere, SLOT_COUNT } from "../cluster/model/slots.ts";
import type { SlotRange } from "../redis/types.ts";
import { noBackup } from "./errors.ts";

/** Name of the file that makes a folder a backup. It is written last. */
export const MANIFEST = "manifest.json";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const slot = v.pipe(count, v.maxValue(SLOT_COUNT - 1));
const schema = v.object({
  format: v.literal(1),
  /** The lab, or the node by which the cluster was found. */
  cluster: v.string(),
  /** ISO times. The files are of moments in between, each of its own. */
  begun: v.string(),
  ended: v.string(),
  currentEpoch: count,
  masters: v.array(
    v.object({
      instance: v.string(),
      nodeId: v.string(),
      version: v.string(),
      configEpoch: count,
      slots: v.array(v.object({ first: slot, last: slot })),
      /** In the same folder, and nowhere else. */
      file: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_][\w.-]*\.rdb$/)),
      bytes: count,
      sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
      rdbVersion: count,
      /** Keys in the file; a server that loads it leaves those out whose life has ended. */
      keys: v.optional(count),
      /** How many of them have an end of their life. */
      mortal: v.optional(count),
    }),
  ),
});

/** What a backup holds. */
export type Manifest = v.InferOutput<typeof schema>;
export type ManifestMaster = Manifest["masters"][number];

export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** @throws LabError `cluster.no-backup` */
export function parseManifest(text: string, folder: string): Manifest {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const where = v.getDotPath(issue);
  throw noBackup(folder, `its ${MANIFEST} can't be read (${where === null ? "" : `${where}: `}${issue.message})`, { damaged: true });
}

/** What is wrong with a manifest by itself: slots that no master has, or two. Pure. */
export function manifestFaults({ masters }: Manifest): readonly string[] {
  const owners = new Map<number, number>();
  for (const { slots } of masters) for (const each of eachSlot(slots)) owners.set(each, (owners.get(each) ?? 0) + 1);
  const uncovered = rangesWhere((each) => !owners.has(each));
  const double = rangesWhere((each) => (owners.get(each) ?? 0) > 1);
  const files = new Set(masters.map(({ file }) => file));
  return [
    ...(uncovered.length > 0 ? [`No file has the slots ${formatRanges(uncovered)}.`] : []),
    ...(double.length > 0 ? [`Two files have the slots ${formatRanges(double)}.`] : []),
    ...(files.size < masters.length ? ["Two masters have the same file."] : []),
    ...masters
      .filter(({ slots }) => slots.some(({ first, last }) => first > last))
      .map(({ file }) => `The slots of ${file} are in no order.`),
  ];
}

/** What of a cluster must not change while it is backed up: who owns which slots, by whose word, and that none is open. */
export type SlotMap = ReadonlyMap<
  string,
  { readonly instance: string; readonly configEpoch: number; readonly slots: readonly SlotRange[]; readonly open: number }
>;

/** What changed between two looks, for people; nothing where files that were taken in between belong together. Pure. */
export function changesBetween(before: SlotMap, after: SlotMap): readonly string[] {
  const changes: string[] = [];
  for (const [nodeId, was] of before) {
    const is = after.get(nodeId);
    if (is === undefined) changes.push(`${was.instance} owns no slots any more`);
    else if (formatRanges(is.slots) !== formatRanges(was.slots))
      changes.push(`${was.instance} had ${countSlots(was.slots)} slots and has ${countSlots(is.slots)} now`);
    else if (is.configEpoch !== was.configEpoch)
      changes.push(`the config epoch of ${was.instance} went from ${was.configEpoch} to ${is.configEpoch}`);
  }
  for (const [nodeId, { instance, open }] of after) {
    if (!before.has(nodeId)) changes.push(`${instance} owns slots now`);
    if (open > 0) changes.push(`${instance} has open slots`);
  }
  return changes;
}
