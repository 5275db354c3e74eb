import { redis40 } from "../words/redis/4.0.ts";
import { redis50 } from "../words/redis/5.0.ts";
import { redis62 } from "../words/redis/6.2.ts";
import { redis70 } from "../words/redis/7.0.ts";
import { redis72 } from "../words/redis/7.2.ts";
import { redis74 } from "../words/redis/7.4.ts";
import type { Product } from "./product.ts";

const tarball = (version: string) => `redis-${version}.tar.gz`;

/** Source: src/Makefile and src/version.h of 4.0.14 to 7.4.1. */
export const redis: Product = {
  title: "Redis",
  programs: {
    server: "redis-server",
    sentinel: "redis-sentinel",
    cli: "redis-cli",
    benchmark: "redis-benchmark",
    checkAof: "redis-check-aof",
    checkRdb: "redis-check-rdb",
  },
  companions: ["redis-trib.rb"],
  releases: {
    site: "https://download.redis.io/releases",
    siteFile: tarball,
    tarball,
    hashes: "https://github.com/redis/redis-hashes",
    sha256: {
      "4.0.14": "1e1e18420a86cfb285933123b04a82e1ebda20bfb0a289472745a087587e93a7",
      "5.0.14": "3ea5024766d983249e80d4aa9457c897a9f079957d0fb1f35682df233f997f32",
      "6.2.14": "34e74856cbd66fdb3a684fb349d93961d8c7aa668b06f81fd93ff267d09bc277",
      "6.2.19": "73be4202261c2e2e3534ec2c3dcfbb338cceff40481ecf46c3578cb9e5fdea74",
      "7.0.15": "98066f5363504b26c34dd20fbcc3c957990d764cdf42576c836fc021073f4341",
      "7.2.5": "5981179706f8391f03be91d951acafaeda91af7fac56beffb2701963103e423d",
      "7.2.15": "7bf7975331511fdb788e85dae63964b128fccee1df026a10db57444babc9c9c4",
      "7.4.1": "bc34b878eb89421bbfca6fa78752343bf37af312a09eb0fae47c9575977dfaa2",
      "7.4.10": "669ab6689b5e7d0c479e8d526ccbadae36b69a11370742ffe23822b9df8d85ba",
    },
  },
  sourcePackage: "redis",
  versionMacro: "REDIS_VERSION",
  versionField: "redis_version",
  defaultVersion: "4.0.14",
  lines: { "4.0": redis40, "5.0": redis50, "6.2": redis62, "7.0": redis70, "7.2": redis72, "7.4": redis74 },
};
