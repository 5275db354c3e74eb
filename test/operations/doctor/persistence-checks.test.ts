import { expect, test } from "vitest";
import { placeLab } from "../../../lib/lab/placement.ts";
import { LAB } from "../../bootstrap/managed.ts";
import { SECRETS } from "../../bootstrap/support.ts";
import { findingsIn } from "./examination.ts";

const placement = placeLab(LAB, { target: "ssh", hostsFolder: "/unused" });

function found(config: Readonly<Record<string, string>>) {
  const passwords = { requirepass: SECRETS.password, masterauth: SECRETS.password };
  const instances = placement.hosts
    .flatMap((host) => host.instances)
    .map((instance) => ({
      placement,
      instance,
      config: { ...passwords, ...config },
      openFiles: undefined,
      wanted: new Map(),
      secrets: SECRETS,
      somaxconn: 512,
    }));
  return findingsIn({ instances }).filter(({ check }) => check === "persistence");
}

test("an append-only file, or snapshots that are never long ago, are no finding", () => {
  expect(found({ appendonly: "yes", save: "" })).toEqual([]);
  expect(found({ appendonly: "no", save: "5 1" })).toEqual([]);
});

test("snapshots that are long apart are worth knowing", () => {
  const [finding, ...more] = found({ appendonly: "no", save: "900 1 300 10 60 10000" });
  expect(more).toEqual([]);
  expect(finding).toMatchObject({ severity: "note", subject: undefined });
  expect(finding?.text).toMatch(/^redis-18:6379.* have snapshots alone, of up to 900 s ago/);
});

test("servers that keep nothing are warned of", () => {
  const [finding] = found({ appendonly: "no", save: "" });
  expect(finding).toMatchObject({ severity: "warning" });
  expect(finding?.text).toContain("keep nothing on disk");
});
