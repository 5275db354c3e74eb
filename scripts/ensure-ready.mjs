// Runs before `npm start`, `npm test` and `npm run synth` on a bare clone, so it may use nothing but Node and npm:
// installs the dependencies when the lock file is newer than what is installed, then compiles the sources (incremental).
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

function modified(path) {
  return existsSync(`${root}${path}`) ? statSync(`${root}${path}`).mtimeMs : 0;
}

function npm(...args) {
  const { status } = spawnSync("npm", args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) process.exit(status ?? 1);
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`redis-lab needs Node 20.19 or newer; this is ${process.version}. Install a newer Node and run the command again.`);
  process.exit(1);
}
const installed = modified("node_modules/.package-lock.json");
if (installed < modified("package-lock.json")) {
  // A `cdktf` that asks for a synth may itself run from node_modules, which `npm ci` empties first.
  if (installed > 0 && process.env["CDKTF_OUTDIR"] !== undefined) {
    console.error("The installed packages are older than package-lock.json. Run `npm ci --ignore-scripts`, then this command again.");
    process.exit(1);
  }
  // No package needs its install script: ssh2's would only compile an optional helper, those of cdktf-cli a terminal that it never opens for us.
  npm("ci", "--ignore-scripts");
}
npm("run", "--silent", "build");
