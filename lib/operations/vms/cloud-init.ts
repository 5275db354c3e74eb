import type { Connection } from "../../connection/connection.ts";

/** How the first boot of a VM went. */
export type CloudInitResult =
  /** The host has no cloud-init, or it is switched off. */
  | { readonly kind: "none" }
  | { readonly kind: "running" }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly errors: readonly string[] };

/** Written when all stages have ended, again at each boot (cmd/main.py of cloud-init 19.4). Asking `cloud-init status` starts a Python, which takes seconds in an emulated VM. */
const RESULT = "/run/cloud-init/result.json";

const LOOK = `command -v cloud-init >/dev/null 2>&1 || { echo none; exit 0; }
[ ! -e /run/cloud-init/disabled ] && [ ! -e /etc/cloud/cloud-init.disabled ] || { echo none; exit 0; }
cat ${RESULT} 2>/dev/null || echo running`;

/** One look. */
export async function readCloudInit(connection: Connection): Promise<CloudInitResult> {
  const { stdout } = await connection.run(LOOK, { title: "look at cloud-init", look: true });
  return parseCloudInit(stdout);
}

/**
 * Waits until cloud-init has come to its end: until then it may write files and hold the lock of the packages.
 *
 * @param timeoutMs then it is `running` still
 * @param onWait called once when there is something to wait for
 */
export async function awaitCloudInit(
  connection: Connection,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  onWait: () => void,
): Promise<CloudInitResult> {
  const now = await readCloudInit(connection);
  if (now.kind !== "running") return now;
  onWait();
  // Its exit code says 1 for errors and from 23.4 on 2 for a degraded end; the file has the errors themselves.
  await connection.run("cloud-init status --wait >/dev/null 2>&1 || :", {
    title: "wait for cloud-init",
    timeoutMs,
    signal,
  });
  return readCloudInit(connection);
}

/** The output of a look. Pure. */
export function parseCloudInit(text: string): CloudInitResult {
  const trimmed = text.trim();
  if (trimmed === "none") return { kind: "none" };
  try {
    const result: unknown = JSON.parse(trimmed);
    const errors = errorsIn(result);
    return errors.length === 0 ? { kind: "done" } : { kind: "failed", errors };
  } catch {
    // Absent, or half written.
    return { kind: "running" };
  }
}

/** `{"v1": {"datasource": …, "errors": [ … ]}}` */
function errorsIn(result: unknown): readonly string[] {
  const v1 = fieldOf(result, "v1");
  const errors = fieldOf(v1, "errors");
  return Array.isArray(errors) ? errors.map(String) : [];
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
}
