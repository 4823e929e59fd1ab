// A Frontdesk and a browser for one test file.
import assert from 'node:assert';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test as nodeTest } from 'node:test';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const program = process.env.FRONTDESK_BIN || new URL('../target/debug/frontdesk', import.meta.url).pathname;
export const owner = { email: 'kim@example.org', password: 'a quiet green lamp' };

const PATIENCE = 120; // seconds that a test may take, beside whatever else the machine does
const FAREWELL = 30; // seconds in which everything that a file started must have ended

/** Rejects with what took too long; what is waited for goes on. */
async function within(seconds, work, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${seconds} s: ${what}`)), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Pages that were opened and not closed, with what went wrong on each.
const watched = new Set();

/**
 * A test with a limit of its own: one that hangs fails by its name, and the others go on. It fails too by what went wrong
 * on a page while it ran, whatever else it looked at.
 */
export const test = (name, body) =>
  nodeTest(name, async () => {
    await within(PATIENCE, body(), name);
    const wrong = [...watched].flatMap((page) => page.wrong.splice(0));
    for (const page of watched) if (page.isClosed()) watched.delete(page);
    assert.deepEqual(wrong, [], 'what went wrong on a page');
  });

// What a test file started is ended when the file is done, however that went: a process or a socket that is left
// keeps the file from ever ending. What does not end, as a browser that lost its page, goes with the process.
const started = [];
const ended = (one) => (started.push(one), one);
after(async () => {
  let all = true;
  for (const one of started.reverse()) {
    try {
      await within(FAREWELL, one.close(), 'the end of what the file started');
    } catch (error) {
      all = false;
      console.error(error);
    }
  }
  if (!all) setTimeout(() => process.exit(1), 1000);
});

/** A free port of this machine. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

let databases = 0;
function database(folder) {
  if (process.env.DATABASE_KIND !== 'postgres') return `sqlite:${join(folder, 'test.db')}`;
  const name = `e2e_${process.pid}_${databases++}`;
  const made = spawnSync('psql', [`${process.env.TEST_POSTGRES}/postgres`, '-qc', `CREATE DATABASE ${name}`], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(made.stderr);
  return `${process.env.TEST_POSTGRES}/${name}`;
}

/** Starts the program with an owner; `run` is its command line. */
export async function frontdesk(settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'frontdesk-e2e-'));
  const port = await freePort();
  const env = { PATH: process.env.PATH, PORT: String(port), DATABASE_URL: database(folder), FRONTDESK_DATA_DIR: folder, FRONTDESK_RATE_LIMIT: 'off', ...settings };
  const run = (args, input) => spawnSync(program, args, { env, input, encoding: 'utf8', maxBuffer: 1 << 28 });
  const added = run(['user', 'add', owner.email, '--name', 'Kim', '--role', 'owner', '--password-stdin'], owner.password + '\n');
  if (added.status !== 0) throw new Error(added.stderr);
  let child;
  const start = async () => {
    child = spawn(program, [], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    for await (const line of createInterface({ input: child.stderr })) if (line.includes('is at http')) break;
    child.stderr.resume();
    await until(() => {
      if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}`);
      return fetch(`http://127.0.0.1:${port}/healthz`).catch(() => null);
    }, 'the program answers');
  };
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const patience = setTimeout(() => child.kill('SIGKILL'), 20000);
    await gone;
    clearTimeout(patience);
  };
  const close = async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const desk = ended({ url: `http://127.0.0.1:${port}`, port, run, start, stop, close });
  await start();
  return desk;
}

/** Signs in and returns a function that reads JSON as staff. */
export async function staff(url) {
  const form = new URLSearchParams({ email: owner.email, password: owner.password });
  const answer = await fetch(`${url}/sign-in`, { method: 'POST', body: form, headers: { Origin: url }, redirect: 'manual' });
  const cookie = answer.headers.getSetCookie().find((text) => text.startsWith('frontdesk=')).split(';')[0];
  const read = async (path) => (await fetch(url + path, { headers: { cookie } })).json();
  const send = (path, method, body) => fetch(url + path, { method, headers: { cookie, Origin: url, 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const text = async (path) => (await fetch(url + path, { headers: { cookie } })).text();
  return { read, send, text, cookie };
}

export async function browser() {
  const quiet = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];
  return ended(await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: quiet }));
}

/** Serves what `answer` says, at an address of its own. */
export async function serve(answer) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return ended({ port: server.address().port, close });
}

const accepts = (incoming) => (incoming.headers.accept ?? '').includes('text/html');
// What a proxy shows when the program behind it is down.
const page503 = '<!doctype html><title>503</title><h1>Service unavailable</h1><p>Please come back later.</p>';

/** Stands before a Frontdesk, notes in `answers` what that answered, and misbehaves as `mood` says for POST /add. */
export async function proxyBefore(target) {
  const state = { mood: () => 'pass', seen: 0, answers: [] };
  const { port } = await serve((incoming, outgoing) => {
    const isAdd = incoming.url.startsWith('/add') && incoming.method === 'POST';
    const mood = isAdd ? state.mood(state.seen++) : 'pass';
    if (mood === 'drop') return incoming.socket.destroy();
    const cors = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Retry-After', 'Content-Type': 'application/json' };
    if (mood === 429) return void incoming.resume().on('end', () => outgoing.writeHead(429, { ...cors, 'Retry-After': '1' }).end('{}'));
    if (mood === 503) {
      const answer = accepts(incoming) ? [page503, 'text/html'] : ['{}', 'application/json'];
      return void incoming.resume().on('end', () => outgoing.writeHead(503, { ...cors, 'Retry-After': '1', 'Content-Type': answer[1] }).end(answer[0]));
    }
    if (mood === 500) return void incoming.resume().on('end', () => outgoing.writeHead(500, cors).end('{}'));
    const onward = request({ port: target, host: '127.0.0.1', path: incoming.url, method: incoming.method, headers: incoming.headers }, (answer) => {
      state.answers.push({ method: incoming.method, path: incoming.url, status: answer.statusCode, location: answer.headers.location ?? '' });
      // The entry is stored, but the page is not told.
      if (mood === 'lose') return void answer.resume().on('end', () => incoming.socket.destroy());
      const pass = () => {
        outgoing.writeHead(answer.statusCode, answer.headers);
        answer.pipe(outgoing);
      };
      if (mood === 'slow') setTimeout(pass, 700);
      else pass();
    });
    onward.on('error', () => incoming.socket.destroy());
    incoming.pipe(onward);
  });
  return Object.assign(state, { url: `http://127.0.0.1:${port}` });
}

// What a page loads because its markup says so. The policy keeps it to this server, and its console tells what that stopped.
const MARKUP = ['document', 'stylesheet', 'script', 'image', 'font'];
const ICON = /^data:|\/favicon\.svg$/;

/**
 * Opens a page that fails its test by an error in its console and by a request of its scripts that nobody expected.
 * `errors` matches the errors that are expected; `asks` are patterns of the addresses that its scripts may ask.
 */
export async function page(context, { errors = /^$/, asks = [] } = {}) {
  const page = await context.newPage();
  page.wrong = [];
  watched.add(page);
  page.on('pageerror', (error) => page.wrong.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !errors.test(message.text())) page.wrong.push(`${message.text()} at ${message.location().url}`);
  });
  page.on('request', (request) => {
    const [type, url] = [request.resourceType(), request.url()];
    if (MARKUP.includes(type) || ICON.test(url) || asks.some((pattern) => pattern.test(url))) return;
    page.wrong.push(`${page.url()} asked ${request.method()} ${url} (${type})`);
  });
  return page;
}

/** A browser in which `api`, of `staff`, is signed in, without a sign-in that counts. */
export async function signedIn(chrome, url, api, settings = {}) {
  const context = await chrome.newContext(settings);
  const [name, value] = api.cookie.split('=');
  await context.addCookies([{ name, value, url, httpOnly: true, sameSite: 'Lax' }]);
  return context;
}

/** A test for each way in which a page may be seen: three widths, light and dark. What they share is prepared by the first. */
export function seenInEveryWay(name, prepare, look) {
  let prepared;
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 768, 1280]) {
      const settings = { colorScheme, viewport: { width, height: 800 } };
      test(`${name}, at ${width} px, ${colorScheme}`, async () => look(await (prepared ??= prepare()), settings, `${width}-${colorScheme}`));
    }
  }
}

/** Fails by what axe finds on a page, and by one that scrolls sideways. With SHOTS it is photographed too. */
export async function isFit(page, path, shot) {
  assert.equal(await axeFinds(page), '', path);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${path} scrolls sideways by ${overflow} px`);
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${shot}.png`, fullPage: true });
}

/** What axe finds on a page, as text; empty when it finds nothing. */
export async function axeFinds(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  return found.violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.slice(0, 3).map((n) => `    ${n.html.slice(0, 160)} ${n.any.map((a) => a.message).join('; ')}`).join('\n')}`).join('\n');
}

/** Waits until `look` gives something true, and returns it. */
export async function until(look, what, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
