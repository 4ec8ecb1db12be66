import { z } from "zod";
import { conditions } from "./conditions.ts";
import type { Condition } from "./meta.ts";
import { host, port } from "./names.ts";

export const exportSpec = z.strictObject({
  host: host
    .optional()
    .describe(
      "The service's IP address (without brackets) or DNS name. In Kubernetes the default is the Service of the Export's own name and namespace; elsewhere it is needed.",
    ),
  port: port.describe("The service's TCP port."),
});

export type ExportSpec = z.infer<typeof exportSpec>;

export interface ExportStatus {
  /** `ExportValid`. */
  conditions?: Condition[];
}

export const exportStatus = z.strictObject({ conditions: conditions("ExportValid") });
