import { App } from "cdktf";
import { addLabStacks } from "redis-lab/stacks";

// What cdktf runs: one stack for every lab of labs.ts, under the lab's name.
const app = new App();
await addLabStacks(app);
app.synth();
