import type { Secrets } from "../lab/secrets.ts";

/** `<password k3f9>`: names the generation, which says nothing about the password itself. */
function token(secrets: Secrets): string {
  return `<password ${secrets.generation}>`;
}

export const PREVIOUS_TOKEN = "<previous password>";
export const OTHER_TOKEN = "<another password>";

// The value is the rest of the line: it may be quoted, and a password of another origin may hold anything. A line may be a comment, or a line of a diff.
const SECRET_LINES =
  /^([ \t#+-]*(?:requirepass|masterauth|sentinel[ \t]+(?:auth-pass[ \t]+\S+|sentinel-pass)|tls-(?:client-)?key-file-pass)[ \t]+)(\S.*?)[ \t\r]*$/gim;
/** `user NAME on >password …`, which Redis writes from 6.0 on: `>` adds, `<` removes; `#` and `!` do the same by the SHA-256 of a password, which is no better. */
const ACL_LINES = /^[ \t#+-]*user[ \t]+\S.*$/gim;
const ACL_SECRETS = /([ \t][><#!])(\S+)/g;

/**
 * The text with every secret replaced by a token that names its generation, and every other value on the line of a secret by `<another password>`: for diffs, events and
 * whatever else is shown or kept. Masking the result again changes nothing.
 */
export function mask(text: string, secrets: Secrets): string {
  const tokens = new Set([token(secrets), PREVIOUS_TOKEN, OTHER_TOKEN]);
  const known = [
    { secret: secrets.password, name: token(secrets) },
    { secret: secrets.previous ?? "", name: PREVIOUS_TOKEN },
  ]
    .filter(({ secret }) => secret !== "")
    // The longer one first: one may be a part of the other.
    .sort((a, b) => b.secret.length - a.secret.length);
  const replaced = known.reduce((rest, { secret, name }) => rest.split(secret).join(name), text);
  return replaced
    .replace(
      SECRET_LINES,
      (_line, words: string, value: string) => words + (tokens.has(value.replace(/^"(.*)"$/, "$1")) ? value : OTHER_TOKEN),
    )
    .replace(ACL_LINES, (line) => line.replace(ACL_SECRETS, maskAcl));
}

/** The first words of our own tokens; they stand where a secret stood before. */
const TOKEN_WORDS = ["<password", "<previous", "<another"];

function maskAcl(whole: string, sign: string, value: string): string {
  return TOKEN_WORDS.includes(value) ? whole : `${sign}${OTHER_TOKEN}`;
}
