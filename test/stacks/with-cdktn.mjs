// Preloaded into a synth (node --import): every `cdktf` is cdktn, its fork, as an alias in package.json would make it ("cdktf": "npm:cdktn@…").
import Module, { register } from "node:module";

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  return resolveFilename.call(this, request.replace(/^cdktf(?=$|\/)/, "cdktn"), ...rest);
};
const hooks = `export const resolve = (specifier, context, next) => next(specifier.replace(/^cdktf(?=$|\\/)/, "cdktn"), context);`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
