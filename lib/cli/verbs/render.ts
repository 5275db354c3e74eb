import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { LabError } from "../../error.ts";
import { imageOf } from "../../lab/images.ts";
import { findHost } from "../../operations/find.ts";
import { loadSecrets } from "../../project/secrets-file.ts";
import { mask } from "../../render/mask.ts";
import { OS_FAMILY_NAMES } from "../../render/os.ts";
import { renderHost } from "../../render/render.ts";
import { placementOf, printResult, type VerbContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function run(
  context: VerbContext,
  options: { readonly out: string; readonly os?: string; readonly secrets?: boolean },
  [name]: readonly string[],
): Promise<number> {
  const { project, lab } = context;
  // No host is reached: what the lab's VMs would run is the best guess.
  const wanted = options.os ?? imageOf(lab.libvirt)?.osFamily ?? OS_FAMILY_NAMES[0];
  const family = OS_FAMILY_NAMES.find((each) => each === wanted);
  if (family === undefined)
    throw new LabError({
      code: "cli.unknown-os",
      what: `--os takes ${OS_FAMILY_NAMES.join(" or ")}, not "${options.os}".`,
      next: "For example: --os rhel",
    });
  const placement = placementOf(context);
  const hosts = name === undefined ? placement.hosts : [findHost(placement, name)];
  const secrets = await loadSecrets(project, lab, context.environment);
  const written = await Promise.all(
    hosts.flatMap((host) =>
      renderHost(placement, host, secrets, family).map(async ({ path, content, mode, owner }) => {
        const file = join(resolve(options.out), host.name, path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, options.secrets === true ? content : mask(content, secrets));
        await chmod(file, mode);
        return { host: host.name, path, file, mode: mode.toString(8).padStart(4, "0"), owner };
      }),
    ),
  );
  printResult(context, written, written.map(({ file, mode, owner }) => `${mode} ${owner.padEnd(5)} ${file}`).join("\n"));
  return EXIT.done;
}
