import { html, raw } from "hono/html";

interface Document {
  info: { title: string; version: string; description?: string };
  paths?: Record<string, object>;
  components?: { schemas?: Record<string, object> };
}

interface Operation {
  summary?: string;
  parameters?: { name: string; description?: string }[];
  responses?: Record<string, { description?: string }>;
}

const STYLE = `
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
  code, pre { font: .9rem ui-monospace, monospace; } pre { background: #f3f5f8; padding: .75rem; overflow-x: auto; }
  h2 { margin-top: 2rem; } .method { text-transform: uppercase; color: #205493; } td { padding-right: 1rem; vertical-align: top; }
  @media (prefers-color-scheme: dark) { body { background: #14181f; color: #dfe5ee; } pre { background: #1e2530; } .method { color: #8ab8f5; } }
`;

/** @returns an OpenAPI document as one page of HTML that loads nothing else and runs no script. */
export function docsPage(document: Document): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Operation>).map(([method, operation]) =>
      showOperation(path, method, operation),
    ),
  );
  const schemas = Object.entries(document.components?.schemas ?? {}).map(
    ([name, schema]) => html`<h3 id="${name}">${name}</h3><pre>${JSON.stringify(schema, null, 2)}</pre>`,
  );
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${document.info.title}</title><style>${raw(STYLE)}</style></head>
<body>
<h1>${document.info.title} <small>${document.info.version}</small></h1>
<p>${document.info.description ?? ""}</p>
<p>The same for programs: <a href="openapi.json">openapi.json</a>; of the resources: <a href="openapi/v3">openapi/v3</a>.</p>
${operations}
<h2>Schemas</h2>
${schemas}
</body>
</html>`;
  return String(page);
}

function showOperation(path: string, method: string, operation: Operation) {
  const parameters = (operation.parameters ?? []).map(
    ({ name, description }) => html`<tr><td><code>${name}</code></td><td>${description ?? ""}</td></tr>`,
  );
  const responses = Object.entries(operation.responses ?? {}).map(
    ([code, { description }]) => html`<tr><td><code>${code}</code></td><td>${description ?? ""}</td></tr>`,
  );
  return html`<h2><span class="method">${method}</span> <code>${path}</code></h2>
<p>${operation.summary ?? ""}</p>
<table>${parameters}</table>
<table>${responses}</table>
`;
}
