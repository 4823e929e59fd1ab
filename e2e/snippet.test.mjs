// The snippet in a real browser, on pages of another origin with a strict policy, against a server that drops,
// delays, refuses and loses acknowledgements: every entry is stored exactly once.
import assert from 'node:assert';
import { before } from 'node:test';
import { browser, frontdesk, page as open, proxyBefore, serve, staff, test, until } from './support.mjs';

let desk, read, key, chrome, proxy, site;

/** A web site on another origin, with a strict policy. */
async function website() {
  const state = { body: '' };
  const { port } = await serve((incoming, outgoing) => {
    const policy = `default-src 'none'; script-src ${proxy.url}; connect-src ${proxy.url}; form-action 'self' ${proxy.url}; img-src data:`;
    outgoing.writeHead(200, { 'Content-Type': 'text/html', 'Content-Security-Policy': policy });
    const script = `<script defer src="${proxy.url}/frontdesk.js" data-key="${key}"></script>`;
    outgoing.end(`<!doctype html><title>A page</title><link rel="icon" href="data:,">${script}${state.body}`);
  });
  return Object.assign(state, { url: `http://localhost:${port}` });
}

before(async () => {
  desk = await frontdesk();
  key = desk.run(['collection', 'add', 'site']).stdout.trim();
  ({ read } = await staff(desk.url));
  proxy = await proxyBefore(desk.port);
  site = await website();
  chrome = await browser();
});
const NETWORK = /Failed to load resource|net::ERR|CORS policy/;
const stored = async (run) => (await read(`/list?_collection=site&run=${run}&_limit=1000`)).entries.map((entry) => entry.data.n).sort((a, b) => a - b);
const numbers = (count) => Array.from({ length: count }, (_, n) => n);

async function visit(context) {
  const page = await open(context, { errors: NETWORK, asks: [/\/(add|list)(\?|$)/] });
  await page.goto(site.url);
  await page.waitForFunction(() => window.frontdesk && window.frontdesk.add);
  return page;
}

test('every entry is stored exactly once through drops, delays, 429, 500 and lost acknowledgements', async () => {
  const moods = ['drop', 'slow', 500, 'lose', 429, 'pass', 'lose', 'drop', 'pass'];
  proxy.seen = 0;
  proxy.mood = (n) => moods[n % moods.length];
  const context = await chrome.newContext();
  const page = await visit(context);
  await page.evaluate(async () => {
    for (let n = 0; n < 45; n++) {
      frontdesk.add({ run: 'flaky', n });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  await until(async () => (await stored('flaky')).length >= 45, 'all entries arrive', 60);
  await until(() => page.evaluate(() => Object.keys(localStorage).filter((name) => name.length > 20).length === 0), 'the queue empties', 60);
  assert.deepEqual(await stored('flaky'), numbers(45));
  await context.close();
});

test('what was added offline survives a reload and is sent later', async () => {
  const context = await chrome.newContext();
  const page = await visit(context);
  await context.setOffline(true);
  // The browser is offline only for the pages it knows: what one sends while it closes would get through.
  proxy.mood = () => 'drop';
  const status = await page.evaluate(async () => {
    const results = await Promise.all([0, 1, 2].map((n) => frontdesk.add({ run: 'offline', n })));
    return results.map((result) => result.status);
  });
  assert.deepEqual(status, ['queued', 'queued', 'queued']);
  await page.close();
  assert.deepEqual(await stored('offline'), []);
  proxy.mood = () => 'pass';
  await context.setOffline(false);
  await visit(context);
  await until(async () => (await stored('offline')).length === 3, 'the entries arrive after the page was opened again');
  assert.deepEqual(await stored('offline'), numbers(3));
  await context.close();
});

test('entries added the moment before the page is left arrive', async () => {
  proxy.mood = () => 'pass';
  const context = await chrome.newContext();
  const page = await visit(context);
  await page.evaluate(() => void frontdesk.add({ run: 'leave', n: 0 }));
  // Not out of the page's own script: a page that goes away while it is still being asked may never answer.
  await page.goto('about:blank');
  await until(async () => (await stored('leave')).length === 1, 'the beacon or the next visit brings it');
  await context.close();
});

test('two tabs share the queue and store nothing twice', async () => {
  proxy.seen = 0;
  proxy.mood = (n) => (n < 4 ? 'lose' : 'pass');
  const context = await chrome.newContext();
  const [one, two] = [await visit(context), await visit(context)];
  const send = (page, from) => page.evaluate((from) => { for (let n = from; n < from + 25; n++) frontdesk.add({ run: 'tabs', n }); }, from);
  await Promise.all([send(one, 0), send(two, 25)]);
  await until(async () => (await stored('tabs')).length >= 50, 'both tabs are done', 60);
  await until(() => one.evaluate(() => Object.keys(localStorage).filter((name) => name.length > 20).length === 0), 'the queue empties', 60);
  assert.deepEqual(await stored('tabs'), numbers(50));
  await context.close();
});

test('storage is read once, whatever another tab does to it meanwhile', async () => {
  proxy.mood = () => 'pass';
  const context = await chrome.newContext();
  await context.addInitScript(() => {
    const real = localStorage;
    window.touches = 0;
    const counted = (work) => (_, ...rest) => (window.touches++, work(...rest));
    const value = new Proxy(real, {
      get: counted((name) => (typeof real[name] === 'function' ? real[name].bind(real) : real[name])),
      set: counted((name, text) => ((real[name] = text), true)),
      deleteProperty: counted((name) => delete real[name]),
      ownKeys: counted(() => Reflect.ownKeys(real)),
    });
    Object.defineProperty(window, 'localStorage', { value });
  });
  const [one, two] = [await visit(context), await visit(context)];
  await context.setOffline(true);
  const touches = await one.evaluate(async () => {
    const before = window.touches;
    await Promise.all(Array.from({ length: 200 }, (_, n) => frontdesk.add({ run: 'touches', n })));
    return window.touches - before;
  });
  assert.ok(touches >= 200 && touches < 200 * 6, `${touches} times for 200 entries`);
  // as if the other tab had sent them, or had not enough room
  await two.evaluate(() => Object.keys(localStorage).filter((name) => name.length > 20).slice(50).forEach((name) => localStorage.removeItem(name)));
  assert.equal(await one.evaluate(async () => (await frontdesk.add({ run: 'touches', n: 200 })).status), 'queued');
  await context.setOffline(false);
  await until(async () => (await stored('touches')).length === 201, 'all of them arrive', 60);
  assert.deepEqual(await stored('touches'), numbers(201));
  await context.close();
});

test('a page reads back what its tab stored, and only that', async () => {
  proxy.mood = () => 'pass';
  const context = await chrome.newContext();
  const [one, two] = [await visit(context), await visit(context)];
  const result = await one.evaluate(() => frontdesk.add({ run: 'mine', n: 1 }, { now: true }));
  assert.equal(result.status, 'stored');
  await two.evaluate(() => frontdesk.add({ run: 'mine', n: 2 }, { now: true }));
  assert.deepEqual(await one.evaluate(async () => (await frontdesk.mine('run=mine')).map((entry) => entry.data.n)), [1]);
  const listed = await read('/list?run=mine&n=1');
  assert.equal(listed.entries[0]._session, await one.evaluate(() => frontdesk.session()));
  await context.close();
});

test('what is refused is told, with the way to mend it', async () => {
  proxy.mood = () => 'pass';
  const context = await chrome.newContext();
  const page = await visit(context);
  const told = [];
  page.on('console', (message) => told.push(message.text()));
  const results = await page.evaluate(async () => {
    const events = [];
    frontdesk.on('rejected', (detail) => events.push(detail.status));
    const bad = frontdesk.add({ run: 'refused', text: '\u0000' }, { now: true });
    const good = frontdesk.add({ run: 'refused', n: 1 });
    return [(await bad).status, (await good).status, events];
  });
  assert.deepEqual(results, ['rejected', 'stored', ['rejected']]);
  assert.ok(told.some((text) => text.includes('NUL')), told.join());
  await context.close();
});

test('forms are captured without secrets, with and without scripts', async () => {
  proxy.mood = () => 'pass';
  site.body = `<form data-frontdesk="contact" method="post" action="${proxy.url}/add?_key=${key}"><input name="run"><input name="n" value="1">
    <input name="topic" type="checkbox" value="a" checked><input name="topic" type="checkbox" value="b" checked>
    <input type="password" name="pass" value="secret"><input name="card" autocomplete="cc-number" value="4111"><input name="_gotcha">
    <div data-frontdesk-ignore><input name="private" value="x"></div><button>Send</button></form>`;
  const context = await chrome.newContext();
  const page = await visit(context);
  await page.fill('[name=run]', 'form');
  await page.click('button');
  await until(async () => (await stored('form')).length === 1, 'the form arrives');
  const [entry] = (await read('/list?_collection=site&run=form')).entries;
  assert.deepEqual(entry.data, { form: 'contact', run: 'form', n: '1', topic: ['a', 'b'] });
  await page.waitForFunction(() => document.querySelector('[name=run]').value === '');
  await context.close();

  const plain = await chrome.newContext({ javaScriptEnabled: false });
  const without = await plain.newPage();
  await without.goto(site.url);
  await without.fill('[name=run]', 'plain');
  await without.click('button');
  await without.waitForSelector('text=Thank you');
  assert.equal((await stored('plain')).length, 1);
  await plain.close();
  site.body = '';
});

test('calls made before the script is there are replayed, and an opt-out is kept', async () => {
  proxy.mood = () => 'pass';
  const context = await chrome.newContext();
  await context.addInitScript(() => {
    window.frontdesk = window.frontdesk || [];
    if (Array.isArray(window.frontdesk)) window.frontdesk.push(['set', { page: 'early' }], ['add', { run: 'stub', n: 0 }]);
  });
  const page = await visit(context);
  await until(async () => (await stored('stub')).length === 1, 'the early call arrives');
  assert.equal((await read('/list?run=stub')).entries[0].data.page, 'early');
  await page.evaluate(() => frontdesk.optOut(true));
  assert.equal(await page.evaluate(async () => (await frontdesk.add({ run: 'out' })).status), 'dropped');
  await context.close();
});

test('the hashed file works with its integrity', async () => {
  const { text } = await staff(desk.url);
  const settings = await text('/collections/site');
  const [, path] = settings.match(/src="?[^"]*?(\/static\/[0-9A-Za-z]+\/snippet\/frontdesk\.min\.js)/) || settings.match(/(\/static\/[0-9A-Za-z]+\/snippet\/frontdesk\.min\.js)/);
  const [, integrity] = settings.match(/integrity=(?:"|&#34;|&quot;)(sha384-[^"&]+)/);
  const context = await chrome.newContext();
  const page = await open(context, { asks: [/\/(add|list)(\?|$)/] });
  await page.goto(`${desk.url}/sign-in`);
  const loaded = await page.evaluate(({ src, integrity, key }) => new Promise((resolve) => {
    const tag = Object.assign(document.createElement('script'), { src, integrity, crossOrigin: 'anonymous', onload: () => resolve('loaded'), onerror: () => resolve('refused') });
    tag.dataset.key = key;
    document.head.append(tag);
  }), { src: path, integrity, key });
  assert.equal(loaded, 'loaded');
  await context.close();
});
