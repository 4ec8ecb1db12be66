/** The name and label rules of Kubernetes (RFC 1123, RFC 1035 and the label syntax), as zod schemas. */
import { z } from "zod";

/** RFC 1123 label: 1–63 of a–z, 0–9 and "-", alphanumeric at both ends. */
export const dnsLabel = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, "must be a lower-case RFC 1123 label, for example 'my-name'");

/** RFC 1123 subdomain: dot-separated labels, 253 characters at most. */
export const dnsSubdomain = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    "must be a lower-case RFC 1123 subdomain, for example 'my-name.example'",
  );

/** A qualified name: an optional DNS subdomain and "/", then 1–63 of letters, digits, "-", "_", ".". */
export const labelKey = z
  .string()
  .max(317)
  .regex(
    /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
    "must be a qualified name, for example 'app' or 'example.com/app'",
  );

/** 0–63 of letters, digits, "-", "_", ".", alphanumeric at both ends. */
export const labelValue = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/, "must be a label value, for example 'frontend'");

/** A TCP port. */
export const port = z.int().min(1).max(65535);
