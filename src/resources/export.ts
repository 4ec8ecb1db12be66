import { z } from "zod";
import type { Condition } from "./meta.ts";
import { port } from "./names.ts";

export const exportSpec = z.strictObject({
  /** An IP address or a DNS name. In Kubernetes the default is the Service of the same name. */
  host: z.string().min(1).max(253).optional(),
  port,
});

export type ExportSpec = z.infer<typeof exportSpec>;

export interface ExportStatus {
  /** `ExportValid`. */
  conditions?: Condition[];
}
