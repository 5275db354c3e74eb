import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../../cluster/support.ts";
import { nextAddress, startServer, type TestServer } from "../../support/redis.ts";
import { at, call, create, idOf, removeFolders, trib } from "../support.ts";

let lab: Lab;
let plain: TestServer | undefined;
beforeAll(async () => {
  lab = await Lab.start(["m1", "m2", "m3", "r1", "s1", "s2", "s3", "s4"]);
  await create(lab, ["m1", "m2", "m3"]);
  await create(lab, ["s2", "s3", "s4"]);
});
afterAll(async () => {
  await lab.stop();
  await plain?.stop();
  await removeFolders();
});

const addNode = (...argv: readonly string[]) => trib(["add-node", ...argv, at(lab, "m1")]);
const lastLine = (out: string) => out.split("\n").at(-2);

describe("refused, and nobody was introduced", () => {
  test("a master that is unknown", async () => {
    const { code, out } = await addNode("--slave", "--master-id", "abcdef", at(lab, "r1"));
    expect([code, lastLine(out)]).toEqual([1, "[ERR] No such master ID abcdef"]);
  });

  test("a node of another cluster", async () => {
    const { code, out } = await addNode(at(lab, "s2"));
    expect([code, lastLine(out)]).toEqual([
      1,
      `[ERR] Node ${at(lab, "s2")} is not empty. Either the node already knows other nodes (check with CLUSTER NODES) or contains some key in database 0.`,
    ]);
  });

  test("a node that is in no cluster mode, and one that is not there", async () => {
    plain = await startServer();
    const off = await addNode(`${plain.address}:${plain.port}`);
    expect([off.code, lastLine(off.out)]).toEqual([1, `[ERR] Node ${plain.address}:${plain.port} is not configured as a cluster node.`]);
    const nobody = `${nextAddress()}:6379`;
    const missing = await addNode(nobody);
    expect([missing.code, lastLine(missing.out)]).toEqual([1, `[ERR] Sorry, can't connect to node ${nobody}`]);
  });

  test("a cluster with an open slot", async () => {
    await call(lab, "m1", "CLUSTER", "SETSLOT", "13", "MIGRATING", await idOf(lab, "m2"));
    const { code, out } = await addNode(at(lab, "r1"));
    expect([code, lastLine(out)]).toEqual([1, "*** Please fix your cluster problems before adding a node"]);
    await call(lab, "m1", "CLUSTER", "SETSLOT", "13", "STABLE");
  });

  test("a cluster that is not there", async () => {
    const { code, out } = await trib(["add-node", at(lab, "r1"), "no-such-host.invalid:6379"]);
    expect([code, lastLine(out)]).toEqual([1, "[ERR] Sorry, can't connect to node no-such-host.invalid:6379"]);
  });
});

test("a replica goes to the master with the fewest of them, and every node knows of it at the end", async () => {
  const { code, out } = await addNode("--cluster-slave", at(lab, "r1"));
  expect(code).toBe(0);
  const chosen = /^Automatically selected master (\S+)$/m.exec(out)?.[1];
  expect(out).toMatch(
    new RegExp(
      `Waiting for the cluster to join\\.+\n>>> Configure node as replica of ${chosen}\\.\n\\[OK\\] New node added correctly\\.\n$`,
    ),
  );
  const id = await idOf(lab, "r1");
  for (const name of ["m1", "m2", "m3"])
    expect(
      String(await call(lab, name, "CLUSTER", "NODES"))
        .split("\n")
        .find((line) => line.startsWith(id)),
    ).toMatch(/ slave [0-9a-f]{40} /);
  const second = await addNode("--slave", at(lab, "s1"));
  expect(second.code).toBe(0);
  expect(/^Automatically selected master (\S+)$/m.exec(second.out)?.[1]).not.toBe(chosen);
});
