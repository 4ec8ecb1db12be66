/** Content negotiation (RFC 9110, 12.5.1) with the parameters that Kubernetes adds: `as`, `v`, `g`. */
import { ApiError } from "./status-error.ts";

export interface MediaRange {
  type: string;
  parameters: Record<string, string>;
}

/** @returns the media ranges of an Accept header in the order of preference; those with `q=0` are left out. */
export function parseAccept(header: string | undefined): MediaRange[] {
  const text = header === undefined || header.trim() === "" ? "*/*" : header;
  return text
    .split(",")
    .slice(0, 32)
    .map((part) => {
      const [type = "", ...pairs] = part.split(";").map((one) => one.trim());
      const parameters = Object.fromEntries(
        pairs.map((pair) => {
          const [key = "", value = ""] = pair.split("=", 2).map((one) => one.trim());
          return [key.toLowerCase(), value.replace(/^"(.*)"$/, "$1")];
        }),
      );
      const quality = parameters["q"] === undefined ? 1 : Number(parameters["q"]);
      return { type: type.toLowerCase(), parameters, quality };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ type, parameters }) => ({ type, parameters }));
}

/** The forms in which resources are shown. */
export type Form = "object" | "table" | "metadata";
export interface Representation {
  form: Form;
  encoding: "json" | "yaml";
  /** Of Tables and PartialObjectMetadata: `meta.k8s.io/v1` or `meta.k8s.io/v1beta1`. */
  metaVersion: "meta.k8s.io/v1" | "meta.k8s.io/v1beta1";
  contentType: string;
}

const FORMS: Record<string, Form> = {
  Table: "table",
  PartialObjectMetadata: "metadata",
  PartialObjectMetadataList: "metadata",
};

/**
 * @param allowed what the endpoint can send
 * @returns the first acceptable representation
 * @throws {ApiError} 406 when there is none
 */
export function chooseRepresentation(
  accept: string | undefined,
  allowed: { forms: readonly Form[]; yaml: boolean },
): Representation {
  for (const { type, parameters } of parseAccept(accept)) {
    const encoding = encodingOf(type, allowed.yaml);
    if (encoding === undefined) continue;
    const as = parameters["as"];
    const form = as === undefined ? "object" : FORMS[as];
    if (form === undefined || !allowed.forms.includes(form)) continue;
    const version = parameters["v"] ?? "v1";
    if (form !== "object") {
      if (parameters["g"] !== "meta.k8s.io" || (version !== "v1" && version !== "v1beta1")) continue;
      const contentType = `application/${encoding};as=${as};v=${version};g=meta.k8s.io`;
      return { form, encoding, metaVersion: `meta.k8s.io/${version}`, contentType };
    }
    return { form, encoding, metaVersion: "meta.k8s.io/v1", contentType: `application/${encoding}` };
  }
  const forms = allowed.forms.includes("table") ? ", also as Table or PartialObjectMetadata" : "";
  throw new ApiError(
    "NotAcceptable",
    `only application/json${allowed.yaml ? " and application/yaml" : ""}${forms} can be sent`,
  );
}

function encodingOf(type: string, yaml: boolean): "json" | "yaml" | undefined {
  if (type === "application/json" || type === "application/*" || type === "*/*") return "json";
  return yaml && type === "application/yaml" ? "yaml" : undefined;
}

/** @returns the body of an answer in the chosen encoding. */
export function encodeBody(value: unknown, encoding: "json" | "yaml"): string {
  return encoding === "yaml" ? `${Bun.YAML.stringify(value, null, 2)}\n` : `${JSON.stringify(value)}\n`;
}
