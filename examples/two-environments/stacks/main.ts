import { App } from "cdktf";
import { addLabStacks } from "redis-lab/stacks";

const app = new App();
await addLabStacks(app);
app.synth();
