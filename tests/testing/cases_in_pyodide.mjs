// Runs every decision case on the Python of the npm package pyodide, and prints the result.
// node run_cases.mjs FOLDER_OF_PYODIDE ARCHIVE_OF_PYTHON_PACKAGES

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, archive] = process.argv.slice(2);
const RUN = `
import json
import sys

sys.path.insert(0, "/packages.zip")

from exam_sharing.testing.cases import cases, run

passed, failed = [], []
for case in cases():
    (failed if run(case) else passed).append(case["name"])
json.dumps({"python": sys.version_info[:2], "passed": passed, "failed": failed})
`;

try {
  const { loadPyodide } = await import(pathToFileURL(resolve(folder, "pyodide.mjs")));
  const pyodide = await loadPyodide();
  pyodide.FS.writeFile("/packages.zip", readFileSync(archive));
  console.log(pyodide.runPython(RUN));
} catch (error) {
  // By itself, Node.js would quote the line that failed, which is very long in a minified file.
  console.error(error.message);
  process.exitCode = 1;
}
