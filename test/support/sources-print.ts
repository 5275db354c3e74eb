import { testSource, testSources } from "./sources.ts";

// Prints the paths of the Redis sources for tests, one per line: all of them, or those of the versions given as arguments.
const versions = process.argv.slice(2);
for (const source of versions.length === 0 ? await testSources() : await Promise.all(versions.map(testSource))) console.log(source.path);
