import { readFile } from "node:fs/promises";
import { isIPv4, type Socket } from "node:net";
import { endianness } from "node:os";
import { isService } from "../base/accounts.ts";
import { endedAtOnce, notOurs, notOursElsewhere, ownerUnreadable, servedByStranger } from "./errors.ts";

// Who has the other end of a connection within this computer. Any user can listen on a loopback address while the server that belongs there is down, and the first word to a server is the password.

/** One end of a TCP connection. */
export interface End {
  readonly address: string;
  readonly port: number;
}

/** Times the tables are read until they name an owner: the kernel writes them piece by piece, and a socket that moves meanwhile is in none of the pieces. */
const READINGS = 3;

/** The kernel's tables of TCP sockets, all that this network namespace has, the same for every user (proc(5)). */
const FOUR = sharedReading("/proc/net/tcp");
/** A kernel without IPv6 has none. */
const SIX = sharedReading("/proc/net/tcp6", "ENOENT");

/**
 * Gives the text of a table as it was read after the question. Of one reading all have the answer who asked before it began, which are all connections that a look at a lab opens at once.
 *
 * @throws LabError `connection.owner-unreadable`
 */
function sharedReading(file: string, absent?: string): () => Promise<string> {
  let reading: Promise<string> | undefined;
  let next: Promise<string> | undefined;
  const read = () =>
    readFile(file, "latin1").catch((error: NodeJS.ErrnoException) => {
      if (absent !== undefined && error.code === absent) return "";
      throw ownerUnreadable(file, error);
    });
  return () => {
    next ??= (async () => {
      await reading?.catch(() => undefined);
      // Those whose connection is open by now ask within this turn.
      await new Promise(setImmediate);
      next = undefined;
      reading = read();
      return reading;
    })();
    return next;
  };
}

/**
 * The user ids of those who have the server's end of a connection that was opened here: of the process that accepted it, and of the one that listens. None where that end is on another computer
 * or in another network namespace. Undefined where the system does not say: only Linux does.
 *
 * @throws LabError `connection.owner-unreadable`
 */
export async function ownersOf(socket: Socket): Promise<readonly number[] | undefined> {
  if (process.platform !== "linux") return undefined;
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  // It has ended already.
  if (localAddress === undefined || localPort === undefined || remoteAddress === undefined || remotePort === undefined) return [];
  const client = { address: localAddress, port: localPort };
  const server = { address: remoteAddress, port: remotePort };
  let owners: readonly number[] = [];
  for (let times = 0; times < READINGS && owners.length === 0; times += 1) {
    const four = await FOUR();
    const found = ownersIn(four, { server, client });
    // The kernel goes through all sockets for either table, so the second one is read where the first has not both ends.
    owners = found.certain ? found.owners : ownersIn(`${four}\n${await SIX()}`, { server, client }).owners;
  }
  return owners;
}

/**
 * The same from the tables as they stand in /proc/net/tcp and tcp6. The row of an end that is not accepted yet names no owner that could be believed (its inode is 0, its uid is that of the
 * listener in new kernels and 0 in others), but it can only go to those who listen. Both are asked, so that a program that runs as another user than the one who made its socket
 * counts as both. Pure.
 */
export function ownersIn(
  text: string,
  { server, client }: { readonly server: End; readonly client: End },
): {
  readonly owners: readonly number[];
  /** The connection is among them, and so is a socket that listens at the very address: no other table has more of them. */
  readonly certain: boolean;
} {
  const others = formsOf(client.address);
  const accepted = formsOf(server.address).flatMap((own, form) => {
    const other = others[form];
    return other === undefined ? [] : rowsOf(text, `${socketHex(own, server.port)} ${socketHex(other, client.port)} `);
  });
  // Of several listeners the kernel takes the one with the very address first, then that of all addresses (__inet_lookup_listener in inet_hashtables.c).
  const forms = formsOf(server.address);
  const listening = [...forms, ...(forms.some(isIPv4) ? ["0.0.0.0"] : []), "::"]
    .map((address) => {
      const remote = socketHex(isIPv4(address) ? "0.0.0.0" : "::", 0);
      return [address, rowsOf(text, `${socketHex(address, server.port)} ${remote} ${LISTEN} `)] as const;
    })
    .filter(([, rows]) => rows.length > 0);
  const [[, first = []] = []] = listening;
  const owners = [...accepted, ...first].flatMap(({ uid, inode }) => (inode === 0 ? [] : [uid]));
  return { owners: [...new Set(owners)], certain: accepted.length > 0 && listening[0]?.[0] === forms[0] };
}

/** TCP_LISTEN of include/net/tcp_states.h. */
const LISTEN = "0A";

/** An IPv4 address and the form in which a socket of IPv6 has it; an IPv6 address alone. */
function formsOf(address: string): readonly string[] {
  const plain = /^::ffff:([\d.]+)$/i.exec(address)?.[1] ?? address;
  return isIPv4(plain) ? [plain, `::ffff:${plain}`] : [plain];
}

function rowsOf(text: string, beginning: string): readonly { readonly uid: number; readonly inode: number }[] {
  const rows: { uid: number; inode: number }[] = [];
  for (let at = text.indexOf(` ${beginning}`); at !== -1; at = text.indexOf(` ${beginning}`, at + 1)) {
    const end = text.indexOf("\n", at);
    // local, remote, state, queues, timer, retransmits, uid, timeout, inode: get_tcp4_sock in tcp_ipv4.c.
    const fields = text
      .slice(at, end === -1 ? undefined : end)
      .trim()
      .split(/\s+/);
    rows.push({ uid: Number(fields[6]), inode: Number(fields[8]) });
  }
  return rows;
}

/** `127.0.1.18:6379` as /proc/net/tcp writes it: `1201007F:18EB` where the lowest byte comes first (net/ipv4/tcp_ipv4.c). IPv6 addresses are four such words. */
export function socketHex(address: string, port: number, order: "LE" | "BE" = endianness()): string {
  const hex = (value: number, width: number) => value.toString(16).toUpperCase().padStart(width, "0");
  const bytes = bytesOf(address);
  const words = Array.from({ length: bytes.length / 4 }, (_, word) => bytes.slice(4 * word, 4 * word + 4));
  const written = words.flatMap((word) => (order === "LE" ? word.toReversed() : word)).map((byte) => hex(byte, 2));
  return `${written.join("")}:${hex(port, 4)}`;
}

function bytesOf(address: string): readonly number[] {
  if (isIPv4(address)) return address.split(".").map(Number);
  const [head = [], tail] = address.replace(/%.*$/, "").split("::").map(groupBytes);
  if (tail === undefined) return [...head];
  return [...head, ...Array.from({ length: 16 - head.length - tail.length }, () => 0), ...tail];
}

function groupBytes(groups: string): readonly number[] {
  return groups
    .split(":")
    .filter((group) => group !== "")
    .flatMap((group) => (isIPv4(group) ? bytesOf(group) : [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]));
}

/** Addresses that lead to this computer alone, and within its network namespace. */
const LOOPBACK = /^(127\.|::1$)/;

/**
 * Refuses a server that is not a process of this user. Nothing is sent.
 *
 * @param at what was dialled
 * @param trusted user ids beside our own
 * @throws LabError `connection.not-ours`, `connection.owner-unreadable`, `connection.dial-refused` where it has ended already
 */
export async function assertOurs(socket: Socket, host: string, at: End, trusted: readonly number[]): Promise<void> {
  const target = `${at.address}:${at.port}`;
  const owners = await ownersOf(socket);
  const known = new Set([process.geteuid?.(), ...trusted]);
  const other = owners?.find((uid) => !known.has(uid));
  if (other !== undefined) throw notOurs(target, other);
  // An `end` event that came meanwhile had no listener yet, and does not come again.
  if (socket.destroyed || (owners?.length === 0 && LOOPBACK.test(at.address))) throw endedAtOnce(host, target, socket.errored);
  if (owners?.length === 0) throw notOursElsewhere(target);
}

/**
 * Refuses a server of this computer that another person runs, where a program was given a password for whatever servers it was pointed at: a service of the system may be meant, as may one on
 * another computer.
 *
 * @throws LabError `connection.of-a-stranger`, `connection.owner-unreadable`
 */
export async function assertNoStranger(socket: Socket, at: End): Promise<void> {
  const stranger = (await ownersOf(socket))?.find((uid) => uid !== process.geteuid?.() && !isService(uid));
  if (stranger === undefined) return;
  socket.destroy();
  throw servedByStranger(`${at.address}:${at.port}`, stranger);
}
