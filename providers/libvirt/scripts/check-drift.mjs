// Fails, with the difference, when src/ is not what the recipe makes.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate, root } from "./recipe.mjs";

const scratch = mkdtempSync(join(tmpdir(), "provider-libvirt-drift-"));
try {
  const fresh = join(scratch, "src");
  generate(fresh);
  const { status, error } = spawnSync(
    "git",
    ["--no-pager", "diff", "--no-index", "--no-color", "--stat", "--patch", join(root, "src"), fresh],
    { stdio: "inherit" },
  );
  if (error !== undefined) throw error;
  console.error(
    status === 0
      ? "src/ is what the recipe makes"
      : "src/ is not what the recipe makes: run `npm run generate`, read the difference and commit it",
  );
  process.exitCode = status === 0 ? 0 : 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
