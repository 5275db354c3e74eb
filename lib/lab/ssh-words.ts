// Paths and commands as OpenSSH's client reads them in its configuration and after -o (ssh_config(5)).

/** A path: one with blanks would be several, and `%` begins a token (TOKENS). */
export function sshPath(path: string): string {
  return quotedForSsh(path.replaceAll("%", "%%"));
}

/** A key file as words of ssh's command line: -i looks for the file before it replaces tokens. */
function keyFileWords(path: string): readonly string[] {
  return path.includes("%") ? ["-o", `IdentityFile=${sshPath(path)}`] : ["-i", path];
}

/** Paths of which ssh reads one after the other. */
export function sshPaths(paths: readonly string[]): string {
  return paths.map(sshPath).join(" ");
}

/** What no token is replaced in. */
export function quotedForSsh(text: string): string {
  return /[\s']/.test(text) ? `"${text}"` : text;
}

/** The keys that are offered to a server: `keyFile` alone, else `identityFiles`, and others unless it is these only. */
export interface OfferedKeyFiles {
  readonly keyFile: string | undefined;
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
}

/** In the order in which they are offered; `only` where no other key is. */
export function keyFilesOf({ keyFile, identityFiles, identitiesOnly }: OfferedKeyFiles): {
  readonly files: readonly string[];
  readonly only: boolean;
} {
  return keyFile === undefined ? { files: identityFiles, only: identitiesOnly } : { files: [keyFile], only: true };
}

/** The same as words of ssh's command line. */
export function keyWords(keys: OfferedKeyFiles): readonly string[] {
  const { files, only } = keyFilesOf(keys);
  return [...files.flatMap(keyFileWords), ...(only ? ["-o", "IdentitiesOnly=yes"] : [])];
}
