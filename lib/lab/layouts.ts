import * as v from "valibot";
import { clusterLayout } from "./layouts/cluster.ts";
import { replicationLayout } from "./layouts/replication.ts";
import type { LayoutRow } from "./layouts/row.ts";
import { sentinelLayout } from "./layouts/sentinel.ts";

// The one table of layouts. A kind is a row here and a row of lib/operations/layouts.ts; what differs between kinds is in these rows and nowhere else.
const ROWS = { cluster: clusterLayout, sentinel: sentinelLayout, replication: replicationLayout };

export type LayoutKind = keyof typeof ROWS;
export type Layout = v.InferOutput<(typeof ROWS)[LayoutKind]["schema"]>;
export type LayoutOf<K extends LayoutKind> = Extract<Layout, { readonly kind: K }>;

/** Rows by kind; each is a row of the kind under which it stands. */
export const LAYOUTS: { readonly [K in LayoutKind]: LayoutRow<LayoutOf<K>> } = ROWS;

export const layoutSchema = v.variant(
  "kind",
  Object.values(ROWS).map(({ schema }) => schema),
);

/** The row of a layout. */
export function layoutRow<K extends LayoutKind>({ kind }: { readonly kind: K }): LayoutRow<LayoutOf<K>> {
  return LAYOUTS[kind];
}
