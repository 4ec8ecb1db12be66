/** What a command asks a site's control API. */
export interface ClientRequest {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** What is `undefined` is left out; a list is a parameter given several times. */
  query?: Record<string, string | readonly string[] | undefined>;
  body?: string;
  contentType?: string;
  accept?: string;
  signal?: AbortSignal;
}
