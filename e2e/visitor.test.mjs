// What a visitor reads, what the fields hold, where the browser is and what is stored, for every way a form is put on a
// page and everything that can happen to it. The table stands in docs/snippet.md; UPDATE_DOCS=1 writes it anew.
import assert from 'node:assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { before } from 'node:test';
import { browser, frontdesk, proxyBefore, serve, staff, test, until } from './support.mjs';

const DOCS = new URL('../docs/snippet.md', import.meta.url);
const TYPED = 'José Ünsal';
let desk, api, proxy, chrome, site;
let keys;

const script = (key) => `<script defer src="${proxy.url}/frontdesk.js" data-key="${key}"></script>`;
const fields = '<input name="run" type="hidden"><label>Name <input name="name"></label>';
const withAction = (key, more = '', attributes = '') =>
  `<form data-frontdesk method="post" action="${proxy.url}/add?_key=${key}" ${attributes}>${fields}${more}<button>Send</button></form>`;

// Every form: the page it stands on, whether scripts run, and the charset of the page.
const FORMS = {
  'the form of README': { page: (key, more) => script(key) + withAction(key, more) },
  'a form without action': { page: (key, more) => `${script(key)}<form data-frontdesk>${fields}${more}<button>Send</button></form>` },
  'a page with its own handler': {
    page: (key, more) => `${script(key)}${withAction(key, more)}<script src="/own.js" defer></script>`,
  },
  'no JavaScript': { page: withAction, scripts: false },
  'a windows-1252 page': { page: (key, more) => script(key) + withAction(key, more), charset: 'windows-1252' },
  'a windows-1252 page, no JavaScript': { page: withAction, charset: 'windows-1252', scripts: false },
  'a file': { page: (key, more) => script(key) + withAction(key, `<input type="file" name="cv">${more}`), file: true },
  'a file, no JavaScript': {
    page: (key, more) => withAction(key, `<input type="file" name="cv">${more}`, 'enctype="multipart/form-data"'),
    file: true,
    scripts: false,
  },
};

// Everything that can happen: which collection, what stands before the server, what is typed, what follows.
const CASES = {
  stored: {},
  duplicate: { more: '<input type="hidden" name="_uid" value="the-same-form-UID">', again: true },
  'refused origin': { collection: 'elsewhere' },
  'too many (429)': { collection: 'full', later: () => api.send('/api/v1/collections/full', 'PATCH', { daily_quota: null }) },
  'too long (413)': { typed: 'x'.repeat(1_100_000) },
  'unavailable (503)': { mood: 503, later: () => (proxy.mood = () => 'pass') },
  'offline and back': { offline: true },
};

before(async () => {
  desk = await frontdesk();
  api = await staff(desk.url);
  keys = {};
  for (const name of ['site', 'elsewhere', 'full']) keys[name] = desk.run(['collection', 'add', name]).stdout.trim();
  await api.send('/api/v1/collections/elsewhere/origins', 'POST', { origin: 'https://www.myshop.com' });
  proxy = await proxyBefore(desk.port);
  const state = { body: '', charset: 'utf-8' };
  const own = "document.querySelector('form').addEventListener('submit', (event) => { event.preventDefault(); frontdesk.form(event.target); });";
  const { port } = await serve((incoming, outgoing) => {
    if (incoming.url === '/own.js') return void outgoing.writeHead(200, { 'Content-Type': 'text/javascript' }).end(own);
    const policy = `default-src 'none'; script-src 'self' ${proxy.url}; connect-src ${proxy.url}; form-action 'self' ${proxy.url}; img-src data:`;
    outgoing.writeHead(200, { 'Content-Type': `text/html; charset=${state.charset}`, 'Content-Security-Policy': policy });
    const html = `<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,">${state.body}`;
    outgoing.end(Buffer.from(html, state.charset === 'utf-8' ? 'utf8' : 'latin1'));
  });
  site = Object.assign(state, { url: `http://localhost:${port}` });
  chrome = await browser();
});

const stored = async (run) => (await api.read(`/list?run=${encodeURIComponent(run)}&_limit=1000`)).entries;
const status = (page) => page.locator('[role=status]').textContent();

/** Fills the form in and sends it. */
async function send(page, form, what, run) {
  await page.goto(site.url);
  if (form.scripts !== false) await page.waitForFunction(() => window.frontdesk && window.frontdesk.add);
  await page.evaluate((run) => (document.querySelector('[name=run]').value = run), run).catch(() => {});
  await page.locator('[name=name]').fill(what.typed ?? TYPED);
  if (form.file) await page.setInputFiles('[name=cv]', { name: 'cv.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7') });
  // The browser notes what stands in a form about a second after it was typed, and tells nobody when it has.
  if (form.scripts === false) await page.waitForTimeout(1500);
  await page.click('button');
}

/** What became of one form in one case, as a row of the table. */
async function row(formName, caseName) {
  const [form, what] = [FORMS[formName], CASES[caseName]];
  const run = `${formName}: ${caseName}`;
  const collection = what.collection ?? 'site';
  if (collection === 'full') await api.send('/api/v1/collections/full', 'PATCH', { daily_quota: 1 });
  if (collection === 'full') await fetch(`${desk.url}/add?_key=${keys.full}`, { method: 'POST', body: '{"fills":1}' });
  const more = (what.more ?? '').replace('UID', run.replace(/[^a-z0-9]/gi, '').slice(-40));
  site.charset = form.charset ?? 'utf-8';
  site.body = form.page(keys[collection], more).replace('<input name="run" type="hidden">', `<input name="run" type="hidden" value="${run}">`);
  proxy.mood = () => what.mood ?? 'pass';
  const context = await chrome.newContext({ javaScriptEnabled: form.scripts !== false });
  const page = await context.newPage();
  // A visitor's ten seconds pass as fast as the test wants.
  if (form.scripts !== false) await page.clock.install();
  const read = form.scripts === false ? await without(context, page, form, what, run) : await withScripts(context, page, form, what, run);
  await context.close();
  const entries = await stored(run);
  const names = new Set(entries.map((entry) => entry.data.name));
  assert.ok(entries.length < 2, `${run}: stored ${entries.length} times`);
  if (entries.length && !what.typed) assert.deepEqual([...names], [TYPED], run);
  if (entries.length && form.file) assert.equal(entries[0].data.cv.file, 'cv.pdf', run);
  return `| ${formName} | ${caseName} | ${read.text} | ${read.fields} | ${read.place} | ${entries.length ? 'once' : 'nothing'} |`;
}

const FINAL = /Thank you|Not sent|Saved/;

async function withScripts(context, page, form, what, run) {
  if (what.again) {
    await send(page, form, what, run);
    await page.waitForFunction(() => /Thank you/.test(document.querySelector('[role=status]')?.textContent));
  }
  if (what.offline) {
    await page.goto(site.url);
    await page.waitForFunction(() => window.frontdesk && window.frontdesk.add);
    await context.setOffline(true);
    await page.locator('[name=name]').fill(TYPED);
    if (form.file) await page.setInputFiles('[name=cv]', { name: 'cv.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7') });
    await page.click('button');
  } else await send(page, form, what, run);
  const texts = [];
  await until(async () => {
    await page.clock.runFor(500);
    return FINAL.test(await status(page));
  }, `${run}: the visitor is told`);
  texts.push(await status(page));
  const before = await page.inputValue('[name=name]');
  let held = before;
  if (/Saved/.test(texts[0])) {
    assert.equal((await stored(run)).length, 0, run);
    await what.later?.();
    await context.setOffline(false);
    await until(async () => {
      await page.clock.runFor(86_400_000 / 40);
      return /Thank you/.test(await status(page));
    }, `${run}: it is sent later`);
    texts.push(await status(page));
    held = await page.inputValue('[name=name]');
  }
  if (texts.length > 1) assert.equal(before, what.typed ?? TYPED, `${run}: until it has arrived, what was typed stays`);
  const refused = /Not sent/.test(texts.at(-1));
  assert.ok(held === (refused ? what.typed ?? TYPED : ''), `${run}: the fields hold ${held.slice(0, 40)}`);
  assert.equal(new URL(page.url()).href, `${site.url}/`, `${run}: the page did not move`);
  return { text: `“${texts.join('”, then “')}”`, fields: held ? 'what was typed' : 'empty', place: 'on the page' };
}

async function without(context, page, form, what, run) {
  if (what.again) {
    await send(page, form, what, run);
    await page.waitForSelector('h1');
  }
  if (what.offline) {
    await page.goto(site.url);
    await page.locator('[name=name]').fill(TYPED);
    await context.setOffline(true);
    await page.click('button');
    await page.waitForURL(/chrome-error/);
    await context.setOffline(false);
    await page.goBack();
    assert.equal(await page.inputValue('[name=name]'), TYPED, `${run}: the fields`);
    return { text: 'the browser’s own page', fields: 'what was typed, one step back', place: 'one step back' };
  }
  await send(page, form, what, run);
  await page.waitForSelector('h1');
  const text = (await page.locator('h1').textContent()).trim();
  const reason = text === 'Thank you' ? '' : ` ${(await page.locator('p').first().textContent()).trim()}`;
  const files = form.file && text === 'Thank you' ? ' Files are not kept here.' : '';
  if (files) assert.match(await page.locator('main').textContent(), /Files are not kept here.*cv\.pdf/s);
  if (text === 'Thank you') return { text: `“${text}”${files}`, fields: '–', place: 'on a page of Frontdesk' };
  await page.goBack();
  await until(async () => (await page.inputValue('[name=name]')) === (what.typed ?? TYPED), `${run}: the fields after going back`);
  return { text: `“${text}.${reason.replace(/in \d+ \w+/, 'in …')}”`, fields: 'what was typed, one step back', place: 'on a page of Frontdesk' };
}

const rows = {};
for (const formName of Object.keys(FORMS)) {
  test(`visitors read the truth and lose nothing: ${formName}`, async () => {
    rows[formName] = [];
    for (const caseName of Object.keys(CASES)) rows[formName].push(await row(formName, caseName));
  });
}

test('docs/snippet.md says what visitors read', () => {
  const head = ['| form | what happens | the visitor reads | the fields hold | the browser is | stored |', '|---|---|---|---|---|---|'];
  const table = [...head, ...Object.keys(FORMS).flatMap((name) => rows[name])].join('\n');
  const text = readFileSync(DOCS, 'utf8');
  const written = text.replace(/<!-- visitors -->[^]*<!-- end -->/, () => `<!-- visitors -->\n${table}\n<!-- end -->`);
  if (process.env.UPDATE_DOCS) return writeFileSync(DOCS, written);
  assert.equal(text, written, 'run it with UPDATE_DOCS=1');
});
