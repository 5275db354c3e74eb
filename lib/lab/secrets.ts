import { randomBytes, randomInt } from "node:crypto";
import { illegalPassword, weakPassword } from "./errors.ts";

/** The secrets of a lab, in memory. `generation` is random and tells two passwords apart in output without saying anything about either. */
export interface Secrets {
  readonly password: string;
  readonly generation: string;
  /** The password before the last rotation, while some instance may still have it. */
  readonly previous?: string;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/** 32 characters of `[A-Za-z0-9_-]`: 192 bits, and nothing that redis.conf, sentinel.conf, a URI or a shell would have to quote. */
export function generatePassword(): string {
  return Array.from({ length: 32 }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
}

/** Eight random characters that name a password in output. */
export function generateGeneration(): string {
  return randomBytes(4).toString("hex");
}

/**
 * Refuses a password that is weak or that Redis 4.0 can't carry through its own rewrites.
 *
 * @throws LabError `secrets.illegal-password`, `secrets.weak-password`
 */
export function assertPassword(password: string, where: string): void {
  if (!/^[A-Za-z0-9_-]*$/.test(password)) throw illegalPassword(where);
  if (password.length < 12) throw weakPassword(where, `it has ${password.length} characters, fewer than 12`);
  if (new Set(password).size < 6) throw weakPassword(where, "it repeats fewer than 6 different characters");
  if (/^\d+$/.test(password)) throw weakPassword(where, "it is a number");
}
