import { App, TerraformOutput } from "cdktf";
import { LabStack, openProject, prepareLab } from "redis-lab/stacks";
import { cache } from "./labs.ts";

/** The VMs of the lab, and what an application needs of them, as outputs that other stacks can read. */
class CacheStack extends LabStack {
  static async make(app: App): Promise<CacheStack> {
    const project = await openProject({ from: process.cwd() });
    return new CacheStack(app, cache.name, await prepareLab(project, cache));
  }

  constructor(...props: ConstructorParameters<typeof LabStack>) {
    super(...props);
    const { lab } = props[2];
    new TerraformOutput(this, "endpoints", {
      value: lab.hosts.map(({ address }) => `${address}:6379`),
      description: "Where Redis answers",
    });
  }
}

const app = new App();
await CacheStack.make(app);
app.synth();
