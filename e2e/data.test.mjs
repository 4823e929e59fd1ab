// Real data: files of the package vega-datasets are imported, filtered and exported, and a page in a browser sends
// some of it through the snippet. The counts are those of a script that reads the files itself.
import assert from 'node:assert';
import { readFileSync, writeFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before } from 'node:test';
import { browser, frontdesk, page as open, staff, test, until } from './support.mjs';

const folder = new URL('node_modules/vega-datasets/data', import.meta.url).pathname;
const movies = JSON.parse(readFileSync(join(folder, 'movies.json'), 'utf8'));
const lines = (name) => readFileSync(join(folder, name), 'utf8').trim().split(/\r?\n/);

/** Reads CSV without looking at Frontdesk's: quotes and commas, no line breaks inside cells in these files. */
function table(name) {
  const rows = lines(name).map((line) => [...line.matchAll(/("([^"]|"")*"|[^,]*)(,|$)/g)].slice(0, -1).map(([, cell]) => cell.replace(/^"|"$/g, '').replace(/""/g, '"')));
  const [header, ...body] = rows.map((row) => row.slice(0, rows[0].length));
  return body.map((row) => Object.fromEntries(header.map((key, i) => [key, row[i] ?? ''])));
}

let desk, api;
before(async () => {
  desk = await frontdesk({ FRONTDESK_LIST_BUDGET_MS: '10000' });
  api = await staff(desk.url);
  for (const [file, name] of [['movies.json', 'movies'], ['github.csv', 'github'], ['birdstrikes.csv', 'birdstrikes']]) {
    const done = desk.run(['import', join(folder, file), '--collection', name]);
    assert.equal(done.status, 0, done.stderr);
  }
});

const count = async (query) => (await api.read(`/list?${query}&_limit=1&_count=exact`)).count;

test('every row is there', async () => {
  assert.equal(await count('_collection=movies'), movies.length);
  assert.equal(await count('_collection=github'), lines('github.csv').length - 1);
  assert.equal(await count('_collection=birdstrikes'), lines('birdstrikes.csv').length - 1);
  const again = desk.run(['import', join(folder, 'movies.json'), '--collection', 'movies']);
  assert.match(again.stderr, /^0 stored, \d+ known already, 0 refused/m);
});

test('filters agree with a script that reads the files', async () => {
  const number = (value) => (typeof value === 'number' ? value : typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? +value : NaN);
  for (const [query, holds] of [
    ['IMDB+Rating__gte=8', (m) => number(m['IMDB Rating']) >= 8],
    ['Major+Genre=Comedy', (m) => m['Major Genre'] === 'Comedy'],
    ['Major+Genre__null=1', (m) => m['Major Genre'] === null],
    ['Title__type=number', (m) => typeof m.Title === 'number'],
    ['Title=300', (m) => m.Title === 300 || m.Title === '300'],
    ['Title__contains=love', (m) => typeof m.Title === 'string' && m.Title.toLowerCase().includes('love')],
    ['Director__empty=1', (m) => m.Director === null || m.Director === '' || m.Director === undefined],
    ['US+Gross__between=1000000,2000000', (m) => number(m['US Gross']) >= 1e6 && number(m['US Gross']) <= 2e6],
    ['Major+Genre__not=Drama&IMDB+Votes__gt=100000', (m) => m['Major Genre'] !== 'Drama' && number(m['IMDB Votes']) > 1e5],
    ['_or.Distributor__starts=warner&_or.Distributor__ends=universal', (m) => /^warner|universal$/i.test(m.Distributor ?? '')],
  ]) {
    assert.equal(await count(`_collection=movies&${query}`), movies.filter(holds).length, query);
  }
  const strikes = table('birdstrikes.csv');
  const columns = Object.keys(strikes[0]);
  const dates = columns.find((name) => /date/i.test(name));
  const state = columns.find((name) => /state/i.test(name));
  const cost = columns.find((name) => /cost/i.test(name) && strikes.some((s) => +s[name] > 0));
  const name = (text) => encodeURIComponent(text).replace(/%20/g, '+');
  assert.equal(await count(`_collection=birdstrikes&${name(state)}=Texas`), strikes.filter((s) => s[state] === 'Texas').length);
  assert.equal(await count(`_collection=birdstrikes&${name(cost)}__gt=0`), strikes.filter((s) => +s[cost] > 0).length);
  const days = strikes.map((s) => new Date(s[dates])).filter((d) => !isNaN(d));
  assert.equal(days.length, strikes.length);
  const commits = table('github.csv');
  assert.equal(await count('_collection=github&count__gte=10'), commits.filter((c) => +c.count >= 10).length);
});

test('exports have what was imported, and come back the same to the byte', async () => {
  for (const [name, query] of [['movies', ''], ['github', ''], ['birdstrikes', '']]) {
    const first = desk.run(['export', '--collection', name, ...(query ? [query] : [])]);
    assert.equal(first.status, 0, first.stderr);
    const other = await frontdesk();
    const file = join(mkdtempSync(join(tmpdir(), 'frontdesk-data-')), `${name}.csv`);
    writeFileSync(file, first.stdout);
    const done = other.run(['import', file, '--collection', name]);
    assert.equal(done.status, 0, done.stderr);
    assert.ok(other.run(['export', '--collection', name]).stdout === first.stdout, `${name} is the same`);
  }
  const titles = (await api.text('/csv?_collection=movies&_fields=Title&_format=ndjson')).trim().split('\n').map((line) => JSON.parse(line).data.Title ?? null);
  assert.deepEqual(titles.reverse(), movies.map((m) => m.Title ?? null));
});

/** Reads a table as RFC 4180 says, tabs too: rows of cells. */
function cells(text, delimiter) {
  const rows = [[]];
  let [cell, quoted] = ['', false];
  const end = () => rows.at(-1).push(cell) && (cell = '');
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') cell += text[i++];
      else quoted = false;
    } else if (c === '"' && cell === '') quoted = true;
    else if (c === delimiter) end();
    else if (c === '\n' || c === '\r') {
      if (c === '\r' && text[i + 1] === '\n') i++;
      end();
      rows.push([]);
    } else cell += c;
  }
  end();
  return rows.filter((row) => row.length > 1 || row[0] !== '');
}

/** Files of packages that were made by people who do not know Frontdesk, as paths in node_modules. */
const tables = [
  ...['airports.csv', 'co2-concentration.csv', 'disasters.csv', 'flights-airport.csv', 'gapminder-health-income.csv', 'global-temp.csv', 'iowa-electricity.csv',
    'la-riots.csv', 'lookup_groups.csv', 'lookup_people.csv', 'population_engineers_hurricanes.csv', 'seattle-weather.csv', 'sp500.csv', 'species.csv',
    'stocks.csv', 'unemployment.tsv', 'us-employment.csv', 'weather.csv', 'windvectors.csv'].map((file) => `vega-datasets/data/${file}`),
  ...['countries.csv', 'currencies.csv', 'languages.csv', 'deleted_countries.csv'].map((file) => `country-data/data/${file}`),
  'world-countries/dist/countries.csv',
  'periodic-table-data/src/PubChemElements_all.csv',
];
const documents = [
  ...['barley', 'budget', 'burtin', 'cars', 'driving', 'jobs', 'obesity', 'penguins', 'wheat'].map((name) => `vega-datasets/data/${name}.json`),
  ...['capital-city', 'geo-coordinates', 'languages', 'population', 'national-dish'].map((name) => `country-json/src/country-by-${name}.json`),
  'world-countries/countries.json',
];
const packages = new URL('node_modules', import.meta.url).pathname;
const named = (file) => file.replace(/\W+/g, '-').toLowerCase();

test('tables of other people go in and come out byte for byte', async () => {
  for (const file of tables) {
    const done = desk.run(['import', join(packages, file), '--collection', named(file)]);
    assert.equal(done.status, 0, done.stderr);
    const original = cells(readFileSync(join(packages, file), 'utf8').replace(/^\ufeff/, ''), file.endsWith('.tsv') ? '\t' : ',');
    const exported = cells(desk.run(['export', '--collection', named(file), '_sort=_id&_safe=0&_bom=0']).stdout, ',').map((row) => row.slice(5));
    assert.equal(exported.length, original.length, file);
    const wrong = original.findIndex((row, i) => JSON.stringify(row) !== JSON.stringify(exported[i]));
    assert.ok(wrong < 0, `${file} row ${wrong}: ${JSON.stringify(original[wrong])} became ${JSON.stringify(exported[wrong])}`);
  }
});

test('documents of other people go in and come out byte for byte', async () => {
  for (const file of documents) {
    const done = desk.run(['import', join(packages, file), '--collection', named(file)]);
    assert.equal(done.status, 0, done.stderr);
    const rows = desk.run(['export', '--collection', named(file), '--format', 'ndjson', '_sort=_id']).stdout.trim().split('\n');
    const data = rows.map((row) => JSON.stringify(JSON.parse(row).data));
    assert.deepEqual(data, JSON.parse(readFileSync(join(packages, file), 'utf8')).map((row) => JSON.stringify(row)), file);
  }
});

test('a page sends rows through the snippet', async () => {
  const chrome = await browser();
  const context = await chrome.newContext();
  const page = await open(context, { asks: [/\/add\?/] });
  await page.goto(`${desk.url}/sign-in`);
  await page.addScriptTag({ url: `${desk.url}/frontdesk.js` });
  await page.waitForFunction(() => window.frontdesk && window.frontdesk.add);
  await page.evaluate((rows) => rows.forEach((row) => frontdesk.add({ ...row, by: 'snippet' })), movies.slice(0, 120));
  await until(async () => (await count('by=snippet')) === 120, 'all rows arrive', 60);
  assert.equal(await count('by=snippet&Major+Genre=Drama'), movies.slice(0, 120).filter((m) => m['Major Genre'] === 'Drama').length);
});
