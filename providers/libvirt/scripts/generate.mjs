import { join } from "node:path";
import { generate, root } from "./recipe.mjs";

generate(join(root, "src"));
