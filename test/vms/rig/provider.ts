import { existsSync } from "node:fs";
import { link, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "../../support/cached.ts";
import { run, tryRun } from "../../support/command.ts";

/** The last release before the incompatible 0.9; the bindings in providers/libvirt are generated from it. */
export const PROVIDER_VERSION = "0.8.3";
const SOURCE = "dmacvicar/libvirt";
const MODULE = "github.com/dmacvicar/terraform-provider-libvirt";

/** The Terraform that cdktf would run. */
export function terraformBinary(): string {
  return process.env["TERRAFORM_BINARY_NAME"] ?? "terraform";
}

/** Where Go's own installer puts it, for shells that have not been told. */
export async function goBinary(): Promise<string | undefined> {
  for (const candidate of ["go", "/usr/local/go/bin/go"]) {
    if ((await tryRun("sh", ["-c", `command -v ${candidate}`])).code === 0) return candidate;
  }
  return undefined;
}

/**
 * Compiles the provider (once; about a minute) and lays it where Terraform looks for it without any registry. Modules come through the Go proxy, which serves the provider as a
 * required module alone: `go install …@v0.8.3` would ask for the list of versions.
 *
 * @returns folder of a filesystem mirror
 */
async function ensureMirror(log: (line: string) => void): Promise<string> {
  const go = (await goBinary()) ?? "go";
  const name = `terraform-provider-libvirt_v${PROVIDER_VERSION}`;
  const platform = (await run(go, ["env", "GOOS", "GOARCH"])).trim().replace("\n", "_");
  const binary = await cached("test-vms", `${name}_${platform}`, async (work) => {
    log(`compiling the provider ${SOURCE} ${PROVIDER_VERSION} (once; about a minute) …`);
    await writeFile(join(work, "go.mod"), `module mirror\n\ngo 1.22\n\nrequire ${MODULE} v${PROVIDER_VERSION}\n`);
    await writeFile(join(work, "tools.go"), `//go:build tools\n\npackage tools\n\nimport _ "${MODULE}"\n`);
    await run(go, ["build", "-C", work, "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", "provider", MODULE]);
    return join(work, "provider");
  });
  const address = await addressOfProvider();
  return cached("test-vms", `mirror_${address.replaceAll("/", "_")}_${PROVIDER_VERSION}_${platform}`, async (work) => {
    const folder = join(work, "mirror", address, PROVIDER_VERSION, platform);
    await mkdir(folder, { recursive: true });
    await link(binary, join(folder, name));
    return join(work, "mirror");
  });
}

/** HOST/NAMESPACE/TYPE of the provider, by whichever registry this Terraform has for its default. */
async function addressOfProvider(): Promise<string> {
  const folder = await cached("test-vms", "requires", async (work) => {
    const configuration = `terraform {\n  required_providers {\n    libvirt = { source = "${SOURCE}", version = "${PROVIDER_VERSION}" }\n  }\n}\n`;
    await mkdir(join(work, "requires"));
    await writeFile(join(work, "requires", "main.tf"), configuration);
    return join(work, "requires");
  });
  const text = await run(terraformBinary(), [`-chdir=${folder}`, "providers"], { env: { ...process.env, CHECKPOINT_DISABLE: "1" } });
  const address = /provider\[([^\]]+)\]/.exec(text)?.[1];
  if (address === undefined) throw new Error(`${terraformBinary()} providers named no provider:\n${text}`);
  return address;
}

/** What every Terraform and cdktf of the tests is to be started with: the mirror and nothing else, and no question to anybody about newer versions. */
export async function terraformEnvironment(log: (line: string) => void): Promise<Readonly<Record<string, string>>> {
  const mirror = await ensureMirror(log);
  const file = join(mirror, "cli.tfrc");
  if (!existsSync(file)) await writeFile(file, `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`);
  return { TF_CLI_CONFIG_FILE: file, CHECKPOINT_DISABLE: "1", DISABLE_VERSION_CHECK: "1", CI: "1" };
}
