import { LabError } from "../base/error.ts";

/** A process of ours that connects in another network of this computer. */
export function dialHelperLost(target: string, detail: string): LabError {
  return new LabError({
    code: "connection.helper-lost",
    kind: "environment",
    what: `The process that was to connect to ${target} from within the lab's network has ended: ${detail}.`,
    next: "Look whether the lab is up, and run the same command again: `redis-lab status LAB`.",
  });
}
