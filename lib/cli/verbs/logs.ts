import { sh } from "../../connection/quote.ts";
import type { Secrets } from "../../lab/secrets.ts";
import { findHost, findInstance } from "../../operations/find.ts";
import { withSession } from "../../operations/session.ts";
import { mask } from "../../render/mask.ts";
import { placementOf, type VerbContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function run(
  context: VerbContext,
  { lines, follow = false }: { readonly lines: number; readonly follow?: boolean },
  [reference = ""]: readonly string[],
): Promise<number> {
  const placement = placementOf(context);
  const hostName = reference.split(":")[0] ?? "";
  const host = findHost(placement, hostName);
  const files = (reference.includes(":") ? [findInstance(placement, reference)] : host.instances).map(({ logFile }) => logFile);
  return withSession({ ...context, emit: () => {}, hosts: [hostName] }, async ({ connections, unreachable, secrets }) => {
    const connection = connections.get(hostName);
    if (connection === undefined) throw unreachable.get(hostName) ?? new Error(`${hostName} is not connected`);
    const write = (line: string) => process.stdout.write(`${masked(line, secrets)}\n`);
    // -F: a log that is rotated, or that does not exist yet, is followed all the same.
    const script = follow ? sh`exec tail -n ${lines} -F ${files}` : sh`exec tail -n ${lines} ${files}`;
    const result = await connection
      .run(script, {
        title: "tail",
        root: true,
        onLine: write,
        signal: context.signal,
        timeoutMs: follow ? 2 ** 31 - 1 : 60_000,
      })
      .catch((error: unknown) => {
        if (context.signal.aborted) return undefined;
        throw error;
      });
    if (result !== undefined && result.exitCode !== 0) process.stderr.write(result.stderr);
    return result?.exitCode === 0 || context.signal.aborted ? EXIT.done : EXIT.failed;
  });
}

/** A line of a log without a password: a sentinel logs the value of SENTINEL SET, the password that a rotation brings included (sentinelSetCommand in sentinel.c of 4.0.14 to 7.0.15). */
function masked(line: string, secrets: Secrets): string {
  return mask(line, secrets).replace(/(\bauth-pass )(?!<)\S+/g, "$1<another password>");
}
