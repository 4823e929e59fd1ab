// Updates in a real browser: written, seen beside the form, kept, scheduled, published; read by visitors and by those who wait.
import assert from 'node:assert';
import { before } from 'node:test';
import { browser, frontdesk, isFit, owner, page as open, seenInEveryWay, signedIn, staff, test } from './support.mjs';

let desk, chrome, api;

before(async () => {
  desk = await frontdesk();
  api = await staff(desk.url);
  chrome = await browser();
});

// What the editor asks for: the text as visitors will see it, and that it is kept.
const EDITOR = [/\/updates\/edit\/preview$/, /\/updates\/edit\/\w+\/kept$/];

const visit = async (path, settings = {}) => {
  const context = await chrome.newContext(settings);
  const page = await open(context, { errors: /404/ });
  await page.goto(desk.url + path);
  return page;
};

test('an update is written, seen beside the form, kept, scheduled and published', async () => {
  const context = await signedIn(chrome, desk.url, api, { timezoneId: 'America/New_York' });
  const page = await open(context, { asks: EDITOR });
  await page.goto(`${desk.url}/updates/edit`);
  await page.click('.empty >> text=Write an update');
  assert.equal(await page.inputValue('#timezone'), 'America/New_York', 'the zone of whoever writes');
  await page.fill('#body', '# Hours\n\nOpen until **20:00**. <script>document.title = "bad"</script>');
  await page.waitForSelector('#preview h2:has-text("Hours")');
  assert.equal(await page.innerHTML('#preview strong'), '20:00');
  await page.fill('#title', 'Exam week');
  await page.waitForSelector('[data-kept]:has-text("Saved as a draft")');
  await page.waitForURL(/\/updates\/edit\/\d+$/);
  const address = page.url();

  // Somebody closes the page without saving: nothing is lost.
  const again = await open(context, { asks: EDITOR });
  await page.close();
  await again.goto(address);
  assert.equal(await again.inputValue('#title'), 'Exam week');
  assert.match(await again.inputValue('#body'), /Open until/);
  assert.notEqual(await again.title(), 'bad');
  await (await visit('/updates/exam-week')).waitForSelector('h1:has-text("no update here")');

  await again.check('[name=when][value=later]');
  await again.fill('#at', '2030-06-03T09:00');
  await again.click('main form .btn-main');
  await again.waitForSelector('.head-facts:has-text("3 June 2030, 09:00 America/New_York")');
  assert.equal((await api.read('/api/v1/updates')).updates[0].publish_at, '2030-06-03T13:00:00.000Z');

  await again.check('[name=when][value=now]');
  await again.click('main form .btn-main');
  await again.waitForSelector('.toast:has-text("Visitors see it now")');
  await (await visit('/updates/exam-week')).waitForSelector('.article strong:has-text("20:00")');

  // Changes of a published one are kept beside it until they are saved.
  await again.fill('#body', 'Open until **21:00**.');
  await again.waitForSelector('[data-kept]:has-text("visitors see it once you save")');
  await again.reload();
  await again.waitForSelector('.notice:has-text("not published")');
  assert.equal(await again.inputValue('#body'), 'Open until **21:00**.');
  await (await visit('/updates/exam-week')).waitForSelector('.article strong:has-text("20:00")');
  await again.click('main form .btn-main');
  await again.waitForSelector('.toast:has-text("Visitors see it now")');
  await (await visit('/updates/exam-week')).waitForSelector('.article strong:has-text("21:00")');
  await context.close();
});

test('two who write at once: nothing is overwritten without a word', async () => {
  await api.send('/api/v1/updates', 'POST', { title: 'Both', body: 'one', draft: false });
  const id = (await api.read('/api/v1/updates?slug=both')).updates[0].id;
  const context = await signedIn(chrome, desk.url, api);
  const [one, other] = [await open(context, { asks: EDITOR }), await open(context, { asks: EDITOR, errors: /412|422/ })];
  for (const page of [one, other]) await page.goto(`${desk.url}/updates/edit/${id}`);
  await one.fill('#title', 'Both of us');
  await one.click('main form .btn-main');
  await one.waitForSelector('.toast:has-text("Saved")');
  await other.fill('#body', 'mine');
  await other.waitForSelector('[data-kept]:has-text("somebody changed it meanwhile")');
  await other.click('main form .btn-main');
  await other.waitForSelector('.notice:has-text("somebody changed it meanwhile")');
  assert.equal(await other.inputValue('#body'), 'mine');
  await other.click('main form .btn-main');
  await other.waitForSelector('.toast:has-text("Saved")');
  assert.equal((await api.read(`/api/v1/updates/${id}`)).body, 'mine');
  await context.close();
});

test('saving while it is being kept saves what was typed last', async () => {
  const context = await signedIn(chrome, desk.url, api);
  const page = await open(context, { asks: EDITOR });
  await page.goto(`${desk.url}/updates/edit/new`);
  let kept = 0;
  await page.route(/\/kept$/, async (route) => {
    kept += 1;
    await new Promise((done) => setTimeout(done, 500));
    await route.continue();
  });
  const asked = page.waitForRequest(/\/kept$/);
  await page.fill('#title', 'Quick');
  await asked;
  await page.fill('#body', 'the last words');
  await page.click('main form .btn-main');
  await page.waitForSelector('.toast:has-text("Saved as a draft")');
  assert.equal(kept, 1);
  const { updates } = await api.read('/api/v1/updates?title=Quick');
  assert.deepEqual(updates.map(({ body }) => body), ['the last words'], 'one, with all that was typed');
  await context.close();
});

test('long texts are kept, and texts that are typed without a pause', async () => {
  const context = await signedIn(chrome, desk.url, api);
  const page = await open(context, { asks: EDITOR });
  await page.goto(`${desk.url}/updates/edit/new`);
  await page.fill('#title', 'Long');
  await page.fill('#body', 'слово '.repeat(9000));
  await page.waitForSelector('[data-kept]:has-text("Saved as a draft")');
  assert.equal((await api.read('/api/v1/updates?title=Long')).updates[0].body.length, 54000);
  let typing = true;
  const whileTyping = page.waitForRequest((request) => request.url().endsWith('/kept') && typing);
  await page.fill('#body', '');
  for (let i = 0; i < 300 && typing; i++) {
    await page.locator('#body').pressSequentially('x');
    typing = !(await Promise.race([whileTyping.then(() => true), page.waitForTimeout(20)]));
  }
  await whileTyping;
  await context.close();
});

test('an answer that nobody can read stops neither keeping nor saving', async () => {
  const context = await signedIn(chrome, desk.url, api);
  const page = await open(context, { asks: EDITOR });
  await page.goto(`${desk.url}/updates/edit/new`);
  await page.route(/\/kept$/, (route) => route.fulfill({ status: 200, body: 'not what was asked for' }));
  await page.fill('#title', 'Unread');
  await page.waitForSelector('[data-kept]:has-text("no answer")');
  await page.click('main form .btn-main');
  await page.waitForSelector('.toast:has-text("Saved as a draft")');
  assert.equal((await api.read('/api/v1/updates?title=Unread')).count, 1);
  await context.close();
});

test('what is written after the session ended is back once its writer has signed in', async () => {
  const context = await signedIn(chrome, desk.url, api);
  const page = await open(context, { asks: EDITOR, errors: /401/ });
  await page.goto(`${desk.url}/updates/edit/new`);
  await page.fill('#title', 'Interrupted');
  await page.waitForURL(/\/updates\/edit\/\d+$/);
  const address = page.url();
  await context.clearCookies();
  await page.fill('#body', '**Not lost**');
  await page.waitForSelector('[data-kept]:has-text("you are signed out")');
  await page.click('main form .btn-main');
  await page.waitForSelector('#password');
  await page.fill('#email', owner.email);
  await page.fill('#password', owner.password);
  await page.click('main button');
  await page.waitForURL(address);
  assert.equal(await page.inputValue('#body'), '**Not lost**');
  await page.waitForSelector('#preview strong:has-text("Not lost")');
  await page.waitForSelector('[data-kept]:has-text("Saved as a draft")');
  await context.close();
});

test('without JavaScript: looked at, saved, published, deleted and brought back', async () => {
  const context = await signedIn(chrome, desk.url, api, { javaScriptEnabled: false });
  const page = await open(context, { errors: /422/ });
  await page.goto(`${desk.url}/updates/edit/new`);
  await page.fill('#body', 'Bring **the form**.');
  await page.click('main form [name=preview]');
  await page.waitForSelector('#preview strong:has-text("the form")');
  await page.fill('#title', 'What to bring');
  await page.check('[name=when][value=later]');
  await page.click('main form .btn-main');
  await page.waitForSelector('#at-error');
  await page.check('[name=when][value=now]');
  await page.check('[name=pinned]');
  await page.click('main form .btn-main');
  await page.waitForSelector('.toast:has-text("Visitors see it now")');
  await page.click('text=Delete this update');
  await page.waitForSelector('.toast:has-text("can be restored")');
  await page.click('[aria-label="Restore What to bring"]');
  await page.waitForSelector('.toast:has-text("It is back")');
  const visitor = await visit('/updates', { javaScriptEnabled: false });
  await visitor.click('text=What to bring');
  await visitor.waitForSelector('.article strong:has-text("the form")');
  await visitor.click('text=All updates');
  await visitor.waitForSelector('h1:has-text("Updates")');
  await context.close();
});

test('a student who waits is told what is pinned, while the page is open', async () => {
  const send = async (path, body) => (await api.send(path, 'POST', body)).json();
  const college = await send('/api/v1/colleges', { name: 'Law' });
  const queue = await send('/api/v1/queues', { title: 'Help', college_id: college.id });
  const place = await send('/api/v1/queuers', { queue_id: queue.id, student: { name: 'Bo', email: 'bo@example.org' } });
  const context = await chrome.newContext();
  const page = await open(context, { asks: [/\/q\/.*\/events$/] });
  await page.goto(place.status_url.replace(/^http:\/\/[^/]+/, desk.url));
  await page.waitForSelector('b:has-text("1st")');
  await api.send('/api/v1/updates', 'POST', { title: 'Room 12', body: 'Upstairs.', pinned: true, draft: false });
  await page.waitForSelector('.pinned a:has-text("Room 12")', { timeout: 25000 });
  await page.click('.pinned a:has-text("Room 12")');
  await page.waitForSelector('h1:has-text("Room 12")');
  await context.close();
});

seenInEveryWay(
  'no page of updates has a finding of axe',
  async () => {
    const body = '# Who is there\n\nEverybody, **until 20:00**.\n\n- one\n- two\n\n> Come early.\n\n| day | hours |\n|---|---|\n| Mon | 9–20 |\n\n```\ncode\n```\n[More](/rooms)';
    const made = await api.send('/api/v1/updates', 'POST', { title: 'Longer hours in exam week, all rooms', body, tags: ['exams', 'hours'], draft: false });
    const longer = await made.json();
    await api.send('/api/v1/updates', 'POST', { title: 'Summer', body: 'Later.', draft: false, publish_at: '2031-01-01T00:00:00Z' });
    const own = ['', '/new', `/${longer.id}`, `/${longer.id}/preview`].map((rest) => `/updates/edit${rest}`);
    return ['/updates', `/updates/${longer.slug}`, '/updates?tag=exams', '/updates/nothing-here', ...own];
  },
  async (paths, settings, shot) => {
    const context = await signedIn(chrome, desk.url, api, settings);
    for (const path of paths) {
      const page = await open(context, { asks: EDITOR, errors: /404/ });
      await page.goto(desk.url + path);
      await isFit(page, path, `updates${path.replace(/\W/g, '-')}-${shot}`);
      await page.close();
    }
    await context.close();
  },
);
