/**
 * What the engines tell while they work. They never print: they call an `Emit`, and `report/` turns events into a progress display, plain lines or nothing.
 * No event may carry a secret.
 */
export type LabEvent =
  /** A named step on one host (or on the whole lab: `host` is undefined) changed its state. */
  | {
      readonly type: "step";
      readonly host: string | undefined;
      readonly step: string;
      readonly state: "started" | "changed" | "unchanged" | "not-applicable" | "failed";
      /** What was changed, or why not; one line. */
      readonly detail?: string | undefined;
      /** How many changes of a plan it was. @default 1 */
      readonly changes?: number | undefined;
      /** Of a step of the whole lab: the hosts that it changes. @default none */
      readonly hosts?: readonly string[] | undefined;
    }
  /** A started step has something to say: compile output, bytes shipped, what is being waited for. */
  | {
      readonly type: "progress";
      readonly host: string | undefined;
      readonly step: string;
      readonly detail: string;
      readonly fraction?: number | undefined;
    }
  /** Something the user must not miss, for example a Redis version other than the declared one. */
  | { readonly type: "notice"; readonly level: "info" | "warning"; readonly text: string };

export type Emit = (event: LabEvent) => void;
