import { quarantineIn } from "../cluster/apply/journal.ts";
import type { Quarantine } from "../cluster/move/types.ts";
import type { TribSession } from "./session.ts";

/** One file a run. */
const files = new WeakMap<TribSession, ReturnType<typeof quarantineIn>>();

/** Where values go that are not kept. Standard error reports each, and `onValue` is called. */
export function openQuarantine(session: TribSession, onValue: (slot: number) => void = () => {}): Quarantine {
  const { host } = session;
  const keep = files.get(session) ?? quarantineIn(`${host.folder}/redis-trib-quarantine`, host.now());
  files.set(session, keep);
  return async (values) => {
    await keep(values);
    for (const { slot, key, instance } of values) {
      const shown = JSON.stringify(key.toString());
      host.warn(`redis-trib: ${shown} of slot ${slot} had another value at ${instance}; it is not kept there, but saved in ${keep.file}.`);
      onValue(slot);
    }
  };
}
