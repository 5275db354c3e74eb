import type { SentinelAction, SentinelActionOf } from "./types.ts";

/** What there is to say of a kind of action but how it is carried out, which is `APPLIERS` of apply.ts. */
interface SentinelActionRow<Kind extends SentinelAction["kind"]> {
  /** Waits for something, and changes nothing. */
  readonly waits: boolean;
  /** What sentinels watch is set when all servers have their roles. */
  readonly phase: "servers" | "sentinels";
  /** The instance at which it is done; a wait is done at none. */
  instanceOf(action: SentinelActionOf<Kind>): string | undefined;
}

/** A kind without a row does not compile. */
const ROWS: { readonly [Kind in SentinelAction["kind"]]: SentinelActionRow<Kind> } = {
  replicate: { waits: false, phase: "servers", instanceOf: ({ instance }) => instance },
  "lift-fence": { waits: false, phase: "servers", instanceOf: ({ instance }) => instance },
  monitor: { waits: false, phase: "sentinels", instanceOf: ({ sentinel }) => sentinel },
  set: { waits: false, phase: "sentinels", instanceOf: ({ sentinel }) => sentinel },
  "await-formed": { waits: true, phase: "servers", instanceOf: () => undefined },
};

export function isSentinelWait({ kind }: Pick<SentinelAction, "kind">): boolean {
  return ROWS[kind].waits;
}

export function phaseOf({ kind }: Pick<SentinelAction, "kind">): "servers" | "sentinels" {
  return ROWS[kind].phase;
}

/** The instance at which an action is done; a wait is done at none. */
export function instanceOfAction<Kind extends SentinelAction["kind"]>(action: SentinelActionOf<Kind>): string | undefined {
  return ROWS[action.kind].instanceOf(action);
}
