import { createRequire, syncBuiltinESMExports } from "node:module";
import { resolve } from "node:path";

// A disk that fails at the n-th thing that is written to it: the functions of node:fs/promises and of its file handles, with the real ones behind them. What writes only half before it fails
// does write half.

/**
 * `SIGKILL` ends this process there; `gone` stands for that within a process that lives on: the call never returns, so that nothing of what would follow it happens, no clearing away either.
 * The others are errors of the system.
 */
export type DiskFault = "ENOSPC" | "EIO" | "EACCES" | "SIGKILL" | "gone";

export interface BrokenDisk {
  /** What was written, in order, up to and with the one that failed. */
  readonly calls: readonly string[];
  /** Whether the fault has struck. */
  readonly struck: () => boolean;
  repair(): void;
}

/** Descriptors of what has gone, which are never closed: Node would complain when it finds them. */
const abandoned: object[] = [];

type Call = (this: unknown, ...args: unknown[]) => Promise<unknown>;

const promises = createRequire(import.meta.url)("node:fs/promises") as Record<string, Call>;
const CHANGING = ["mkdir", "rename", "rm", "writeFile", "appendFile", "copyFile", "truncate", "unlink", "chmod"];
const OF_HANDLES = ["writeFile", "appendFile", "write", "truncate", "chmod", "sync", "datasync"];

/**
 * Breaks the disk below a folder for this process.
 *
 * @param at the number of the call that fails, from 1
 * @param lasting all that follow fail too, as on a disk that stays full. @default only that one
 */
export async function breakDisk(
  below: string,
  { at, fault, lasting = false }: { readonly at: number; readonly fault: DiskFault; readonly lasting?: boolean },
): Promise<BrokenDisk> {
  const calls: string[] = [];
  const undo: (() => void)[] = [];
  const ours = new WeakSet<object>();
  let dead = false;

  /** The call as it is made now, or as it fails. `half`: what is done of it all the same. */
  const strike = (name: string, real: () => Promise<unknown>, half: () => Promise<unknown>): Promise<unknown> => {
    if (dead) return new Promise(() => {});
    calls.push(name);
    const now = calls.length === at || (lasting && calls.length > at);
    return now ? half().then(() => fail(name)) : real();
  };
  const fail = (name: string): Promise<never> | never => {
    switch (fault) {
      case "SIGKILL":
        process.kill(process.pid, "SIGKILL");
        return new Promise(() => {});
      case "gone":
        dead = true;
        return new Promise(() => {});
      default:
        throw Object.assign(new Error(`${fault}: ${fault === "EIO" ? "i/o error" : "no space left on device"}, ${name}`), { code: fault });
    }
  };
  const replace = (on: Record<string, Call>, name: string, make: (real: Call) => Call) => {
    const real = on[name];
    if (real === undefined) return;
    on[name] = make(real);
    undo.push(() => {
      on[name] = real;
    });
  };
  const isBelow = (path: unknown) => typeof path === "string" && resolve(path).startsWith(resolve(below));
  const nothing = async () => undefined;

  for (const name of CHANGING)
    replace(
      promises,
      name,
      (real) =>
        function (this: unknown, ...args) {
          if (!isBelow(args[0])) return real.apply(this, args);
          const written = name === "writeFile" || name === "appendFile";
          const half = written ? () => real.call(this, args[0], firstHalf(args[1]), args[2]) : nothing;
          return strike(name, () => real.apply(this, args), half);
        },
    );
  replace(
    promises,
    "open",
    (real) =>
      async function (this: unknown, ...args) {
        const opened = async () => {
          const handle = (await real.apply(this, args)) as object;
          if (isBelow(args[0])) ours.add(handle);
          if (fault === "gone") abandoned.push(handle);
          return handle;
        };
        const writes = typeof args[1] === "string" && /[wa+]/.test(args[1]);
        return isBelow(args[0]) && writes ? strike("open", opened, nothing) : opened();
      },
  );
  const handles = await handlePrototype();
  for (const name of OF_HANDLES)
    replace(
      handles,
      name,
      (real) =>
        function (this: unknown, ...args) {
          if (!ours.has(this as object)) return real.apply(this, args);
          const half = /write|append/i.test(name) ? () => real.call(this, firstHalf(args[0])) : nothing;
          return strike(`handle.${name}`, () => real.apply(this, args), half);
        },
    );
  syncBuiltinESMExports();
  return {
    calls,
    struck: () => calls.length >= at,
    repair() {
      for (const each of undo.reverse()) each();
      syncBuiltinESMExports();
    },
  };
}

function firstHalf(data: unknown): unknown {
  return typeof data === "string" || Buffer.isBuffer(data) ? data.slice(0, Math.floor(data.length / 2)) : data;
}

async function handlePrototype(): Promise<Record<string, Call>> {
  const handle = (await promises["open"]?.("/dev/null", "r")) as { close(): Promise<void> };
  await handle.close();
  return Object.getPrototypeOf(handle);
}
