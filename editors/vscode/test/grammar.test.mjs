// The grammar on real files: what each token is called, and that nothing of a right file is left without a name.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import oniguruma from "vscode-oniguruma";
import textmate from "vscode-textmate";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../../..");
const extension = JSON.parse(readFileSync(path.join(here, "../package.json"), "utf8"));

const wasm = createRequire(import.meta.url).resolve("vscode-oniguruma/release/onig.wasm");
await oniguruma.loadWASM(readFileSync(wasm).buffer);
const registry = new textmate.Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async (scope) => {
    const known = extension.contributes.grammars.find((grammar) => grammar.scopeName === scope);
    const file = path.join(here, "..", known.path);
    return textmate.parseRawGrammar(readFileSync(file, "utf8"), file);
  },
});
const grammar = await registry.loadGrammar("source.homeostat-rules");

/** The tokens of a text: what is written, and the names from the file's own down. */
function tokens(text) {
  let state = textmate.INITIAL;
  const found = [];
  for (const [number, line] of text.split(/\r?\n/).entries()) {
    const result = grammar.tokenizeLine(line, state);
    state = result.ruleStack;
    for (const { startIndex, endIndex, scopes } of result.tokens) {
      const written = line.slice(startIndex, endIndex);
      if (written.trim()) {
        found.push({ line: number + 1, text: written.trim(), scopes: scopes.slice(1) });
      }
    }
  }
  return { found, depth: state.depth };
}

function rulesFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    return entry.isDirectory() ? rulesFiles(file) : entry.name.endsWith(".rules") ? [file] : [];
  });
}

const CLAUSES = ["on", "when", "priority", "threshold", "debounce", "throttle", "busy", "run", "emit"];
const shipped = ["workflows", "examples", "tests/corpus/right"].flatMap((folder) => rulesFiles(path.join(root, folder)));

test("there are files to look at", () => assert.ok(shipped.length >= 8, shipped.join()));

for (const file of shipped) {
  test(`every token of ${path.relative(root, file)} has a name`, () => {
    const text = readFileSync(file, "utf8");
    const { found, depth } = tokens(text);
    for (const token of found) {
      const own = token.scopes.filter((scope) => !scope.startsWith("meta."));
      assert.ok(own.length > 0, `line ${token.line}: \`${token.text}\` is ${token.scopes.join(" ") || "nothing"}`);
    }
    assert.equal(depth, 1, "something is still open at the end of the file");
    // The first word of a line within a rule is a clause, unless a condition goes on.
    for (const [number, line] of text.split("\n").entries()) {
      const word = /^\s+([a-z]+)\s/.exec(line)?.[1];
      if (CLAUSES.includes(word)) {
        const token = found.find((token) => token.line === number + 1);
        assert.deepEqual([token.text, token.scopes.at(-1)], [word, "keyword.control.clause.homeostat-rules"]);
      }
    }
  });
}

// `UPDATE=1 npm test` writes what the tokens are now: read the difference.
test("each part of the language is called what it is", () => {
  const text = readFileSync(path.join(here, "all.rules"), "utf8");
  const shown = tokens(text).found.map(({ line, text, scopes }) => `${line}: ${text} — ${scopes.join(" ")}\n`).join("");
  const file = path.join(here, "all.tokens");
  if (process.env.UPDATE) {
    writeFileSync(file, shown);
  }
  assert.equal(shown, readFileSync(file, "utf8"));
});

test("lines that end as on Windows are the same", () => {
  const text = readFileSync(path.join(here, "all.rules"), "utf8");
  assert.deepEqual(tokens(text.replaceAll("\n", "\r\n")).found, tokens(text).found);
});

// Somebody is typing: what comes after must not be swallowed.
test("an item that is not finished does not colour the next", () => {
  for (const broken of ["rule a {\n    on A\n", "rule a {\n    when [1, 2\n", "event A { a: int,\n", "rule a {\n    run b(c: 1\n"]) {
    const { found } = tokens(`${broken}\nrule next {\n    on B\n}\n`);
    const next = found.find((token) => token.text === "next");
    assert.equal(next?.scopes.at(-1), "entity.name.function.rule.homeostat-rules", broken);
  }
});
