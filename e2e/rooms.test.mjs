// The waiting room in a real browser: students on phones, staff on the board, with and without JavaScript.
import assert from 'node:assert';
import { before } from 'node:test';
import { axeFinds, browser, frontdesk, isFit, owner, page as open, seenInEveryWay, signedIn, staff, test, until } from './support.mjs';

let desk, chrome, api, college, queue;

before(async () => {
  desk = await frontdesk();
  api = await staff(desk.url);
  chrome = await browser();
  college = (await (await api.send('/api/v1/colleges', 'POST', { name: 'Engineering' })).json()).id;
  queue = await addQueue('Advising');
});

async function addQueue(title, settings = {}) {
  return (await (await api.send('/api/v1/queues', 'POST', { title, college_id: college, ...settings })).json()).id;
}

async function signIn(page) {
  await page.goto(`${desk.url}/sign-in`);
  await page.fill('#email', owner.email);
  await page.fill('#password', owner.password);
  await page.click('main button');
  await page.waitForURL(`${desk.url}/`);
}

// What keeps the pages of the waiting room up to date.
const STREAM = /\/events(\?|$)/;

const phone = { viewport: { width: 360, height: 740 }, hasTouch: true };

async function join(page, queue, name) {
  await page.goto(`${desk.url}/rooms`);
  await page.goto(`${desk.url}/rooms/${queue}`);
  await page.fill('#name', name);
  await page.fill('#email', `${name.toLowerCase()}@students.example`);
  await page.click('main form button');
  await page.waitForURL(/\/q\//);
}

test('students join, watch their place, are called and come, while two advisors work and the server restarts', async () => {
  const people = {};
  for (const name of ['Ada', 'Ben', 'Chi']) {
    const page = await open(await chrome.newContext(phone), { errors: /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY|502|ERR_CONNECTION_RESET/, asks: [STREAM] });
    await join(page, queue, name);
    people[name] = page;
  }
  const { Ada, Ben, Chi } = people;
  await Chi.waitForSelector('.place:has-text("3rd")');
  assert.match(await Chi.title(), /^\(#3\) Advising/);
  assert.equal(await axeFinds(Chi), '');
  // the room leads back to the place
  await Ben.goto(`${desk.url}/rooms/${queue}`);
  await Ben.click('text=Show my place');
  await Ben.waitForURL(/\/q\//);

  const kim = await open(await chrome.newContext(), { errors: /ERR_|Failed to load/, asks: [STREAM, /\/places\/\d+\/steps$/, /\/board\/\d+$/] });
  await signIn(kim);
  await kim.goto(`${desk.url}/board/${queue}`);
  await kim.waitForSelector('text=connected, updated');
  await kim.keyboard.press('n');
  await kim.waitForSelector('.toast:has-text("Called")');
  await Ada.waitForSelector('h2:has-text("It is your turn")');
  assert.equal(await Ada.title(), 'Your turn');
  assert.match(await Ada.textContent('[data-place-assertive]'), /your turn/);
  assert.equal(await axeFinds(Ada), '');
  await Chi.waitForSelector('.place:has-text("2nd")');
  assert.match(await Chi.textContent('[data-place-polite]'), /You moved up from 3 to 2/);
  await Ada.click('text=I’m coming');
  await kim.waitForSelector('tr.is-called .tag:has-text("coming")');

  // a second advisor at the same time: the next student, not the same
  const noor = { email: 'noor@example.org', password: 'another quiet lamp' };
  assert.equal(desk.run(['user', 'add', noor.email, '--name', 'Noor', '--role', 'staff', '--password-stdin'], `${noor.password}\n`).status, 0);
  const second = await open(await chrome.newContext(), { errors: /ERR_|Failed to load/, asks: [STREAM, /\/places\/\d+\/steps$/, /\/board\/\d+$/] });
  await second.goto(`${desk.url}/sign-in`);
  await second.fill('#email', noor.email);
  await second.fill('#password', noor.password);
  await second.click('main button');
  await second.waitForURL(`${desk.url}/`);
  await second.goto(`${desk.url}/board/${queue}`);
  await second.click('text=Call next');
  await second.waitForSelector('.toast:has-text("Ben")');
  await Ben.waitForSelector('h2:has-text("It is your turn")');
  // both see both
  await kim.waitForSelector('tr.is-called:has-text("Noor")');

  // the server goes away in the middle, and everybody finds back by themselves
  await desk.stop();
  await Chi.waitForSelector('text=reconnecting');
  await desk.start();
  await Chi.waitForSelector('text=connected, updated', { timeout: 40000 });
  await kim.waitForSelector('text=connected, updated', { timeout: 40000 });
  await kim.click('tr.is-called:has-text("Ada") button:has-text("Start")');
  await Ada.waitForSelector('text=You are with', { timeout: 40000 });
  await kim.click('tr.is-serving:has-text("Ada") button:has-text("Done")');
  await Ada.waitForSelector('.place:has-text("Done")');
  // done by mistake: undone
  await kim.click('.toast button:has-text("Undo")');
  await Ada.waitForSelector('text=You are with');
  await kim.click('tr.is-serving:has-text("Ada") button:has-text("Done")');

  // a stale click is told who was faster
  const version = await kim.getAttribute('tr.is-called:has-text("Ben") form input[name=version]', 'value');
  await second.click('tr.is-called:has-text("Ben") summary');
  await second.click('tr.is-called:has-text("Ben") button:has-text("No-show")');
  await Ben.waitForSelector('.place:has-text("Missed")');
  const late = await kim.evaluate(async ([version, id]) => {
    const answer = await fetch(`/places/${id}/steps`, { method: 'POST', body: new URLSearchParams({ step: 'start', version }) });
    return answer.text();
  }, [version, (await api.read(`/api/v1/queuers?queue_id=${queue}&state=no_show`)).queuers[0].id]);
  assert.match(late, /did not come since .* by Noor/);
  await Ben.click('text=Take my place again');
  await Ben.waitForSelector('.place:has-text("1st")');
  await Chi.waitForSelector('.place:has-text("2nd")');
  assert.match(await Chi.textContent('[data-place-polite]'), /has come back/);

  // leaving is asked for, and can be taken back
  await Chi.click('summary:has-text("Leave the line")');
  await Chi.click('text=Yes, leave');
  await Chi.waitForSelector('.place:has-text("Left")');
  await Chi.click('text=Take my place again');
  await Chi.waitForSelector('.place:has-text("2nd")');
  for (const page of [Ada, Ben, Chi, kim, second]) {
    await page.context().close();
  }
});

test('the whole flow without JavaScript', async () => {
  const plain = await addQueue('Plain');
  const context = await chrome.newContext({ ...phone, javaScriptEnabled: false });
  const page = await open(context, { errors: /404|409|422/ });
  await page.goto(`${desk.url}/rooms/${plain}`);
  await page.fill('#name', 'Eve');
  await page.click('main form button');
  await page.waitForSelector('#email-error');
  assert.equal(await page.inputValue('#name'), 'Eve');
  await page.fill('#email', 'eve@students.example');
  await page.click('main form button');
  await page.waitForSelector('.place:has-text("1st")');
  assert.match(await page.content(), /<noscript><meta http-equiv="refresh" content="5">/);

  // From here on the page of the student reloads itself; reloading it too would meet that.
  const desktop = await chrome.newContext({ javaScriptEnabled: false });
  const kim = await open(desktop);
  await signIn(kim);
  await kim.goto(`${desk.url}/board/${plain}`);
  await kim.click('text=Go on duty');
  await kim.click('text=Call next');
  await kim.waitForSelector('.toast:has-text("Eve")');
  await page.click('text=I need 5 minutes');
  await page.waitForSelector('.place:has-text("Away")');
  await page.click('text=I am back');
  await page.waitForSelector('.place:has-text("1st")');
  await kim.reload();
  await kim.click('text=Call next');
  await page.click('text=I’m coming');
  await kim.reload();
  await kim.click('text=Start');
  await kim.click('text=Done');
  await kim.click('.toast button');
  await kim.waitForSelector('.toast:has-text("Taken back")');
  await kim.click('text=Done');
  await page.waitForSelector('.place:has-text("Done")');
  // a walk-in, moved to another line, told something, closed out
  await kim.fill('#name', 'Walter');
  await kim.fill('#number', 'W1');
  await kim.click('text=Add to the line');
  const link = await kim.getAttribute('.toast a', 'href');
  await page.goto(link);
  await page.waitForSelector('.place:has-text("1st")');
  await kim.fill('#text', 'Please bring your card.');
  await kim.click('text=Tell them');
  await page.waitForSelector('text=Please bring your card.');
  await kim.click('#live tbody summary');
  await kim.selectOption('#live details[open] select', { label: 'Advising' });
  await kim.click('#live details[open] button:has-text("Move")');
  await page.waitForSelector('h1:has-text("Advising")');
  await kim.goto(`${desk.url}/board/${queue}`);
  await kim.fill('#message', 'The day is over, come tomorrow.');
  await kim.click('button:has-text("Close out")');
  await kim.waitForSelector('.toast:has-text("Closed out")');
  await page.waitForSelector('text=The day is over, come tomorrow.');
  await page.goto(`${desk.url}/rooms/${queue}`);
  await page.waitForSelector('text=This line is closed. The day is over');
  await page.goto(`${desk.url}/q/nonsense`);
  await page.waitForSelector('h1:has-text("This link leads to no place")');
  await kim.goto(`${desk.url}/board/${queue}`);
  await kim.selectOption('#state', 'open');
  await kim.click('text=Set intake');
  await kim.waitForSelector('.toast:has-text("takes students in")');
  await context.close();
  await desktop.close();
});

test('what is being written on the board is not taken away', async () => {
  const busy = await addQueue('Busy');
  const student = (name) => fetch(`${desk.url}/api/v1/queuers`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ queue_id: busy, student: { name, email: `${name}@busy.example` } }) });
  await student('one');
  const page = await open(await chrome.newContext(), { asks: [STREAM] });
  await signIn(page);
  await page.goto(`${desk.url}/board/${busy}`);
  await page.waitForSelector('text=connected, updated');
  await page.click('#live tbody summary');
  await page.fill('#live details[open] input[name=note]', 'half a no');
  await student('two');
  await until(async () => /\(2\)|\(1\)/.test(await page.title()), 'the title');
  await page.type('#live details[open] input[name=note]', 'te');
  assert.equal(await page.inputValue('#live details[open] input[name=note]'), 'half a note');
  await page.click('h1');
  await page.waitForSelector('#live tbody tr:has-text("two")');
  await page.context().close();
});

test('streams of staff end at sign-out', async () => {
  const page = await open(await chrome.newContext(), { errors: /401|303/ });
  await signIn(page);
  const cookies = await page.context().cookies();
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
  const stream = await fetch(`${desk.url}/board/${queue}/events`, { headers: { cookie } });
  const reader = stream.body.getReader();
  const decoder = new TextDecoder();
  for (let text = ''; !text.includes('Call next'); ) text += decoder.decode((await reader.read()).value, { stream: true });
  await page.click('.side-foot summary');
  await page.click('button:has-text("Sign out")');
  await page.waitForURL(/sign-in/);
  const ended = (async () => { for (;;) if ((await reader.read()).done) return true; })();
  assert.ok(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000, false))]), 'the stream goes on');
  await page.context().close();
});

test('a page of a student weighs at most 30 kB', async () => {
  const light = await addQueue('Light');
  const context = await chrome.newContext(phone);
  const page = await open(context, { asks: [STREAM] });
  await join(page, light, 'Liv');
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  let weight = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => (weight += encodedDataLength));
  await page.goto(page.url());
  await page.waitForSelector('text=connected, updated');
  console.log(`the status page weighs ${weight} bytes`);
  assert.ok(weight > 5000 && weight < 30000, `${weight} bytes`);
  await context.close();
});

seenInEveryWay(
  'with the demo loaded, no page has a finding of axe',
  async () => {
    const demo = await frontdesk();
    await demo.stop();
    const loaded = demo.run(['demo']);
    assert.equal(loaded.status, 0, loaded.stderr);
    assert.match(demo.run(['demo']).stderr, /in use/);
    await demo.start();
    const api = await staff(demo.url);
    const { queuers } = await api.read('/api/v1/queuers?state=waiting&_limit=1');
    const student = queuers[0];
    const { token } = await (await api.send('/api/v1/queuers', 'POST', { queue_id: student.queue_id, student_id: student.student_id })).json();
    const { token: called } = await (await api.send('/api/v1/queuers', 'POST', { queue_id: 6, student: { name: 'Zoe', email: 'zoe@students.example' } })).json();
    await api.send('/api/v1/queues/6/calls', 'POST', {});
    const paths = ['/rooms', '/rooms/1', '/rooms/6', `/q/${token}`, `/q/${called}`, '/q/nothing', '/board', '/board/1', '/board/1?who=mine', '/board/6', '/board/1/display', '/board/1/statistics',
      `/places/${student.id}`, `/students/${student.student_id}/visits`, '/directory', '/directory/students', '/directory/students?_q=nobody', '/directory/students/1', '/directory/queues/1', '/directory/faqs/new', '/directory/students/import'];
    return { demo, api, paths, named: (path) => path.replace(token, 'token').replace(called, 'called').replace(/\W+/g, '_') };
  },
  async ({ demo, api, paths, named }, settings, way) => {
    const context = await signedIn(chrome, demo.url, api, settings);
    const page = await open(context, { errors: /404|401/, asks: [STREAM] });
    for (const path of paths) {
      await page.goto(demo.url + path);
      const menu = page.locator('#live tbody summary').first();
      if (path === '/board/1' && await menu.count()) await menu.click();
      await isFit(page, path, `rooms${named(path)}-${way}`);
      if (path.startsWith('/q/') || path.startsWith('/rooms')) {
        const small = await page.evaluate(() => [...document.querySelectorAll('button, [role=button], summary, select, main input')].filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 44).map((one) => one.outerHTML.slice(0, 80)));
        assert.deepEqual(small, [], `${path}: targets below 44 px`);
      }
    }
    await context.close();
  },
);
