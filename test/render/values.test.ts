import { describe, expect, test } from "vitest";
import { defineLab } from "../../lib/lab/define-lab.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { parseConf } from "../../lib/redis/conf/line.ts";
import { renderHost } from "../../lib/render/render.ts";
import { renderTemplate } from "../../lib/render/template.ts";
import { clusterInput, sentinelInput } from "../support/labs.ts";
import { redisVersion } from "../support/versions.ts";
import { hostOf, placed, SECRETS } from "./placements.ts";

type Settings = NonNullable<NonNullable<LabInput["redis"]>["settings"]>;

function redisConf(settings: Settings, version?: string): string {
  const placement = placed(
    defineLab(sentinelInput({ redis: { settings } })),
    "ssh",
    version === undefined ? undefined : redisVersion(version),
  );
  return contentOf(placement, "/apps/redis/etc/redis.conf");
}

function contentOf(placement: ReturnType<typeof placed>, path: string, secrets = SECRETS, host = "redis-18"): string {
  const file = renderHost(placement, hostOf(placement, host), secrets, "rhel").find((candidate) => candidate.path === path);
  if (file === undefined) throw new Error(`no ${path}`);
  return file.content;
}

describe("settings of the lab", () => {
  test("replace a default in its place, once", () => {
    const text = redisConf({ maxmemory: "2gb", save: ["300 10", "60 10000"], "protected-mode": false, "tcp-backlog": 128 });
    const lines = text.split("\n");
    expect(lines.filter((line) => /^(maxmemory|save|protected-mode|tcp-backlog) /.test(line))).toEqual([
      "protected-mode no",
      "tcp-backlog 128",
      "save 300 10",
      "save 60 10000",
      "maxmemory 2gb",
    ]);
    expect(text).not.toContain("Settings of the lab");
  });

  test("that have no default come last, lists as several lines, booleans as yes and no, an empty text as quotes", () => {
    const text = redisConf({
      appendonly: true,
      "client-output-buffer-limit": ["normal 0 0 0", "pubsub 32mb 8mb 60"],
      "notify-keyspace-events": "",
      save: "",
    });
    expect(text.slice(text.indexOf("# Settings of the lab"))).toBe(
      '# Settings of the lab.\nappendonly yes\nclient-output-buffer-limit normal 0 0 0\nclient-output-buffer-limit pubsub 32mb 8mb 60\nnotify-keyspace-events ""\n',
    );
    expect(text).toContain('\nsave ""\n');
  });

  test("of an instance win over those of the lab", () => {
    const lab = defineLab(
      sentinelInput({
        redis: { settings: { hz: 20, timeout: 5 } },
        hosts: [
          { name: "redis-18", address: "192.168.1.18", instances: [{ port: 6379, settings: { hz: 50 } }] },
          { name: "redis-28", address: "192.168.1.28" },
          { name: "redis-38", address: "192.168.1.38" },
        ],
      }),
    );
    expect(contentOf(placed(lab, "ssh"), "/apps/redis/etc/redis.conf")).toMatch(/\nhz 50\ntimeout 5\n$/);
  });

  test("take the words of the version that runs, when that is not the declared one", () => {
    expect(redisConf({ "slave-priority": 10 })).toMatch(/\nslave-priority 10\n$/);
    expect(redisConf({ "slave-priority": 10 }, "7.0.15")).toMatch(/\nreplica-priority 10\n$/);
  });

  test("are joined by the source address where a version has a word of its own for it", () => {
    expect(redisConf({}, "7.0.15")).toContain("\nbind 192.168.1.18 127.0.0.1\nbind-source-addr 192.168.1.18\n");
    expect(redisConf({}, "5.0.6")).not.toContain("bind-source-addr");
  });

  test("with shell and template characters stay one inert line", () => {
    const nasty = "$(touch${IFS}/tmp/x);`id`&|<>*?~#!%h%i{x}}$basearch\\1";
    expect(
      parseConf(redisConf({ "slave-announce-ip": nasty }))
        .filter((line) => line.kind === "directive")
        .at(-1),
    ).toMatchObject({
      name: "slave-announce-ip",
      args: [nasty],
    });
  });

  test.each([["a\nport 1"], ["a\rport 1"], ["a\0"], ["{{lab}}"]])("%j is refused by the lab", (value) => {
    expect(() => redisConf({ "slave-announce-ip": value })).toThrow(expect.objectContaining({ code: "lab.invalid" }));
  });
});

describe("a value with a line break never gets through", () => {
  const placement = placed(defineLab(sentinelInput()), "ssh");
  test.each(["\n", "\r", "\0", "\u2028"])("%j", (character) => {
    const password = `abc${character}port 1`;
    for (const path of ["/apps/redis/etc/redis.conf", "/apps/redis/etc/sentinel.conf"])
      expect(() => contentOf(placement, path, { password, generation: "x" })).toThrow(
        expect.objectContaining({ code: "render.line-break" }),
      );
    expect(() => renderTemplate("hosts", { hosts: [{ address: "10.0.0.1", name: password }] })).toThrow(
      expect.objectContaining({ code: "render.line-break", what: expect.stringContaining("hosts.0.name") }),
    );
  });

  test("and the error does not show it", () => {
    expect(() => contentOf(placement, "/apps/redis/etc/redis.conf", { password: "hidden\n", generation: "x" })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("hidden") }),
    );
  });
});

describe("templates", () => {
  test("take a value as it is: no escaping for HTML, no second reading as a template", () => {
    expect(renderTemplate("rc.local", { file: "/x", value: "{{file}}&<'\">" })).toContain("echo {{file}}&<'\"> > /x");
  });

  test("refuse a view that lacks a field", () => {
    expect(() => renderTemplate("rc.local", { file: "/x" })).toThrow(/value/);
  });

  test("render the same bytes twice", () => {
    const placement = placed(defineLab(clusterInput()), "ssh");
    const render = () => placement.hosts.map((host) => renderHost(placement, host, SECRETS, "debian"));
    expect(render()).toEqual(render());
  });
});
