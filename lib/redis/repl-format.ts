import { quoted } from "./conf/value.ts";
import type { Argument, TypedReply } from "./types.ts";

/**
 * A reply as redis-cli shows it on a terminal (cliFormatReplyTTY of redis-cli.c): `(integer) 1`, `"text"`, `1) …`. INFO, CLUSTER NODES and other reports of many lines
 * are shown as they are. Without a line end.
 *
 * @param command what was asked; @default a command whose reply is quoted
 */
export function formatTyped(reply: TypedReply, command: readonly Argument[] = []): string {
  return isReport(command) ? formatRaw(reply).toString() : formatTerminal(reply, "");
}

/** A reply for a pipe (cliFormatReplyRaw): values without type or quotes, one per line, byte by byte; a nil is an empty line. Without a line end. */
export function formatRaw(reply: TypedReply): Buffer {
  switch (reply.type) {
    case "status":
    case "error":
    case "integer":
      return Buffer.from(String(reply.value));
    case "bulk":
      return reply.value ?? Buffer.alloc(0);
    case "array": {
      const items = (reply.value ?? []).map(formatRaw);
      return Buffer.concat(items.flatMap((item, index) => (index === 0 ? [item] : [Buffer.from("\n"), item])));
    }
    default:
      return reply satisfies never;
  }
}

function formatTerminal(reply: TypedReply, prefix: string): string {
  switch (reply.type) {
    case "status":
      return reply.value;
    case "error":
      return `(error) ${reply.value}`;
    case "integer":
      return `(integer) ${reply.value}`;
    case "bulk":
      return reply.value === null ? "(nil)" : quoted(reply.value);
    case "array": {
      if (reply.value === null) return "(nil)";
      if (reply.value.length === 0) return "(empty array)";
      const width = String(reply.value.length).length;
      const inner = prefix + " ".repeat(width + 2);
      return reply.value
        .map((item, index) => `${index === 0 ? "" : prefix}${String(index + 1).padStart(width)}) ${formatTerminal(item, inner)}`)
        .join("\n");
    }
    default:
      return reply satisfies never;
  }
}

/** The commands for which redis-cli sets `output_raw` (cliSendCommand). */
function isReport(command: readonly Argument[]): boolean {
  const [verb = "", word = ""] = command.map((part) => String(part).toLowerCase());
  return (
    verb === "info" ||
    verb === "lolwut" ||
    (verb === "cluster" && (word === "nodes" || word === "info")) ||
    (verb === "client" && (word === "list" || word === "info")) ||
    (verb === "memory" && (word === "malloc-stats" || word === "doctor")) ||
    (verb === "latency" && (word === "graph" || word === "doctor")) ||
    (verb === "debug" && (word === "htstats" || word === "htstats-key")) ||
    (verb === "proxy" && word === "info")
  );
}
