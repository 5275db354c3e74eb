import { expect, test } from "vitest";
import { labProgram } from "../../lib/operations/local-servers.ts";

const BUILD = "apps/redis/builds/0123456789abcdef/redis-server";

test.each([
  [`/home/me/my labs/.redis-lab/cluster/local/hosts/redis-18/${BUILD}`, { root: "/home/me/my labs", target: "local", deleted: false }],
  [`/home/me/.redis-lab/cluster/netns/hosts/redis-18/${BUILD}`, { root: "/home/me", target: "netns", deleted: false }],
  [`/home/me/.redis-lab/cluster/local/hosts/redis-18/${BUILD} (deleted)`, { root: "/home/me", target: "local", deleted: true }],
])("%s is a server of a lab", (exe, parts) => {
  expect(labProgram(exe)).toEqual({ lab: "cluster", host: "redis-18", ...parts });
});

test.each([
  "",
  "/usr/bin/redis-server",
  "/apps/redis/builds/0123456789abcdef/redis-server",
  `/home/me/.redis-lab/cluster/ssh/hosts/redis-18/${BUILD}`,
  "/home/me/.redis-lab/cluster/local/hosts/redis-18/apps/redis/data/redis-server",
  "/home/me/.redis-lab/cluster/local/hosts/redis-18/apps/redis/builds/mine/redis-server",
])("%j is none", (exe) => {
  expect(labProgram(exe)).toBeUndefined();
});
