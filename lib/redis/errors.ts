import { LabError, whatOf } from "../base/error.ts";
import { byCount, megabytes } from "../base/text.ts";
import type { Version } from "./version.ts";

// No factory takes the arguments of a command: they may hold a password.

export function unknownVersion({ title, product }: Version): LabError {
  return new LabError({
    code: "redis.unknown-version",
    kind: "refused",
    what: `${title} is not a version that redis-lab knows.`,
    why: `It knows the directives of ${product.title} ${Object.keys(product.lines).join(", ")}; with others it could not check or merge a configuration.`,
    next: "Set `redis.version` of the lab to a release of one of these lines.",
  });
}

export function unreachable(address: string, cause: unknown): LabError {
  return new LabError({
    code: "redis.unreachable",
    kind: "environment",
    what: `Redis at ${address} can't be reached: ${whatOf(cause).replace(/\.$/, "")}.`,
    next: "Look whether it runs and on which address it listens: `redis-lab status LAB`, `redis-lab logs LAB HOST`.",
    cause,
  });
}

export function connectionLost(address: string, command: string | undefined, reason: string): LabError {
  return new LabError({
    code: "redis.connection-lost",
    kind: "environment",
    what: `The connection to Redis at ${address} was lost${command === undefined ? "" : ` before it answered ${command}`}: ${reason}.`,
    why: command && "Whether the command was carried out is not known.",
    next: "Look at `redis-lab status LAB`; the reason is in `redis-lab logs LAB HOST`.",
  });
}

export function clientClosed(address: string, command: string): LabError {
  return new LabError({
    code: "redis.closed",
    kind: "defect",
    what: `${command} was not answered by Redis at ${address}: redis-lab closed the connection.`,
    next: "Run the same command again.",
  });
}

export function callTimeout(address: string, command: string, timeoutMs: number): LabError {
  return new LabError({
    code: "redis.timeout",
    kind: "environment",
    what: `Redis at ${address} did not answer ${command} within ${timeoutMs} ms.`,
    why: "It is blocked by a slow command, stopped, or cut off from here.",
    next: "Look at `redis-lab status LAB` and `redis-lab logs LAB HOST`.",
  });
}

export function givenUp(address: string, command: string): LabError {
  return new LabError({
    code: "redis.given-up",
    kind: "interrupted",
    what: `Redis at ${address} did not answer ${command} any more after the interruption.`,
    why: "It is blocked by a slow command, stopped, or cut off from here. Whether the command was carried out is not known.",
    next: "Look at `redis-lab status LAB`, then run the same command again.",
  });
}

export function wrongPassword(address: string, tried: number): LabError {
  return new LabError({
    code: "redis.wrong-password",
    kind: "environment",
    what: `Redis at ${address} refused ${byCount(tried, "the password that it was given", `all ${tried} passwords of the lab`)}.`,
    why: "Its requirepass was changed by another tool or person, or another lab's Redis listens there.",
    next: "Compare requirepass on the host with the lab's secret; `redis-lab doctor LAB` tells which instances differ.",
  });
}

export function connectionRefusedByServer(address: string, reply: string): LabError {
  return new LabError({
    code: "redis.refused",
    kind: "environment",
    what: `Redis at ${address} turned the connection away: ${reply}`,
    next: "Raise maxclients, or close other clients; with DENIED set a password or turn protected-mode off.",
  });
}

export function notRedis(address: string, detail: string): LabError {
  return new LabError({
    code: "redis.protocol",
    kind: "environment",
    what: `What listens at ${address} does not speak Redis' protocol: ${detail}.`,
    next: "Look which process holds the port: `ss -ltnp`.",
  });
}

export function replyTooLong(address: string, command: string, longest: number): LabError {
  return new LabError({
    code: "redis.reply-too-long",
    kind: "environment",
    what: `What listens at ${address} answers ${command} with more than ${megabytes(longest, 0)}; the connection was ended.`,
    why: "It would fill the memory of this computer, and no answer of a Redis to this is so long.",
    next: "Look which process holds the port (`ss -ltnp` on its host), and whether it is the lab's.",
  });
}

export function unreadableReply(what: string, line: string): LabError {
  return new LabError({
    code: "redis.unreadable-reply",
    kind: "defect",
    what: `${what} holds something that redis-lab can't read: ${JSON.stringify(line.slice(0, 200))}.`,
    next: "Check that the Redis version is one that redis-lab knows, and report this reply.",
  });
}
