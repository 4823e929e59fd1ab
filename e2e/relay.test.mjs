// Relays in a real browser: made, tried, watched live, changed and taken back; pages of others in our frame of safety.
import assert from 'node:assert';
import { before } from 'node:test';
import { browser, frontdesk, isFit, page as open, seenInEveryWay, serve, signedIn, staff, test } from './support.mjs';

let desk, chrome, api, north, south;
const ill = { north: false };

before(async () => {
  desk = await frontdesk();
  api = await staff(desk.url);
  chrome = await browser();
  const sensor = (site) => (request, answer) => {
    if (ill[site]) return request.socket.destroy();
    if (request.url === '/page') {
      const script = `<script>fetch('/api/v1/tokens').then((a) => document.title = 'read ' + a.status)</script>`;
      return answer.writeHead(200, { 'Content-Type': 'text/html' }).end(`<title>theirs</title><h1>Theirs</h1>${script}`);
    }
    answer.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ [site]: 21.5 }));
  };
  north = (await serve(sensor('north'))).port;
  south = (await serve(sensor('south'))).port;
});

// The page of a relay reads itself again.
const ITSELF = /\/relays\//;

test('an owner makes a relay, tries it, sees an upstream die and come back, and takes a change back', async () => {
  const context = await signedIn(chrome, desk.url, api);
  const page = await open(context, { asks: [ITSELF], errors: /422/ });
  await page.goto(`${desk.url}/relays`);
  await page.click('text=Make a relay');
  await page.fill('#name', 'weather');
  await page.fill('#pools-0-name', 'sensors');
  await page.fill('#pools-0-upstreams', `http://127.0.0.1:${north}\nhttp://127.0.0.1:${south}`);
  await page.click('main form .btn-main');
  await page.waitForSelector('#pools-0-upstreams-error:has-text("this machine")');
  assert.equal(await page.inputValue('#name'), 'weather', 'what was typed stays');
  await page.check('[name="pools.0.allow_private"]');
  assert.equal(await page.inputValue('#default_pool'), 'sensors', 'a pool that gets another name stays chosen');
  await page.click('summary:has-text("Health, times")');
  await page.selectOption('#pools-0-last', 'static');
  await page.fill('#pools-0-health', 'health');
  await page.click('main form .btn-main');
  await page.waitForSelector('.notice:has-text("Not saved: there is a mistake")');
  assert.ok(await page.isVisible('#pools-0-health-error'), 'the fold is open where something is wrong');
  await page.fill('#pools-0-health', '');
  await page.click('text=Room for another pool or rule');
  await page.selectOption('#rules-0-pool', 'sensors');
  await page.fill('#rules-0-path', '/never');
  await page.click('main form .btn-main');
  await page.waitForSelector('.toast:has-text("passes requests on")');

  const other = await open(context, { asks: [ITSELF], errors: /422/ });
  await other.goto(`${desk.url}/relays/weather/edit`);
  await page.goto(`${desk.url}/relays/weather/edit`);
  await page.fill('#title', 'Weather');
  await page.click('main form .btn-main');
  await page.waitForSelector('.toast:has-text("Saved")');
  await other.fill('#title', 'Mine');
  await other.click('main form .btn-main');
  await other.waitForSelector('.notice:has-text("somebody changed it meanwhile")');
  assert.equal(await other.inputValue('#title'), 'Mine');
  await other.close();

  await page.click('text=Try a request');
  await page.fill('#target', '/readings?site=north');
  await page.click('main form .btn-main');
  await page.waitForSelector('#verdict:has-text("pool sensors"), #verdict:has-text("sensors")');

  await page.click('text=Now');
  const call = async () => (await fetch(`${desk.url}/relay/weather/readings`)).status;
  assert.equal(await call(), 200);
  await page.waitForSelector('#live td:has-text("/readings")');
  ill.north = true;
  // The least busy of two is drawn: until the one that is ill has failed five times.
  for (let i = 0; i < 60 && !(await page.locator('.state-late:has-text("resting")').count()); i++) {
    assert.equal(await call(), 200, 'the other one answers');
    await page.waitForTimeout(50);
  }
  await page.waitForSelector('#live .state-late:has-text("resting")');
  ill.north = false;
  await page.waitForSelector('#live .state-late:has-text("resting")', { state: 'detached', timeout: 30000 });

  await page.click(`[aria-label="Take out http://127.0.0.1:${south}"]`);
  await page.waitForSelector('.state-closed:has-text("taken out")');
  await page.click('.tabs >> text=History');
  await page.click('[aria-label="Take it again: version 1"]');
  await page.waitForSelector('.toast:has-text("as it was in version 1")');
  assert.equal(await page.locator('.state-closed').count(), 0);
  await context.close();
});

test('a page of an upstream cannot act as ours', async () => {
  await api.send('/api/v1/relays', 'POST', { name: 'page', access: 'public', default_pool: 'p', pools: [{ name: 'p', allow_private: true, upstreams: [{ url: `http://127.0.0.1:${north}` }] }] });
  const context = await signedIn(chrome, desk.url, api);
  const page = await open(context, { errors: /sandbox|script/ });
  await page.goto(`${desk.url}/relay/page/page`);
  await page.waitForSelector('h1:has-text("Theirs")');
  assert.equal(await page.title(), 'theirs', 'its script did not run');
  await context.close();
});

test('two sensor services, one chosen by the payload, one dead, the answer merged', async () => {
  const pool = (name, port) => ({ name, allow_private: true, upstreams: [{ url: `http://127.0.0.1:${port}` }] });
  await api.send('/api/v1/relays', 'POST', {
    name: 'sensors', access: 'public', mode: 'merge', pools: [pool('north', north), pool('south', south)], default_pool: 'south',
    rules: [{ when: { json: { '/site': 'north' } }, pool: 'north' }],
  });
  const post = async (site) => (await fetch(`${desk.url}/relay/sensors/`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ site }) })).json();
  assert.deepEqual([await post('north'), await post('south')], [{ north: 21.5 }, { south: 21.5 }]);
  const merged = async () => {
    const answer = await fetch(`${desk.url}/relay/sensors/`);
    return [await answer.json(), answer.headers.get('x-frontdesk-complete')];
  };
  assert.deepEqual(await merged(), [{ north: 21.5, south: 21.5 }, 'true']);
  ill.north = true;
  assert.deepEqual(await merged(), [{ south: 21.5 }, 'false']);
  ill.north = false;
  const context = await signedIn(chrome, desk.url, api, { javaScriptEnabled: false });
  const page = await open(context);
  await page.goto(`${desk.url}/relays/sensors`);
  await page.waitForSelector('td:has-text("upstream_cut")');
  await page.waitForSelector('td:has-text("JSON /site is north")');
  await page.goto(`${desk.url}/relays/sensors/edit`);
  await page.selectOption('#mode', 'object');
  await page.click('main form .btn-main');
  await page.waitForSelector('.toast:has-text("Saved")');
  assert.equal((await (await fetch(`${desk.url}/relay/sensors/`)).json()).north.status, 200, 'without scripts too');
  await context.close();
});

seenInEveryWay(
  'no page of relays has a finding of axe',
  async () => ['/relays', '/relays/new', '/relays/sensors', '/relays/sensors?chart=day', '/relays/sensors/edit', '/relays/sensors/trial', '/relays/sensors/history'],
  async (paths, settings, shot) => {
    const context = await signedIn(chrome, desk.url, api, settings);
    for (const path of paths) {
      const page = await open(context, { asks: [ITSELF] });
      await page.goto(desk.url + path);
      await isFit(page, path, `relay${path.replace(/\W/g, '-')}-${shot}`);
      await page.close();
    }
    await context.close();
  },
);
