// What the page around a form may rely on: events, texts, where a visitor is led, storage that is blocked or full.
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { before } from 'node:test';
import { browser, frontdesk, owner, page as open, proxyBefore, serve, staff, test, until } from './support.mjs';

let desk, api, proxy, chrome, site;
const keys = {};

before(async () => {
  desk = await frontdesk();
  api = await staff(desk.url);
  for (const name of ['site', 'elsewhere']) keys[name] = desk.run(['collection', 'add', name]).stdout.trim();
  await api.send('/api/v1/collections/elsewhere/origins', 'POST', { origin: 'https://www.myshop.com' });
  proxy = await proxyBefore(desk.port);
  const state = { body: '', seen: [] };
  const { port } = await serve((incoming, outgoing) => {
    state.seen.push(incoming.url);
    outgoing.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
    outgoing.end(incoming.url === '/' ? `<!doctype html><title>A page</title><link rel="icon" href="data:,">${state.body}` : `<h1>the page ${incoming.url}</h1>`);
  });
  site = Object.assign(state, { url: `http://localhost:${port}` });
  chrome = await browser();
});

const script = (key) => `<script defer src="${proxy.url}/frontdesk.js" data-key="${key}"></script>`;
const form = (key, { attributes = '', fields = '<input name="name">', query = '' } = {}) =>
  `<form data-frontdesk method="post" action="${proxy.url}/add?_key=${key}${query}" ${attributes}>${fields}<button>Send</button></form>`;

/** Opens a page of the site, with what it logs and the events of its forms noted in `page.told` and `events`. */
async function visit(body, { scripts = true, prepare } = {}) {
  site.body = body;
  proxy.mood = () => 'pass';
  const context = await chrome.newContext({ javaScriptEnabled: scripts });
  const page = await context.newPage();
  page.told = [];
  page.on('console', (message) => page.told.push(message.text()));
  if (prepare) await page.addInitScript(prepare);
  await page.addInitScript(() => {
    window.events = [];
    for (const name of ['sent', 'refused']) addEventListener(`frontdesk:${name}`, (event) => window.events.push([name, event.detail.status]));
  });
  await page.goto(site.url);
  if (scripts) await page.waitForFunction(() => window.frontdesk?.add);
  return page;
}

const events = (page) => page.evaluate(() => window.events);
const named = async (name) => (await api.read(`/list?name=${name}&_count=exact`)).entries;
const reads = (page, text) => page.waitForSelector(`form + [role=status]:has-text("${text}")`);

const TEXTS = { sending: 'Un moment', thanks: 'Merci', queued: 'Plus tard', refused: 'Refusé', empty: 'Il manque tout' };
const texts = Object.entries(TEXTS).map(([name, text]) => `data-frontdesk-${name}="${text}"`).join(' ');

test('a form tells in its own words right after it, its button is busy, and the page hears of it', async () => {
  const page = await visit(script(keys.site) + form(keys.site, { attributes: texts }));
  await page.click('button');
  await reads(page, TEXTS.empty);
  proxy.mood = () => 'slow';
  await page.fill('[name=name]', 'Texts');
  await page.click('button');
  await reads(page, TEXTS.sending);
  assert.equal(await page.getAttribute('button', 'aria-busy'), 'true');
  await reads(page, TEXTS.thanks);
  assert.equal(await page.getAttribute('button', 'aria-busy'), null);
  assert.deepEqual(await events(page), [['sent', 'stored']]);
  assert.equal((await named('Texts')).length, 1);
  await page.context().close();
});

test('what is refused is told to the page as that and nothing else, and leads nowhere', async () => {
  const page = await visit(script(keys.elsewhere) + form(keys.elsewhere, { attributes: texts, fields: '<input name="name"><input type="hidden" name="_next" value="/thanks">' }));
  await page.fill('[name=name]', 'Refused');
  await page.click('button');
  await reads(page, TEXTS.refused);
  assert.deepEqual(await events(page), [['refused', 'rejected']]);
  assert.equal(page.url(), `${site.url}/`);
  assert.equal(await page.inputValue('[name=name]'), 'Refused');
  await page.context().close();
});

for (const [where, options] of [
  ['a field', { fields: '<input name="name"><input type="hidden" name="_next" value="/thanks">' }],
  ['the address', { query: '&_next=/thanks' }],
]) {
  for (const scripts of [true, false]) {
    test(`a form that is stored goes on to _next of ${where}, ${scripts ? 'with' : 'without'} JavaScript`, async () => {
      const page = await visit((scripts ? script(keys.site) : '') + form(keys.site, options), { scripts });
      await page.fill('[name=name]', 'Next');
      await page.click('button');
      await page.waitForSelector('text=the page /thanks');
      assert.equal(new URL(page.url()).origin, site.url);
      await page.context().close();
    });
  }
}

test('a handler that keeps a form from being sent is named in the console', async () => {
  const own = "document.forms[0].addEventListener('submit', (event) => event.preventDefault())";
  const page = await visit(`${script(keys.site)}${form(keys.site)}<script>${own}</script>`);
  await page.fill('[name=name]', 'Own');
  await page.click('button');
  await until(() => page.told.some((line) => line.includes('frontdesk.form(form)')), 'the console says how');
  assert.equal((await named('Own')).length, 0);
  await page.context().close();
});

test('a marked form stays on its page wherever its action leads', async () => {
  const page = await visit(`${script(keys.site)}<form data-frontdesk action="/search"><input name="name"><button>Send</button></form>`);
  await page.fill('[name=name]', 'Stays');
  await page.click('button');
  await reads(page, 'Thank you.');
  assert.equal(page.url(), `${site.url}/`);
  assert.ok(!site.seen.some((url) => url.includes('Stays')), 'what was typed is in no address');
  assert.equal((await named('Stays')).length, 1);
  await page.context().close();
});

for (const scripts of [true, false]) {
  const how = scripts ? 'with' : 'without';
  test(`an empty form is told so, ${how} JavaScript`, async () => {
    const page = await visit((scripts ? script(keys.site) : '') + form(keys.site), { scripts });
    await page.click('button');
    await (scripts ? reads(page, 'Please fill it in.') : page.waitForSelector('text=fill in at least one field'));
    await page.context().close();
  });

  test(`a file alone and parameters of others are no reason to lose a form, ${how} JavaScript`, async () => {
    const fields = '<input type="hidden" name="name" value=""><input type="file" name="cv">';
    const attributes = 'enctype="multipart/form-data"';
    const page = await visit((scripts ? script(keys.site) : '') + form(keys.site, { fields, attributes, query: '&utm_source=x' }), { scripts });
    const before = (await api.read('/list?cv.file=big.pdf&_count=exact')).count;
    await page.setInputFiles('[name=cv]', { name: 'big.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(3_000_000, 'x') });
    await page.click('button');
    await page.waitForSelector('text=Files are not kept');
    const { entries, count } = await api.read('/list?cv.file=big.pdf&_count=exact');
    assert.equal(count, before + 1);
    assert.deepEqual(entries[0].data.cv, { file: 'big.pdf', type: 'application/pdf', bytes: 3_000_000 });
    await page.context().close();
  });

  test(`the form that README shows is stored, ${how} JavaScript`, async () => {
    const shown = readFileSync(new URL('../README.md', import.meta.url), 'utf8').match(/```html\n([^]*?)```/)[1];
    const pasted = shown.replaceAll('http://127.0.0.1:8000', proxy.url).replaceAll('pk_…', keys.site);
    const page = await visit(scripts ? pasted : pasted.replace(/<script.*<\/script>/, ''), { scripts });
    await page.fill('[name=email]', `${how}@example.org`);
    await page.fill('[name=message]', 'As README says');
    await page.click('button');
    await page.waitForSelector('text=Thank you');
    assert.equal((await api.read(`/list?email=${how}@example.org`)).entries[0].data.message, 'As README says');
    await page.context().close();
  });
}

for (const [what, prepare] of [
  ['blocked', () => Object.defineProperty(window, 'localStorage', { get: () => { throw new DOMException('blocked', 'SecurityError'); } })],
  ['full', () => {
    const full = new Proxy(window.localStorage, { set() { throw new DOMException('full', 'QuotaExceededError'); } });
    Object.defineProperty(window, 'localStorage', { get: () => full });
  }],
]) {
  test(`where the browser's storage is ${what} a form is sent all the same, and nobody is told that it is saved`, async () => {
    const page = await visit(script(keys.site) + form(keys.site), { prepare });
    await page.fill('[name=name]', `Storage-${what}`);
    await page.context().setOffline(true);
    await page.click('button');
    await reads(page, 'Sending');
    // what it would be told at once, it would be told by now
    await page.evaluate(() => new Promise((done) => setTimeout(() => setTimeout(done))));
    assert.equal(await page.textContent('[role=status]'), 'Sending', 'kept in memory alone it is not safe');
    assert.equal(await page.inputValue('[name=name]'), `Storage-${what}`);
    await page.context().setOffline(false);
    await reads(page, 'Thank you.');
    assert.equal((await named(`Storage-${what}`)).length, 1);
    await page.context().close();
  });
}

test('home shows a whole form of the collection that is chosen, which works as it is pasted', async () => {
  const context = await chrome.newContext();
  const page = await open(context);
  await page.goto(`${desk.url}/sign-in`);
  await page.fill('#email', owner.email);
  await page.fill('#password', owner.password);
  await page.click('main button');
  await page.waitForURL(`${desk.url}/`);
  assert.equal(await page.inputValue('#collection'), 'default');
  await page.selectOption('#collection', 'site');
  await page.click('button:has-text("Show its snippet")');
  await page.waitForURL(/collection=site/);
  const shown = await page.innerText('#snippet');
  await context.close();
  const visitor = await visit(shown);
  for (const field of await visitor.locator('form input, form textarea').all()) await field.fill((await field.getAttribute('type')) === 'email' ? 'home@example.org' : 'From home');
  await visitor.click('form button');
  await reads(visitor, 'Thank you');
  assert.equal((await api.read('/list?_collection=site&_q=home@example.org')).entries.length, 1);
  await visitor.context().close();
});
