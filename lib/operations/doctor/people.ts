import { readdir, readFile } from "node:fs/promises";
import { peopleOf } from "../../base/accounts.ts";

/** Other people who have an account on this computer, or are logged in. Accounts of a directory service (LDAP) show while they are logged in (pam_systemd makes /run/user/UID). */
export async function otherPeople(environment: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const [passwd, loggedIn] = await Promise.all([
    readFile("/etc/passwd", "utf8").catch(() => ""),
    readdir("/run/user").catch((): string[] => []),
  ]);
  const sudo = environment["SUDO_UID"];
  return peopleOf(passwd, loggedIn.map(Number), [process.getuid?.(), ...(sudo === undefined ? [] : [Number(sudo)])]);
}
