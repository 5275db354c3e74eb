import type { Argument, Credentials } from "../../redis/types.ts";

export interface MigrateOptions {
  readonly target: { readonly address: string; readonly port: number };
  /** How the source gets into the target; undefined where that asks for nothing. */
  readonly credentials: Credentials | undefined;
  /** In milliseconds; 0 and less would mean 1000 to the server. */
  readonly timeoutMs: number;
  readonly replace: boolean;
}

/** MIGRATE in the form with KEYS. AUTH has to stand before KEYS, which takes all that follows; it is known from 4.0.7 on, AUTH2 from 6.0 on. */
export function migrateWords(keys: readonly Buffer[], { target, credentials, timeoutMs, replace }: MigrateOptions): readonly Argument[] {
  return [
    "MIGRATE",
    target.address,
    target.port,
    "",
    0,
    timeoutMs,
    ...(replace ? ["REPLACE"] : []),
    ...login(credentials),
    "KEYS",
    ...keys,
  ];
}

function login(credentials: Credentials | undefined): readonly string[] {
  if (credentials === undefined) return [];
  return credentials.user === undefined ? ["AUTH", credentials.password] : ["AUTH2", credentials.user, credentials.password];
}
