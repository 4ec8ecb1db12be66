import { z } from "zod";
import { dnsLabel, dnsSubdomain, labelKey, labelValue } from "./names.ts";
import { timestamp } from "./timestamp.ts";

const ANNOTATIONS_LIMIT = 256 * 1024;

const ownerReference = z.strictObject({
  apiVersion: z.string().min(1).describe("API version of the owner."),
  kind: z.string().min(1).describe("Kind of the owner."),
  name: z.string().min(1).describe("Name of the owner."),
  uid: z.string().min(1).describe("UID of the owner."),
  controller: z.boolean().optional().describe("Whether the owner is the managing controller."),
  blockOwnerDeletion: z.boolean().optional().describe("Whether the owner waits for this object when it is deleted."),
});

const managedFieldsEntry = z.strictObject({
  manager: z.string().max(128).default("").describe("Who manages the fields."),
  operation: z.enum(["Apply", "Update"]).describe("How the manager came to manage them."),
  apiVersion: z.string().describe("API version of the fields."),
  time: timestamp.optional().describe("When the entry last changed."),
  fieldsType: z.literal("FieldsV1").describe("Form of fieldsV1."),
  fieldsV1: z.record(z.string(), z.unknown()).describe("The fields, as a trie."),
  subresource: z.string().optional().describe("The subresource through which it was written."),
});

/** `metadata` as a client may send it: what the server sets is accepted and ignored where it must be. */
export const objectMeta = z.strictObject({
  name: dnsSubdomain.optional().describe("Unique within the kind and the namespace; cannot be changed."),
  generateName: z
    .string()
    .max(253)
    .optional()
    .describe("A prefix that the server completes to a unique name, when there is no name."),
  namespace: dnsLabel.optional().describe("The namespace of a namespaced object; cannot be changed."),
  uid: z.string().max(64).optional().describe("Set by the server; unique in time and space."),
  resourceVersion: z.string().max(64).optional().describe("Set by the server; changes with every write."),
  generation: z
    .int()
    .min(0)
    .optional()
    .meta({ format: "int64" })
    .describe("Set by the server; rises when spec changes."),
  creationTimestamp: timestamp.optional().describe("Set by the server."),
  deletionTimestamp: timestamp.optional().describe("Set by the server when the object waits for its finalizers."),
  deletionGracePeriodSeconds: z.int().min(0).optional().meta({ format: "int64" }).describe("Ignored."),
  selfLink: z.string().max(1024).optional().describe("Ignored."),
  labels: z.record(labelKey, labelValue).optional().describe("Key-value pairs to select by."),
  annotations: z
    .record(labelKey, z.string())
    .refine((all) => Object.entries(all).reduce((n, [k, v]) => n + Buffer.byteLength(k + v), 0) <= ANNOTATIONS_LIMIT, {
      params: { type: "FieldValueTooLong" },
      error: `may not be more than ${ANNOTATIONS_LIMIT} bytes in all`,
    })
    .optional()
    .describe("Key-value pairs of any content."),
  finalizers: z.array(labelKey).max(64).optional().describe("The object is removed only when this list is empty."),
  ownerReferences: z.array(ownerReference).max(64).optional().describe("The objects that own this one."),
  managedFields: z.array(managedFieldsEntry).max(256).optional().describe("Which manager set which fields."),
});
