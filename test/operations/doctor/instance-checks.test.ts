import { expect, test } from "vitest";
import { placeLab } from "../../../lib/lab/placement.ts";
import { LAB } from "../../bootstrap/managed.ts";
import { SECRETS } from "../../bootstrap/support.ts";
import { findingsIn } from "./examination.ts";

const placement = placeLab(LAB, { target: "ssh", hostsFolder: "/unused" });
const [instance] = placement.hosts[0]?.instances ?? [];
const WANTED = new Map([
  ["maxclients", [["65535"]]],
  ["tcp-backlog", [["512"]]],
  ["save", [["5", "1"]]],
  ["maxmemory", [["1gb"]]],
  ["requirepass", [[SECRETS.password]]],
]);
const GOOD = {
  maxclients: "65535",
  "tcp-backlog": "512",
  save: "5 1",
  maxmemory: "1073741824",
  requirepass: SECRETS.password,
  masterauth: SECRETS.password,
};

function found(changes: Readonly<Record<string, string>>, somaxconn = 512) {
  if (instance === undefined) throw new Error("a lab has instances");
  const config = { ...GOOD, ...changes };
  return findingsIn({ instances: [{ placement, instance, config, openFiles: 20_000, wanted: WANTED, secrets: SECRETS, somaxconn }] });
}

test("an instance as it should be has no finding", () => {
  expect(found({})).toEqual([]);
});

test("a lowered maxclients is found with the limit that lowered it", () => {
  const [finding] = found({ maxclients: "19968" });
  expect(finding).toMatchObject({ check: "open-files", severity: "warning" });
  expect(finding?.text).toContain("its limit of open files is 20000, and 65567 are needed");
});

test("a backlog above the kernel's limit is found", () => {
  expect(found({}, 128).map(({ check }) => check)).toEqual(["backlog"]);
});

test("a password that differs is found and not shown", () => {
  const findings = found({ requirepass: "hand-Made-Password", masterauth: "" });
  expect(findings.map(({ text }) => text.split(",")[0])).toEqual(["requirepass is another password", "masterauth is empty"]);
  expect(JSON.stringify(findings)).not.toMatch(new RegExp(`hand-Made-Password|${SECRETS.password}`));
});

test("a setting that was changed by hand is found", () => {
  expect(found({ save: "900 1" }).map(({ text }) => text)).toEqual(['save is "900 1" in the running server, "5 1" in the lab']);
});
