import { version } from "../../package.json" with { type: "json" };

/** Defined by compile.ts. */
declare const CLUSTERLINK_COMMIT: string;

/** The version of this executable, as package.json has it. */
export const VERSION: string = version;

/** The commit that the executable was built from, `-dirty` when the sources differed; `source` when it runs from source. */
export const COMMIT: string = typeof CLUSTERLINK_COMMIT === "string" ? CLUSTERLINK_COMMIT : "source";
