import { expect, test } from "vitest";
import type { Connection } from "../../../lib/connection/connection.ts";
import { connectionLost, tooManyOpenFiles } from "../../../lib/connection/errors.ts";
import { defineLab } from "../../../lib/lab/define-lab.ts";
import { placeLab } from "../../../lib/lab/placement.ts";
import { readPorts } from "../../../lib/operations/doctor/ports.ts";
import { clusterInput } from "../../support/labs.ts";

const lab = defineLab(clusterInput());
const placement = placeLab(lab, { target: "ssh", hostsFolder: "/unused" });

/** Connections of all hosts with this way of probing. */
function readings(probe: Connection["probe"]) {
  const connections = new Map(placement.hosts.map(({ name }) => [name, { probe } as Connection]));
  return readPorts({ connections, placement, lab });
}

test("every port is tried from every other host, a bounded number at once", async () => {
  let now = 0;
  let most = 0;
  const all = await readings(async () => {
    most = Math.max(most, ++now);
    await new Promise(setImmediate);
    now--;
    return "open";
  });
  expect(new Set(all.map(({ from, instance, port }) => `${from} ${instance.id} ${port}`)).size).toBe(all.length);
  expect(all.length).toBeGreaterThan(64);
  expect(all.filter(({ from, instance }) => from === instance.host)).toEqual([]);
  expect(most).toBe(64);
});

test("where this computer has no descriptor left, that is the error and nothing is said of a port", async () => {
  const cause = Object.assign(new Error("connect EMFILE 192.168.1.28:6379"), { code: "EMFILE", syscall: "connect", errno: -24 });
  await expect(readings(() => Promise.reject(tooManyOpenFiles(cause)))).rejects.toMatchObject({ code: "connection.open-files" });
  await expect(readings(() => Promise.reject(cause))).rejects.toMatchObject({ code: "connection.open-files" });
});

test("a lost connection makes ports unreachable, a defect is thrown on", async () => {
  const lost = await readings(() => Promise.reject(connectionLost("redis-18", "probing")));
  expect(lost.every(({ result }) => result === "unreachable")).toBe(true);
  await expect(readings(() => Promise.reject(new TypeError("not a function")))).rejects.toThrow("not a function");
});
