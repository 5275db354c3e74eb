import { expect, test } from "vitest";
import { cannotStart } from "../../../lib/connection/errors.ts";
import { expected } from "../../../lib/operations/doctor/expected.ts";
import { RedisReplyError } from "../../../lib/redis/reply-error.ts";

const fault = (code: string) => Object.assign(new Error(`spawn sh ${code}`), { code, syscall: "spawn sh", errno: -1 });
const notStarted = (code: string) =>
  cannotStart("redis-18", "look", { reason: "other", text: "sh could not be started", cause: fault(code) });

test("our errors, error replies and faults of the operating system are what a look may end with", () => {
  for (const error of [notStarted("EAGAIN"), new RedisReplyError("NOAUTH no"), fault("ECONNRESET")])
    expect(() => expected(error)).not.toThrow();
});

test("a defect and an interruption are thrown on as they are", () => {
  const invalid = Object.assign(new RangeError("port"), { code: "ERR_SOCKET_BAD_PORT" });
  for (const error of [new TypeError("x"), new DOMException("stopped", "AbortError"), invalid, "text"]) {
    let thrown: unknown;
    try {
      expected(error);
    } catch (caught) {
      thrown = caught;
    }
    expect(thrown).toBe(error);
  }
});

test.each(["EMFILE", "ENFILE"])("%s below another error is a fault of this computer, not of the host", (code) => {
  expect(() => expected(notStarted(code))).toThrow("no file descriptor left");
});
