import { isLabelKey, isLabelValue } from "../../resources/names.ts";
import { BodyReader } from "../../wire/http/body-reader.ts";
import { decodePeerLabels, PEER_LABELS_FIELD } from "../../wire/http/peer-labels.ts";
import { type ResponseHead, ResponseParser } from "../../wire/http/response.ts";

/** The answer to one `GET /healthz`. */
export interface Answer {
  status: number;
  /** Undefined when the peer's labels could not be read. */
  labels: Record<string, string> | undefined;
  /** Whether the connection can take another request. */
  keepAlive: boolean;
}

/** Reads one answer, head and body, however its bytes arrive. */
export class AnswerReader {
  readonly #parser = new ResponseParser();
  #head: ResponseHead | undefined;
  #body: BodyReader | undefined;

  /**
   * @returns the answer, once it is complete; one whose body ends with the connection counts as complete with its head.
   * @throws HttpFault when it is no acceptable HTTP.
   */
  push(chunk: Uint8Array): Answer | undefined {
    let rest = chunk;
    if (this.#head === undefined) {
      const { consumed, head } = this.#parser.push(rest, "GET");
      if (head === undefined) return undefined;
      rest = rest.subarray(consumed);
      this.#head = head;
      this.#body = new BodyReader(head.framing);
    }
    const whole = this.#head.framing.type === "until-close" || this.#body?.push(rest).body !== undefined;
    return whole ? answerOf(this.#head) : undefined;
  }
}

function answerOf({ status, fields, keepAlive }: ResponseHead): Answer {
  const decoded = decodePeerLabels(fields.get(PEER_LABELS_FIELD.toLowerCase()));
  return { status, labels: "labels" in decoded ? validLabels(decoded.labels) : undefined, keepAlive };
}

/** What is no label by Kubernetes' rules could not be stored in a status, nor selected by a policy. */
function validLabels(labels: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key, value]) => isLabelKey(key) && isLabelValue(value)));
}
