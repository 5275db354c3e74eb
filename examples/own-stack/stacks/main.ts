import { App } from "cdktf";
import { openProject, prepareLab } from "redis-lab/stacks";
import { CacheStack } from "./cache-stack.ts";
import { cache } from "./labs.ts";

const app = new App();
const project = await openProject({ from: process.cwd() });
new CacheStack(app, cache.name, await prepareLab(project, cache));
app.synth();
