import { createHash } from "node:crypto";
import { imageOf } from "../lab/images.ts";
import { placeLab } from "../lab/placement.ts";
import type { Lab, RedisSource } from "../lab/schema.ts";
import { terraformsTarget } from "../lab/targets.ts";
import { renderHost } from "./render.ts";

/** Stands for the generation of a password that is given by environment or file: nobody in a team would know the generation that another computer gave it. */
const GIVEN = "given";

/**
 * A digest of what a lab wants on its VMs: when it changes, the bootstrap runs again. It is made of the rendered files, the instances with their roles, and what of the
 * lab reaches hosts by other ways than files. Neither the password nor a digest of it is in it: in its place stands the generation, a random word that a rotation
 * changes. The same on every computer and in every run, so paths of this computer are no part of it.
 *
 * @param generation of a generated password; undefined where the password is given, whose change is brought to the hosts by `redis-lab up`
 * @returns SHA-256 in hexadecimal digits
 */
export function labDigest(lab: Lab, generation: string | undefined): string {
  const word = generation ?? GIVEN;
  const target = terraformsTarget();
  // An unknown image is a fault of the lab, which is reported where its VMs are made.
  const family = imageOf(lab.libvirt)?.osFamily;
  if (family === undefined) return sha256("");
  const placement = placeLab(lab, { target, hostsFolder: "" });
  const hosts = placement.hosts.map((host) => ({
    name: host.name,
    address: host.address,
    instances: host.instances.map(({ id, role }) => ({ id, role })),
    files: renderHost(placement, host, { password: `generation-${word}`, generation: word }, family),
  }));
  const { version, makeFlags, source } = lab.redis;
  return sha256(JSON.stringify({ hosts, os: lab.os, redis: { version, makeFlags, source: withoutFolder(source) }, generation: word }));
}

/** The folder in which the user keeps the tarball is theirs. */
function withoutFolder(source: RedisSource): RedisSource {
  return source.kind === "file" ? { ...source, path: source.path.replace(/^.*\//, "") } : source;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
