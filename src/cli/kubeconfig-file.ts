/** The kubeconfig file format (`v1` `Config` of client-go). */

export interface KubeconfigSource {
  /** The site's name: the server certificate is verified against it, whatever the address. */
  site: string;
  /** Origin of the control API, `https://HOST:PORT`. */
  server: string;
  /** PEM. */
  ca: string;
  token: string;
}

/** @returns a kubeconfig with one cluster, one user and one context, all named after the site. */
export function kubeconfigOf({ site, server, ca, token }: KubeconfigSource): object {
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: site,
        cluster: {
          server,
          "tls-server-name": site,
          "certificate-authority-data": Buffer.from(ca).toString("base64"),
        },
      },
    ],
    users: [{ name: site, user: { token } }],
    contexts: [{ name: site, context: { cluster: site, user: site, namespace: "default" } }],
    "current-context": site,
  };
}
