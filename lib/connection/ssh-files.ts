import { basename, dirname } from "node:path/posix";
import { raw, sh } from "./quote.ts";

/** Exit code of the scripts below for "there is no such file"; none of their commands uses it. */
export const NO_SUCH_FILE = 44;

export interface Placing {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly owner: string | undefined;
  /** Bytes that must have arrived. */
  readonly size: number;
}

/**
 * Puts standard input in its place in one step: a temporary file in the same folder, flushed, owner and mode set, renamed, labelled where SELinux is on. The size is checked,
 * because standard input simply ends when the connection is cut; then the complaint goes into a broken pipe, whose signal must not skip the cleaning up. `sync FOLDER` flushes that folder alone from coreutils 8.24; before, it flushes everything.
 */
export function placeScript({ path, mode, owner, size }: Placing): string {
  const folder = dirname(path);
  return sh`set -e
umask 077
new=
trap 'rm -f -- "$new"' EXIT
trap 'exit 1' HUP INT PIPE TERM
new=$(mktemp ${`${folder}/.${basename(path).slice(0, 200)}.XXXXXXXXXX`})
dd of="$new" bs=65536 conv=fsync status=none
if [ "$(wc -c < "$new")" -ne ${size} ]; then echo 'not all bytes arrived' >&2; exit 1; fi
${raw(owner === undefined ? "" : sh`chown -- ${owner} "$new"`)}
chmod -- ${mode.toString(8).padStart(4, "0")} "$new"
mv -fT -- "$new" ${path}
if command -v selinuxenabled > /dev/null && selinuxenabled; then restorecon -- ${path}; fi
sync -- ${folder} 2> /dev/null || :
`;
}

/** Writes a file to standard output. */
export function readScript(path: string): string {
  return sh`[ -e ${path} ] || exit ${NO_SUCH_FILE}
exec cat -- ${path}`;
}
