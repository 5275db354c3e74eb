import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { isGone, isGoneByMark, MARK, markOf, type ProcessIdentity, startTime, thisProcess } from "../../lib/base/process-identity.ts";

const both = async (identity: ProcessIdentity) => [await isGone(identity), await isGoneByMark(await markOf(identity))];

test("this process lives; a child does until it ends; a pid that came again is another process", async () => {
  const me = await thisProcess();
  expect(me).toMatchObject({
    pid: process.pid,
    namespace: expect.stringMatching(/^pid:\[\d+\]$/),
    boot: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  expect(await both(me)).toEqual([false, false]);
  expect(await both({ ...me, started: "1" })).toEqual([true, true]);
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  const identity = { ...me, pid: child.pid ?? 0, started: (await startTime(child.pid ?? 0)) ?? "" };
  expect(await both(identity)).toEqual([false, false]);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(await both(identity)).toEqual([true, true]);
});

test("what can't be seen from here counts as living", async () => {
  const me = { ...(await thisProcess()), machine: "0123456789abcdef" };
  const dead = { ...me, pid: 2 ** 22 + 1 };
  expect(await both({ ...dead, namespace: "pid:[7]" })).toEqual([false, false]);
  expect(await both({ ...dead, boot: "another", machine: "another" })).toEqual([false, false]);
  expect(await both({ ...dead, boot: "another", computer: "another" })).toEqual([false, false]);
  expect(await both({ ...dead, boot: "another", machine: "" })).toEqual([false, false]);
  expect(await both({ ...dead, boot: "", namespace: "" })).toEqual([false, false]);
});

test("after a reboot of this computer nothing of before lives", async () => {
  const me = await thisProcess();
  // A computer without a machine id can't say so.
  if (me.machine !== "") expect(await both({ ...me, boot: "before" })).toEqual([true, true]);
});

test("a mark fits into a name and is found there", async () => {
  const mark = await markOf();
  expect(new RegExp(`^x-${MARK}-y$`).exec(`x-${mark}-y`)?.[1]).toBe(mark);
  expect(mark.length).toBeLessThanOrEqual(40);
});
