import type { Emit } from "../base/events.ts";
import type { Connection } from "../connection/connection.ts";
import type { Artifact } from "./build.ts";
import { builderFailed } from "./errors.ts";

interface Slot {
  readonly builder: string | undefined;
  readonly artifact: Promise<Artifact>;
  readonly resolve: (artifact: Artifact) => void;
  readonly reject: (error: unknown) => void;
}

export type MakeArtifact = (key: string, connection: Connection, emit: Emit, signal?: AbortSignal) => Promise<Artifact>;

/** The builds of one run: the host that compiles provides, those of its group wait. */
export class BuildPool {
  private readonly slots = new Map<string, Slot>();
  private readonly make: MakeArtifact;

  constructor(make: MakeArtifact) {
    this.make = make;
  }

  /** Announces a build that is in the cache already, or one that `builder` will make. */
  expect(key: string, from: { readonly cached: Artifact } | { readonly builder: string }): void {
    const { promise, resolve, reject } = withResolvers<Artifact>();
    // Nobody may be waiting when a builder fails; that is not an unhandled rejection.
    promise.catch(() => {});
    this.slots.set(key, { builder: "builder" in from ? from.builder : undefined, artifact: promise, resolve, reject });
    if ("cached" in from) resolve(from.cached);
  }

  /** Compiles on this host and hands the artifact to all that wait. */
  async build(key: string, connection: Connection, emit: Emit, signal?: AbortSignal): Promise<void> {
    this.slots.get(key)?.resolve(await this.make(key, connection, emit, signal));
  }

  /** The artifact, as soon as there is one. `onWait` is called with the build that it waits for. */
  async artifact(host: string, key: string, onWait: (builder: string) => void): Promise<Artifact> {
    const slot = this.slots.get(key);
    if (slot === undefined) throw new Error(`no build ${key} was announced`);
    if (slot.builder !== undefined && slot.builder !== host) {
      onWait(slot.builder);
      return slot.artifact.catch(() => {
        throw builderFailed(host, slot.builder ?? host);
      });
    }
    return slot.artifact;
  }

  /** A host failed: those that wait for its build shall not wait for ever. */
  failed(host: string, error: unknown): void {
    for (const slot of this.slots.values()) if (slot.builder === host) slot.reject(error);
  }
}

/** Promise.withResolvers is not in Node 20. */
function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
