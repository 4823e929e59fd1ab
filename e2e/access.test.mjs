// People, tokens and foreign pages in a real browser.
import assert from 'node:assert';
import { before } from 'node:test';
import { axeFinds, browser, frontdesk, isFit, owner, page as open, proxyBefore, seenInEveryWay, serve, signedIn, staff, test, until } from './support.mjs';

let desk, chrome, api;

before(async () => {
  desk = await frontdesk();
  api = await staff(desk.url);
  chrome = await browser();
});

async function fillSignIn(page, email, password) {
  await page.goto(`${desk.url}/sign-in`);
  await fillSignInHere(page, email, password);
}

async function fillSignInHere(page, email = owner.email, password = owner.password) {
  await page.fill('#email', email);
  await page.fill('#password', password);
  await page.click('main button');
}

/** A browser in which the owner is signed in. */
const ownersBrowser = (settings) => signedIn(chrome, desk.url, api, settings);

for (const javaScriptEnabled of [true, false]) {
  test(`a colleague is invited, works, is limited and is disabled, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async () => {
    const email = `noor${javaScriptEnabled ? 1 : 2}@example.org`;
    const office = await ownersBrowser({ javaScriptEnabled });
    const kim = await open(office);
    await kim.goto(`${desk.url}/users`);
    await kim.click('text=Invite somebody');
    await kim.fill('#email', email);
    await kim.fill('#name', 'Noor');
    await kim.selectOption('#role', 'staff');
    await kim.click('main form button');
    await kim.waitForSelector('h1:has-text("A link for Noor")');
    const link = (await kim.textContent('#link')).trim();
    assert.ok(!kim.url().includes('invitations'), 'the link is in no address');

    const home = await chrome.newContext({ javaScriptEnabled });
    const noor = await open(home, { errors: /404|422|403/ });
    await noor.goto(link);
    assert.match(await noor.textContent('main'), new RegExp(email));
    await noor.fill('#password', 'a tall grey heron');
    await noor.click('main button');
    await noor.waitForURL(`${desk.url}/`);
    await noor.goto(`${desk.url}/directory/colleges/new`);
    assert.equal((await noor.goto(`${desk.url}/users`)).status(), 403);
    await noor.goto(link);
    assert.match(await noor.textContent('main'), /used already/);

    // somebody else guesses, and is stopped; Noor, in a browser that is known, is not. Once: one address has a limit, too
    if (javaScriptEnabled) {
      const stranger = await open(await chrome.newContext(), { errors: /429/ });
      await stranger.goto(`${desk.url}/sign-in`);
      await stranger.fill('#email', email);
      await stranger.fill('#password', 'one guess too many');
      // all at once: an allowance comes back while a slow machine opens pages
      const guess = (_, n) => fetch(`${desk.url}/sign-in`, { method: 'POST', headers: { Origin: desk.url }, body: new URLSearchParams({ email, password: `guess number ${n}` }) });
      await Promise.all(Array.from({ length: 11 }, guess));
      await stranger.click('main button');
      await stranger.waitForSelector('text=too many attempts');
      assert.equal(await stranger.inputValue('#email'), email, 'what was typed stays');
      await stranger.context().close();
    }
    await noor.goto(`${desk.url}/account`);
    await noor.click('.side-foot summary');
    await noor.click('button:has-text("Sign out")');
    await noor.waitForURL(`${desk.url}/sign-in`);
    await fillSignIn(noor, email, 'a tall grey heron');
    await noor.waitForURL(`${desk.url}/`);

    await kim.goto(`${desk.url}/users?email=${email}`);
    await kim.click('tbody th a');
    await kim.click('button:has-text("Disable")');
    await kim.waitForSelector('.toast:has-text("Disabled")');
    await noor.goto(`${desk.url}/list`);
    assert.match(noor.url(), /\/sign-in\?next=/);
    await fillSignIn(noor, email, 'a tall grey heron');
    await noor.waitForSelector('text=do not belong together');

    await kim.goto(`${desk.url}/audit?_sort=-id`);
    const trail = await kim.textContent('main');
    for (const word of ['invited', 'disabled', 'signed in', owner.email]) assert.ok(trail.includes(word), word);
    await office.close();
    await home.close();
  });
}

test('a token is created on the page and tried on the page of the API', async () => {
  const context = await ownersBrowser();
  const page = await open(context, { errors: /403/, asks: [/\/api\//] });
  await page.goto(`${desk.url}/account`);
  await page.fill('#token-name', 'laptop');
  await page.check('input[value="directory"]');
  await page.click('button:has-text("Create a token")');
  const token = (await page.textContent('#token')).trim();
  assert.match(token, /^fd_/);
  await context.clearCookies();

  await page.goto(`${desk.url}/api/docs`);
  await page.waitForSelector('.opblock', { timeout: 30000 });
  await page.click('button.authorize');
  await page.fill('input[aria-label="auth-bearer-value"] >> nth=0', token);
  await page.click('.auth-container:has(input) button.authorize >> nth=0');
  await page.click('.btn-done');
  const asked = async (id) => {
    const operation = page.locator(`[id$="-${id}"].opblock`);
    await operation.locator('button.opblock-summary-control').click();
    await operation.locator('button:has-text("Try it out")').click();
    const answer = page.waitForResponse((response) => response.url().includes('/api/v1/'));
    await operation.locator('button.execute').click();
    const status = (await answer).status();
    await operation.locator('.live-responses-table td.response-col_status:not(.col_header)').waitFor();
    return status;
  };
  assert.equal(await asked('get_api_v1_students'), 200);
  assert.equal(await asked('get_api_v1_users').catch((error) => error), 403);
  await context.close();
});

test('what is typed into a form outlives the session', async () => {
  const context = await chrome.newContext();
  const page = await open(context, { errors: /422/ });
  await fillSignIn(page, owner.email, owner.password);
  await page.waitForURL(`${desk.url}/`);
  await page.goto(`${desk.url}/directory/colleges/new`);
  await page.fill('#name', 'College of Law');
  await page.fill('#location', 'Old Hall');
  await page.fill('#website', 'ftp://nowhere');
  await page.click('main form button');
  await page.waitForSelector('[aria-invalid]');
  await page.fill('#website', 'https://law.example');
  await context.clearCookies({ name: 'frontdesk' });
  await page.click('main form button');
  await page.waitForURL(/sign-in\?ended/);
  assert.match(await page.textContent('main'), /nothing was saved/);
  await page.fill('#email', owner.email);
  await page.fill('#password', 'not this one');
  await page.click('main button');
  await page.waitForSelector('#password-error');
  await page.fill('#password', owner.password);
  await page.click('main button');
  await page.waitForURL(`${desk.url}/directory/colleges/new`);
  assert.match(await page.textContent('main'), /What you typed is back/);
  assert.equal(await page.inputValue('#location'), 'Old Hall');
  assert.equal(await axeFinds(page), '');
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/draft.png` });
  await page.click('main form button');
  await page.waitForSelector('text=College of Law was added');
  assert.equal((await api.read('/api/v1/colleges?name=College of Law')).colleges[0].location, 'Old Hall');
  // whoever changed it meanwhile is not overwritten
  const [law] = (await api.read('/api/v1/colleges?name=College of Law')).colleges;
  await page.goto(`${desk.url}/directory/colleges/${law.id}`);
  await page.fill('#location', 'New Hall');
  await api.send(`/api/v1/colleges/${law.id}`, 'PATCH', { phone: '555-0100' });
  await context.clearCookies({ name: 'frontdesk' });
  await page.click('main form.form button');
  await fillSignInHere(page);
  await page.waitForURL(`${desk.url}/directory/colleges/${law.id}`);
  assert.equal(await page.inputValue('#location'), 'New Hall');
  await page.click('main form.form button');
  await page.waitForSelector('text=/changed/i');
  assert.equal((await api.read(`/api/v1/colleges/${law.id}`)).location, 'Old Hall');
  // what one person typed is not shown to another
  await page.goto(`${desk.url}/directory/colleges/new`);
  await page.fill('#name', 'Secret');
  await context.clearCookies({ name: 'frontdesk' });
  await page.click('main form button');
  await page.waitForURL(/sign-in\?ended/);
  desk.run(['user', 'add', 'sam@example.org', '--role', 'staff', '--password-stdin'], 'a tall grey heron\n');
  await fillSignInHere(page, 'sam@example.org', 'a tall grey heron');
  await page.waitForURL(`${desk.url}/directory/colleges/new`);
  assert.equal(await page.inputValue('#name'), '');
  // once it was saved or given back, a page is empty again
  await page.goto(`${desk.url}/directory/colleges/new`);
  assert.equal(await page.inputValue('#location'), '');
  await context.close();
});

test('a foreign page changes nothing in the name of somebody signed in', async () => {
  const evil = await serve((request, response) => response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>evil</title><p>hello'));
  // What is answered is read here: a browser's tools do not tell all that a frame without an origin is answered.
  const front = await proxyBefore(desk.port);
  const context = await ownersBrowser();
  const before = (await api.read('/api/v1/audit?_limit=1')).count;
  // another port is the same site, so the cookie comes along; another host is another site
  for (const host of ['127.0.0.1', 'localhost']) {
    const page = await context.newPage();
    await page.goto(`http://${host}:${evil.port}/`);
    const form = async (path, kind, fields, sandbox) => {
      const seen = front.answers.length;
      await page.evaluate(([action, kind, fields, sandbox]) => {
        const frame = document.createElement('iframe');
        frame.name = 'f' + Math.random();
        if (sandbox) frame.sandbox = 'allow-forms allow-scripts';
        const text = `<form method=post action="${action}" enctype="${kind}">${Object.entries(fields).map(([name, value]) => `<input name='${name}' value='${value}'>`).join('')}</form>`;
        if (sandbox) {
          // a frame without an origin: `Origin: null`
          frame.srcdoc = `${text}<script>document.forms[0].submit()</script>`;
          document.body.append(frame);
        } else {
          document.body.append(frame);
          document.body.insertAdjacentHTML('beforeend', text);
          const made = document.forms[document.forms.length - 1];
          made.target = frame.name;
          made.submit();
        }
      }, [front.url + path, kind, fields, sandbox]);
      const answer = await until(() => front.answers.slice(seen).find((one) => one.method === 'POST' && one.path === path), `${host}: an answer to the form to ${path}`);
      // without a cookie that comes along, it is a stranger's, who is led to sign in
      return answer.location.startsWith('/sign-in') ? 401 : answer.status;
    };
    const plain = 'application/x-www-form-urlencoded';
    const invitation = { email: 'evil@example.org', name: 'Evil', role: 'owner' };
    const refused = [
      await form('/users', plain, invitation),
      await form('/users', 'multipart/form-data', invitation),
      await form('/users', 'text/plain', invitation),
      await form('/users', plain, invitation, true),
      await form('/account/tokens', plain, { name: 'evil', scope: 'admin', days: '' }),
      await form('/api/v1/users/1', plain, { _method: 'delete' }),
      await form('/api/v1/users', 'text/plain', { '{"email":"evil@example.org","role":"owner","x":"': '"}' }),
    ];
    for (const status of refused) assert.ok([401, 403, 405, 415].includes(status), `${host}: ${refused}`);
    const formed = front.answers.length;
    const fetched = await page.evaluate(async (url) => {
      const ask = async (path, options) => {
        try {
          const answer = await fetch(url + path, { credentials: 'include', ...options });
          return `${answer.status} ${(await answer.text()).length}`;
        } catch {
          return 'nothing can be read';
        }
      };
      const body = JSON.stringify({ email: 'evil@example.org', role: 'owner' });
      return [
        await ask('/api/v1/users', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }),
        await ask('/api/v1/users', { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body }),
        await ask('/api/v1/users', {}),
        await ask('/api/v1/users/1', { method: 'DELETE' }),
        await ask('/users', {}),
        await ask('/list?_format=json', {}),
        await ask('/api/v1/entries', {}),
      ];
    }, front.url);
    for (const outcome of fetched) assert.ok(outcome === 'nothing can be read' || outcome.startsWith('401'), `${host}: ${fetched}`);
    assert.ok(front.answers.length >= formed + fetched.length, 'each came here');
    await page.close();
  }
  const lines = await api.read('/api/v1/audit?_limit=1');
  assert.equal(lines.count, before, 'nothing was done');
  assert.equal((await api.read('/api/v1/users?email=evil@example.org')).count, 0);
  await context.close();
});

seenInEveryWay(
  'the pages of people have no finding of axe',
  async () => {
    const made = await (await api.send('/api/v1/users', 'POST', { email: 'axe@example.org', name: 'Axe', role: 'viewer' })).json();
    await api.send('/api/v1/tokens', 'POST', { name: 'nightly', scopes: ['entries:read', 'directory'] });
    return ['/users', '/users/new', '/users/1', `/users/${made.id}`, '/account', '/audit', '/audit?record=users', '/sign-in', new URL(made.invitation.url).pathname];
  },
  async (paths, settings, way) => {
    const context = await ownersBrowser(settings);
    const page = await open(context);
    for (const path of paths) {
      await page.goto(desk.url + path);
      await isFit(page, path, `access${path.split('?')[0].slice(0, 12).replaceAll('/', '-')}-${way}`);
    }
    await context.close();
  },
);
