import { ClientOfflineError, ErrorReply, RootNodesUnavailableError, SocketClosedUnexpectedlyError, TimeoutError } from "@redis/client";
import { expect, test } from "vitest";
import { failureOf, failureOfText } from "../../lib/redis/outcome.ts";

const system = (code: string, syscall: string) => Object.assign(new Error(`${syscall} ${code}`), { code, syscall });

test.each([
  "MOVED 5 127.0.0.1:1",
  "ASK 5 127.0.0.1:1",
  "TRYAGAIN Multiple keys request during rehashing of slot",
  "CLUSTERDOWN The cluster is down",
  "READONLY You can't write against a read only replica.",
  "NOREPLICAS Not enough good replicas to write.",
  "MISCONF Redis is configured to save RDB snapshots",
  "OOM command not allowed when used memory > 'maxmemory'.",
  "LOADING Redis is loading the dataset in memory",
  "BUSY Redis is busy running a script.",
])("%s: the server did not do it", (text) => {
  const code = text.split(" ")[0];
  expect(failureOf(new ErrorReply(text))).toEqual({ certain: true, code, text });
  expect(failureOfText(text)).toMatchObject({ certain: true, code });
});

test.each([
  ["ClientOfflineError", new ClientOfflineError()],
  ["RootNodesUnavailableError", new RootNodesUnavailableError()],
  ["TimeoutError", new TimeoutError()],
  ["ECONNREFUSED", system("ECONNREFUSED", "connect")],
  ["EHOSTUNREACH", system("EHOSTUNREACH", "connect")],
])("%s: it was never sent", (code, error) => {
  expect(failureOf(error)).toMatchObject({ certain: true, code });
});

test.each([
  ["SocketClosedUnexpectedlyError", new SocketClosedUnexpectedlyError()],
  ["ECONNRESET", system("ECONNRESET", "read")],
  ["EPIPE", system("EPIPE", "write")],
  // Of an open connection: the host went away after the command had left.
  ["EHOSTUNREACH", system("EHOSTUNREACH", "read")],
  ["ETIMEDOUT", system("ETIMEDOUT", "read")],
  ["ERR", new ErrorReply("ERR something that is not known")],
  ["Error", new Error("something else")],
  ["error", "a text"],
])("%s: nobody knows", (code, error) => {
  expect(failureOf(error)).toMatchObject({ certain: false, code });
});

test.each([
  ["connect ECONNREFUSED 127.0.0.1:6379", true],
  ["Error: read ECONNRESET", false],
  ["the answer said READONLY", false],
  ["", false],
])("what a client under test says: %j", (text, certain) => {
  expect(failureOfText(text).certain).toBe(certain);
});
