// The snippet's files are those of its source, small enough, and their types are right.
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import ts from 'typescript';
import { build } from './snippet-build.mjs';

const LIMIT = 2600; // bytes, packed with gzip
const folder = new URL('../static/snippet/', import.meta.url);

for (const [name, text] of Object.entries(await build())) {
  assert.equal(readFileSync(new URL(name, folder), 'utf8'), text, `${name} is not made of frontdesk.src.js: run node e2e/snippet-build.mjs`);
}
const script = readFileSync(new URL('frontdesk.min.js', folder));
const size = gzipSync(script, { level: 9 }).length;
console.log(`frontdesk.min.js: ${script.length} bytes, ${size} packed, at most ${LIMIT}`);
assert.ok(size <= LIMIT, 'the snippet is too large');
assert.ok(!/\beval\b|new Function|document\.cookie|innerHTML/.test(script), 'the snippet must live under a strict policy');

const program = ts.createProgram([new URL('types-test.ts', import.meta.url).pathname], {
  strict: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2020,
  lib: ['lib.es2020.d.ts', 'lib.dom.d.ts'],
  types: [],
});
const wrong = ts.getPreEmitDiagnostics(program);
assert.equal(wrong.length, 0, ts.formatDiagnostics(wrong, { getCanonicalFileName: (f) => f, getCurrentDirectory: () => '.', getNewLine: () => '\n' }));
