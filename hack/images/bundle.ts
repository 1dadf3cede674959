// Command of the Dockerfile: writes dist/ and nothing else.
import { bundle, bundledFiles } from './bundles.ts';

await bundle();
console.log(`bundled ${bundledFiles().length} files`);
