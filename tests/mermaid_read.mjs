// Reads flowcharts as lines of JSON, and writes what Mermaid's own parser finds in each.
// Usage: node mermaid_read.mjs FOLDER, where FOLDER holds mermaid and dompurify as npm installs them.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = pathToFileURL(`${process.argv[2]}/`);
// Without a page there is nothing to purify, and the parser needs no more than these.
const { default: purify } = await import(new URL("dompurify/dist/purify.es.mjs", folder));
purify.addHook = () => {};
purify.sanitize = (text) => text;
const { default: mermaid } = await import(new URL("mermaid/dist/mermaid.core.mjs", folder));
await mermaid.parse("flowchart TD\n n0");

// Until a picture is drawn, the number of a character has a form of Mermaid's own.
const decoded = (line) =>
  line
    .replace(/ﬂ°°(\d+)¶ß/g, (_, number) => String.fromCodePoint(number))
    .replaceAll("\u2060", "");

for await (const line of createInterface({ input: process.stdin })) {
  const { type, db } = await mermaid.mermaidAPI.getDiagramFromText(JSON.parse(line));
  const nodes = [...db.getVertices().values()].map((node) => [
    node.id,
    node.classes,
    node.text.split("<br/>").map(decoded),
    node.link ?? node.haveCallback ?? null,
  ]);
  const links = db.getEdges().map((edge) => [edge.start, edge.text, edge.end]);
  console.log(JSON.stringify({ type, nodes, links, parts: db.getSubGraphs().length }));
}
