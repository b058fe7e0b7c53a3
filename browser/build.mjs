/**
 * Builds the explorer's one module and one style sheet: `npm ci && npm run build`, in this folder.
 *
 * They are written to specnb/widgets/browser and committed, so that nobody needs node to use them.
 * The same sources always give the same bytes. The first lines of both files have the SHA-256 of
 * the sources, from which a test can tell, without node, whether they were built from them. The
 * sources are build.mjs, package-lock.json, *.css and src/*.js, sorted by their path in this
 * folder ("src/data.js"; the order of code points). The sum goes over the path, a zero byte, the
 * content and another zero byte of each file in turn.
 */

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const OUT = join(HERE, "..", "specnb", "widgets", "browser");
const UPLOT = join(HERE, "node_modules", "uplot");
const LIMIT = 300e3; // bytes

function sources() {
  const styles = readdirSync(HERE).filter((name) => name.endsWith(".css"));
  const modules = readdirSync(join(HERE, "src")).filter((name) => name.endsWith(".js"));
  const paths = ["build.mjs", "package-lock.json", ...styles, ...modules.map((n) => `src/${n}`)];
  return paths.sort();
}

function sum(paths) {
  const hash = createHash("sha256");
  for (const path of paths) {
    hash.update(path).update("\0").update(readFileSync(join(HERE, path))).update("\0");
  }
  return hash.digest("hex");
}

const licence = readFileSync(join(UPLOT, "LICENSE"), "utf8").trim();
const version = JSON.parse(readFileSync(join(UPLOT, "package.json"), "utf8")).version;
const banner = `/*! The explorer of specnb, built by browser/build.mjs
sources sha256 ${sum(sources())}
Contains uPlot ${version}:

${licence}
*/`;

mkdirSync(OUT, { recursive: true });
await build({
  entryPoints: [join(HERE, "src", "index.js")],
  outfile: join(OUT, "explorer.js"),
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  banner: { js: banner },
});
await build({
  stdin: {
    contents: '@import "uplot/dist/uPlot.min.css"; @import "./plot.css"; @import "./style.css";',
    resolveDir: HERE,
    loader: "css",
  },
  outfile: join(OUT, "explorer.css"),
  bundle: true,
  minify: true,
  charset: "utf8",
  legalComments: "none",
  banner: { css: banner },
});
copyFileSync(join(UPLOT, "LICENSE"), join(OUT, "LICENSE-uPlot"));

const sizes = ["explorer.js", "explorer.css"].map((name) => statSync(join(OUT, name)).size);
const total = sizes[0] + sizes[1];
console.log(`explorer.js ${sizes[0]} bytes, explorer.css ${sizes[1]} bytes`);
if (total > LIMIT) throw new Error(`the bundle has ${total} bytes, more than ${LIMIT}`);
