import { describe, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import { quorumOf } from "../../lib/lab/layouts/sentinel.ts";
import { placeLab } from "../../lib/lab/placement.ts";
import { wantedOf } from "../../lib/sentinel/wanted.ts";

const lab = defineLab({
  name: "sentinel",
  network: { cidr: "192.168.1.0/24", loopback: "127.0.2.0/24" },
  hosts: [
    { name: "redis-18", address: "192.168.1.18", instances: [6379, 6380] },
    { name: "redis-28", address: "192.168.1.28", instances: [6379, 6380] },
    { name: "watch-1", address: "192.168.1.101", instances: [] },
  ],
  layout: {
    kind: "sentinel",
    masters: [
      { name: "one", master: "redis-18", replicas: ["redis-28"], downAfterMs: 500 },
      { name: "two", master: "redis-28:6380", replicas: ["redis-18:6380"], quorum: 1 },
    ],
    sentinels: ["redis-18", "redis-28", "watch-1:26380"],
  },
});

describe("what the sentinels of a lab are to watch", () => {
  test("addresses are those of the target; the quorum is the majority unless declared", () => {
    const wanted = wantedOf(placeLab(lab, { target: "local", hostsFolder: "/state/hosts" }));
    expect(wanted.sentinels.map(({ id, address, port }) => [id, address, port])).toEqual([
      ["redis-18:26379", "127.0.2.18", 26379],
      ["redis-28:26379", "127.0.2.28", 26379],
      ["watch-1:26380", "127.0.2.101", 26380],
    ]);
    expect(wanted.masters).toEqual([
      {
        name: "one",
        master: { id: "redis-18:6379", host: "redis-18", address: "127.0.2.18", port: 6379 },
        replicas: [{ id: "redis-28:6379", host: "redis-28", address: "127.0.2.28", port: 6379 }],
        quorum: 2,
        downAfterMs: 500,
        parallelSyncs: 1,
        failoverTimeoutMs: 180_000,
      },
      expect.objectContaining({ name: "two", quorum: 1, master: expect.objectContaining({ id: "redis-28:6380", port: 6380 }) }),
    ]);
    expect(wantedOf(placeLab(lab, { target: "ssh", hostsFolder: "/" })).sentinels[0]?.address).toBe("192.168.1.18");
  });

  test("a majority is more than half", () => {
    expect(
      [1, 2, 3, 4, 5].map((count) => quorumOf({ quorum: undefined }, { sentinels: Array.from({ length: count }, () => "redis-18") })),
    ).toEqual([1, 2, 2, 3, 3]);
  });
});
