// Makes the snippet's files of its source: node e2e/snippet-build.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { minify } from 'terser';

const folder = new URL('../static/snippet/', import.meta.url);

/** The classic script and the module, minified. */
export async function build() {
  const source = readFileSync(new URL('frontdesk.src.js', folder), 'utf8');
  const options = { ecma: 2018, compress: { passes: 3, unsafe_arrows: true }, mangle: true };
  const head = '/* Frontdesk, MIT */\n';
  const classic =
    '(()=>{' +
    source.replace('export function start', 'function start') +
    `const tag=document.currentScript,calls=self.frontdesk,api=self.frontdesk=start({url:new URL(tag.src).origin,key:tag.dataset.key});
     Array.isArray(calls)&&calls.forEach(([name,...values])=>api[name](...values))})()`;
  const script = (await minify(classic, options)).code;
  const module = (await minify(source, { ...options, module: true })).code;
  return { 'frontdesk.min.js': head + script + '\n', 'frontdesk.mjs': head + module + '\n' };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const [name, text] of Object.entries(await build())) writeFileSync(new URL(name, folder), text);
}
