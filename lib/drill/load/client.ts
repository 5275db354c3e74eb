import type { ApplicationClient, KeyPlace } from "../../redis/application-client.ts";
import { type Failure, failureOf } from "../../redis/outcome.ts";
import { valueNumber, valueText } from "./keys.ts";
import type { LoadSettings } from "./settings.ts";
import type { Work } from "./writers.ts";

/** An operation that is to be sent. */
export interface Task extends KeyPlace {
  readonly o: number;
  readonly work: Work;
}

/** How the servers answered. `v` as in history.ts. */
export type Answer =
  | { readonly k: "ok"; readonly v?: number | null | undefined }
  | { readonly k: "fail" | "unknown"; readonly failure: Failure };

/** What a load sends its operations through. */
export interface LoadClient {
  /** Resolves when it can send, or is broken. @default at once */
  readonly ready?: Promise<void> | undefined;
  /** Never rejects. It may never resolve: the load has a time-out of its own. */
  send(task: Task): Promise<Answer>;
  nodeOf(task: Task): string | undefined;
  /** No answer came from its shard for a whole time-out. */
  lookAgain(task: Task): void;
  /** Why nothing can be sent any more; undefined while it can. */
  readonly broken?: string | undefined;
  close(): Promise<void> | void;
}

/** Of the time-out of an operation, how much of it the server may wait for its replicas. */
const WAIT_SHARE = 0.8;

/** Sends through a client as applications use it. */
export function applicationLoadClient(
  client: ApplicationClient,
  settings: Pick<LoadSettings, "size" | "ttl" | "wait" | "timeoutMs">,
): LoadClient {
  const { size, ttl, wait, timeoutMs } = settings;
  const waiting = wait === undefined ? undefined : ["WAIT", String(wait), String(Math.max(1, Math.floor(timeoutMs * WAIT_SHARE)))];
  const done: Answer = { k: "ok" };
  const refused = (task: Task, error: unknown): Answer => {
    const failure = failureOf(error);
    // What node-redis has closed by itself, where no server of a cluster answered it for a moment, it never opens again.
    if (failure.code === "ClientClosedError") client.lookAgain(task);
    return { k: failure.certain ? "fail" : "unknown", failure };
  };
  const written = (): Answer => done;
  const read = (reply: unknown): Answer => ({ k: "ok", v: valueNumber(reply as string | number | null) });
  const commandOf = ({ kind, key, v }: Work): string[] => {
    switch (kind) {
      case "write":
      case "register":
        return ttl === undefined ? ["SET", key, valueText(v ?? 0, size)] : ["SET", key, valueText(v ?? 0, size), "EX", String(ttl)];
      case "count":
        return ["INCR", key];
      case "read":
      case "look":
        return ["GET", key];
      default:
        return kind satisfies never;
    }
  };
  return {
    send(task) {
      const { kind } = task.work;
      const command = commandOf(task.work);
      const answerOf = kind === "write" || kind === "register" ? written : read;
      if (wait === undefined || waiting === undefined || kind === "read" || kind === "look")
        return client.send(task, command).then(answerOf, (error) => refused(task, error));
      return client.sendAll(task, [command, waiting]).then(
        ([reply, copies]): Answer => {
          const enough = typeof copies === "number" && copies >= wait;
          return enough ? answerOf(reply) : { k: "unknown", failure: fewReplicas(copies, wait) };
        },
        (error) => refused(task, error),
      );
    },
    nodeOf: (task) => client.nodeOf(task),
    lookAgain: (task) => client.lookAgain(task),
    close: () => client.close(),
  };
}

/** The master has the write, so it has not failed; who asked for copies does not have them, so it is not acknowledged either. */
function fewReplicas(copies: unknown, wait: number): Failure {
  const seen = typeof copies === "number" ? `${copies} of ${wait} replicas` : String(copies);
  return { certain: false, code: "WAIT", text: `WAIT ${seen}` };
}
