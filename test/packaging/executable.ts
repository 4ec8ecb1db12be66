/** The executable under test, which `npm test` builds. */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Absolute path of `dist/clusterlink`. */
export const EXECUTABLE = join(import.meta.dir, "..", "..", "dist", "clusterlink");

if (!existsSync(EXECUTABLE)) throw new Error(`${EXECUTABLE} is missing: npm run build makes it`);
