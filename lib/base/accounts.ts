// User ids of Linux: which belong to services, and which to people.

/** First id of people's accounts (UID_MIN of login.defs(5)). */
const FIRST_PERSON = 1_000;
/** Ids that systemd gives to services without an account of their own (systemd.exec(5), DynamicUser=). */
const [FIRST_DYNAMIC, LAST_DYNAMIC] = [61_184, 65_519];

/** An account of the system, root too, or of a service; `nobody` is none of these, as anything may run as it. */
export function isService(uid: number): boolean {
  return uid < FIRST_PERSON || (uid >= FIRST_DYNAMIC && uid <= LAST_DYNAMIC);
}

/**
 * Names of the people who have an account, in the order of the file, then ids of those who are logged in and not in it (accounts of a directory service). Pure.
 *
 * @param passwd text of /etc/passwd
 * @param loggedIn user ids
 * @param own user ids of the person who asks
 */
export function peopleOf(passwd: string, loggedIn: readonly number[], own: readonly (number | undefined)[]): readonly string[] {
  const accounts = passwd.split("\n").flatMap((line) => {
    const [name = "", , id, , , , shell = ""] = line.split(":");
    const uid = Number(id);
    return name === "" || !Number.isInteger(uid) ? [] : [{ name, uid, logsIn: !/\/(nologin|false|sync)$/.test(shell) }];
  });
  const known = new Set(accounts.map(({ uid }) => uid));
  const isOther = (uid: number) => !isService(uid) && !own.includes(uid);
  return [
    ...accounts.filter(({ uid, logsIn }) => isOther(uid) && (logsIn || loggedIn.includes(uid))).map(({ name }) => name),
    ...loggedIn.filter((uid) => Number.isInteger(uid) && isOther(uid) && !known.has(uid)).map((uid) => `uid ${uid}`),
  ];
}
