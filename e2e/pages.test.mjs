// The pages of staff in a real browser: with and without JavaScript, at three widths, light and dark, by keyboard.
import assert from 'node:assert';
import { spawnSync } from 'node:child_process';
import { before } from 'node:test';
import { axeFinds, browser, frontdesk, isFit, owner, page as open, seenInEveryWay, signedIn, staff, test, until } from './support.mjs';

let desk, chrome, api;

before(async () => {
  desk = await frontdesk();
  api = await staff(desk.url);
  chrome = await browser();
});

async function signIn(page, { url } = desk) {
  await page.goto(`${url}/sign-in`);
  await page.fill('#email', owner.email);
  await page.fill('#password', owner.password);
  await page.click('main button');
  await page.waitForURL(`${url}/`);
}

// What the pages of entries ask for: whether there is something new.
const LIST = /\/list\?/;

const add = (entries) => fetch(`${desk.url}/add`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(entries) });

test('a newcomer sees the snippet, and the page flips when the first entry comes', async () => {
  const context = await chrome.newContext();
  const page = await open(context, { asks: [LIST, /\/add\?/] });
  await signIn(page);
  await page.goto(`${desk.url}/list?_collection=default`);
  await page.waitForSelector('text=Waiting for the first entry');
  assert.match(await page.textContent('#snippet'), new RegExp(`${desk.url}/frontdesk.js`));
  assert.equal(await axeFinds(page), '');
  await page.goto(`${desk.url}/playground`);
  await page.click('#send');
  await page.waitForSelector('#log:has-text("stored")');
  await page.goto(`${desk.url}/list?_collection=default`);
  await page.waitForSelector('td:has-text("try it")');
  // the line for a terminal is one that can be pasted there
  await page.goto(`${desk.url}/`);
  const line = await page.innerText('#curl');
  const pasted = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
  assert.match(pasted.stdout, /"_id"|"id"/, `${line}\n${pasted.stdout}${pasted.stderr}`);
  assert.equal((await api.read('/list?hello=world')).count, 1);
  await context.close();
});

test('staff filter, select, delete, undo and save views with the mouse', async () => {
  const people = ['Ada', 'Ben', 'Chi', 'Dee', 'Eli', 'Fay'].map((name, i) => ({ name, plan: i % 2 ? 'pro' : 'free', seats: i }));
  assert.equal((await add(people)).status, 201);
  const context = await chrome.newContext();
  const page = await open(context, { asks: [LIST] });
  await signIn(page);
  await page.goto(`${desk.url}/list?_collection=default`);
  await page.click('.facet a:has-text("pro")');
  await page.waitForSelector('.chip:has-text("plan is pro")');
  assert.equal(await page.locator('tbody tr[data-keys-row]').count(), 3);
  const boxes = page.locator('tbody input[name=id]');
  await boxes.nth(0).click();
  await boxes.nth(2).click({ modifiers: ['Shift'] });
  await page.waitForSelector('text=3 selected');
  await page.click('button:has-text("Delete")');
  await page.waitForSelector('.toast:has-text("3 entries deleted")');
  await page.waitForSelector('text=No entry matches');
  await page.click('button:has-text("Undo")');
  await page.waitForSelector('.toast:has-text("Taken back: 3")');
  assert.equal(await page.locator('tbody tr[data-keys-row]').count(), 3);
  await page.click('summary:has-text("Save view")');
  await page.fill('#view-name', 'Pros');
  await page.click('details:has(#view-name) button');
  await page.waitForSelector('.side a:has-text("Pros")');
  await page.click('.chip a');
  await page.click('th a:has-text("name")');
  await page.waitForSelector('th[aria-sort=descending]');
  await page.goBack();
  await page.waitForSelector('th[aria-sort=none]');
  // a list never jumps
  await add({ name: 'Gil', plan: 'pro' });
  await page.goto(`${desk.url}/list?_collection=default`);
  await add({ name: 'Hal', plan: 'pro' });
  await page.waitForSelector('[data-news]:not([hidden]) >> text=1 new entry, show');
  await context.close();
});

test('the keyboard does it too', async () => {
  const context = await chrome.newContext();
  const page = await open(context);
  await signIn(page);
  await page.keyboard.press('g');
  await page.keyboard.press('e');
  await page.waitForURL(/\/list/);
  await page.keyboard.press('/');
  await page.keyboard.type('ada');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'q', 'letters are typed, not taken as keys');
  await page.keyboard.press('Enter');
  await page.waitForURL(/_q=ada/);
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await page.waitForSelector('text=1 selected');
  await page.keyboard.press('?');
  await page.waitForSelector('dialog[open]');
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/entries\//);
  await context.close();
});

test('everything works without JavaScript', async () => {
  const context = await chrome.newContext({ javaScriptEnabled: false });
  const page = await open(context, { errors: /422/ });
  await signIn(page);
  await page.goto(`${desk.url}/collections`);
  await page.fill('#name', 'No Name');
  await page.click('main form button');
  await page.waitForSelector('#name-error');
  await page.fill('#name', 'plain');
  await page.click('main form button');
  await page.waitForURL(/collections\/plain/);
  await page.fill('#origin', 'https://example.org');
  await page.click('form[action$="/origins"] button');
  await page.waitForSelector('.toast:has-text("https://example.org")');
  await page.goto(`${desk.url}/list?_collection=default`);
  await page.fill('#q', 'ben');
  await page.press('#q', 'Enter');
  await page.waitForURL(/_q=ben/);
  assert.equal(await page.locator('tbody tr[data-keys-row]').count(), 1);
  await page.check('tbody input[name=id]');
  await page.click('button:has-text("Spam")');
  await page.waitForSelector('.toast:has-text("1 entry marked as spam")');
  await page.click('button:has-text("Undo")');
  await page.waitForSelector('tbody tr[data-keys-row]');
  await page.click('td.first a');
  await page.waitForSelector('h1:has-text("Entry")');
  await page.goto(`${desk.url}/import`);
  await page.fill('#text', 'name,seats\nIda,3\n');
  await page.fill('#collection', 'plain');
  await page.click('main form button');
  await page.waitForSelector('text=1 row.');
  await page.click('button:has-text("Import into plain")');
  await page.waitForSelector('text=1 stored');
  await page.click('.side-foot summary');
  await page.click('button:has-text("Sign out")');
  await page.waitForURL(/sign-in/);
  await context.close();
});

test('a large file: the page says that it is read and how far its import is, by itself, and what came of it', async () => {
  // one that waits for nothing, and so many rows that reading them takes a few looks
  const desk = await frontdesk({ FRONTDESK_LIST_BUDGET_MS: '1' });
  const context = await chrome.newContext();
  const page = await open(context, { asks: [/\/import\/\d+$/] });
  await signIn(page, desk);
  const rows = Array.from({ length: 200_000 }, (_, n) => `Person ${n},p${n}@example.org,${n % 7}`).join('\n');
  await page.goto(`${desk.url}/import`);
  await page.setInputFiles('input[type=file]', { name: 'large.csv', mimeType: 'text/csv', buffer: Buffer.from(`name,email,seats\n${rows}\n`) });
  await page.fill('#collection', 'large');
  await page.click('main form button');
  const shot = async (name) => {
    for (const width of process.env.SHOTS ? [1280, 360] : []) {
      await page.setViewportSize({ width, height: 800 });
      await page.screenshot({ path: `${process.env.SHOTS}/large-${name}-${width}.png` });
    }
  };
  // the page may be just loading itself anew
  const rowsSoFar = () => page.evaluate(() => +document.querySelector('main').textContent.match(/(\d+) rows/)?.[1]).catch(() => 0);
  await page.waitForSelector('[data-progress]:has-text("rows so far")');
  await shot('read');
  const before = await rowsSoFar();
  await until(async () => (await rowsSoFar()) > before, 'it is read further', 60);
  await page.waitForSelector('strong:has-text("200000 rows")', { timeout: 60_000 });
  await page.click('button:has-text("Import into large")');
  await page.waitForSelector('[data-progress]:has-text("of 200000 rows are done")');
  await shot('stored');
  await page.click('button:has-text("Cancel and take back")');
  await page.click('[data-confirm-yes]', { noWaitAfter: true });
  await page.waitForSelector('text=It was cancelled. Nothing of it is stored.', { timeout: 60_000 });
  assert.equal(desk.run(['export', '--collection', 'large', '--format', 'ndjson']).stdout, '');
  await context.close();
});

seenInEveryWay(
  'no page has a finding of axe',
  async () => {
    await add([{ name: 'A long name that goes on and on '.repeat(5), url: 'https://example.org/', mail: 'a@example.org', list: [1, 2], n: -1.5, truth: true }]);
    await api.send('/api/v1/collections/default/pins', 'POST', { field: 'plan' });
    const { entries } = await api.read('/list?_limit=1');
    const context = await signedIn(chrome, desk.url, api);
    const page = await open(context);
    await page.goto(`${desk.url}/import`);
    await page.fill('#text', `_id,name\n${entries[0]._id},Ada\n,"${'long '.repeat(50)}"\n`);
    await page.fill('#collection', 'plain');
    await page.click('main form button');
    await page.waitForURL(/import\/\d+$/);
    const preview = new URL(page.url()).pathname;
    await context.close();
    return ['/', '/list', '/list?_collection=default', '/list?plan=pro&_sort=-seats&name__exists=1', '/list?plan=nothing', '/list?_deleted=only',
      `/entries/${entries[0]._id}`, '/collections', '/collections/default', '/import', preview, '/playground', '/status', '/nowhere', '/sign-in'];
  },
  async (paths, settings, way) => {
    const context = await signedIn(chrome, desk.url, api, settings);
    const page = await open(context, { errors: /404/, asks: [LIST] });
    for (const path of paths) {
      await page.goto(desk.url + path);
      await isFit(page, path, `${path.replace(/\W+/g, '_')}-${way}`);
    }
    await context.close();
  },
);

test('a page of staff weighs at most 60 kB', async () => {
  const context = await chrome.newContext();
  const page = await open(context);
  await signIn(page);
  let weight = 0;
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  session.on('Network.loadingFinished', ({ encodedDataLength }) => (weight += encodedDataLength));
  await page.goto(`${desk.url}/list?_collection=default`, { waitUntil: 'networkidle' });
  console.log(`the browse page weighs ${weight} bytes`);
  assert.ok(weight < 60000, `${weight} bytes`);
  await context.close();
});
