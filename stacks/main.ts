import { App } from "cdktf";
import { addLabStacks } from "./lab-stacks.ts";

// The app of cdktf.json: one stack for every lab of labs.ts.
const app = new App();
await addLabStacks(app);
app.synth();
