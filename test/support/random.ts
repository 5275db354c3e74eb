export { randomFrom } from "../../lib/base/random.ts";
