/** The resources of the demo, as a user would write them. */

export interface DemoPorts {
  /** Where the gateways of the two sites listen for each other. */
  serverGateway: number;
  clientGateway: number;
  /** The HTTP service at site `server`. */
  service: number;
  /** Where the service appears at site `client`. */
  imported: number;
}

/** @returns the files of the demo by name. */
export function demoManifests(ports: DemoPorts): Record<string, string> {
  return {
    "server.yaml": `${peer("client", ports.clientGateway)}---
# Site 'server' offers its HTTP service to the fabric.
apiVersion: clusterlink.net/v1alpha1
kind: Export
metadata:
  name: hello
  namespace: default
spec:
  host: 127.0.0.1
  port: ${ports.service}
`,
    "client.yaml": `${peer("server", ports.serverGateway)}---
# Site 'client' makes it available to its own applications, on port ${ports.imported}.
apiVersion: clusterlink.net/v1alpha1
kind: Import
metadata:
  name: hello
  namespace: default
spec:
  port: ${ports.imported}
  sources:
    - peer: server
      exportName: hello
      exportNamespace: default
`,
    "allow.yaml": `# Clients at site 'client' may talk to the export 'hello'. Each side needs a policy that says so.
apiVersion: clusterlink.net/v1alpha1
kind: AccessPolicy
metadata:
  name: allow-hello
  namespace: default
spec:
  action: allow
  from:
    - workloadSelector:
        matchLabels:
          peer.clusterlink.net/name: client
  to:
    - workloadSelector:
        matchLabels:
          export.clusterlink.net/name: hello
`,
  };
}

function peer(name: string, port: number): string {
  return `# Where the gateway of site '${name}' is.
apiVersion: clusterlink.net/v1alpha1
kind: Peer
metadata:
  name: ${name}
  namespace: clusterlink-system
spec:
  gateways:
    - host: 127.0.0.1
      port: ${port}
`;
}
