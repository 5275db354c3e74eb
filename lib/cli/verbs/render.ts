import { join, resolve } from "node:path";
import { LabError } from "../../base/error.ts";
import { oneOf } from "../../base/list.ts";
import { imageOf } from "../../lab/images.ts";
import { OS_FAMILY_NAMES } from "../../lab/os.ts";
import type { PlacedHost } from "../../lab/placement.ts";
import { findHost } from "../../operations/find.ts";
import { writeTree } from "../../project/file-tree.ts";
import { loadSecrets } from "../../project/secrets-file.ts";
import { mask } from "../../render/mask.ts";
import { renderHost } from "../../render/render.ts";
import { placementOf, printResult, type ReportContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function render(
  context: ReportContext<"render">,
  options: { readonly out: string; readonly os: string | undefined; readonly secrets: boolean },
  { host: name }: { readonly host: string | undefined },
): Promise<number> {
  const { project, lab } = context;
  // No host is reached: what the lab's VMs would run is the best guess.
  const wanted = options.os ?? imageOf(lab.libvirt)?.osFamily ?? OS_FAMILY_NAMES[0];
  const family = OS_FAMILY_NAMES.find((each) => each === wanted);
  if (family === undefined)
    throw new LabError({
      code: "cli.unknown-os",
      kind: "usage",
      what: `--os takes ${oneOf(OS_FAMILY_NAMES)}, not "${options.os}".`,
      next: `For example: --os ${OS_FAMILY_NAMES[0]}`,
    });
  const placement = placementOf(context);
  // A host that is a folder of this computer is written as the host that it stands for.
  const onHost = (path: string, { paths }: PlacedHost) =>
    path.startsWith(`${paths.prefix}/`) ? lab.redis.prefix + path.slice(paths.prefix.length) : path;
  const hosts = name === undefined ? placement.hosts : [findHost(placement, name)];
  const secrets = await loadSecrets(project, lab, context.environment);
  const rendered = hosts.flatMap((host) =>
    renderHost(placement, host, secrets, family).map((file) => ({
      ...file,
      host: host.name,
      below: join(host.name, onHost(file.path, host)),
      masked: mask(file.content, secrets),
    })),
  );
  const files = rendered.map(({ below, content, masked, mode }) => ({
    path: below,
    text: options.secrets ? content : masked,
    // The host's owner and group are not here: a group of this computer has no business in it.
    mode: options.secrets && content !== masked ? mode & 0o700 : mode,
  }));
  await writeTree(options.out, files, options.secrets);
  const written = rendered.map(({ host, path, below, mode, owner }) => ({
    host,
    path,
    file: join(resolve(options.out), below),
    mode: mode.toString(8).padStart(4, "0"),
    owner,
  }));
  printResult(context, { files: written }, written.map(({ file, mode, owner }) => `${mode} ${owner.padEnd(5)} ${file}`).join("\n"));
  return EXIT.done;
}
