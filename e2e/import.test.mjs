// What staff see and choose when they bring files in, and what becomes of them; the same on the command line.
import assert from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { axeFinds, browser, frontdesk, owner, page as open, staff, test } from './support.mjs';

let desk, api, page;
const folder = mkdtempSync(join(tmpdir(), 'frontdesk-files-'));
after(() => rmSync(folder, { recursive: true }));

before(async () => {
  desk = await frontdesk();
  api = await staff(desk.url);
  page = await open(await (await browser()).newContext(), { errors: /409|412|422/, asks: [/\/import\/\d+/, /\/list\?/] });
  await page.goto(`${desk.url}/sign-in`);
  await page.fill('#email', owner.email);
  await page.fill('#password', owner.password);
  await page.click('main button');
  await page.waitForURL(`${desk.url}/`);
});

const data = async (collection) => (await api.read(`/list?_collection=${collection}&_sort=_id&_limit=1000`)).entries.map((entry) => entry.data);

/** Uploads a file and waits for what the page says of it. */
async function choose(name, content, collection) {
  await page.goto(`${desk.url}/import`);
  await page.fill('#collection', collection);
  await page.setInputFiles('#file', { name, mimeType: 'text/csv', buffer: Buffer.from(content) });
  await page.click('main form button');
  await page.waitForURL(/import\/\d+$/);
  await page.waitForSelector('text=/Read as|cannot be imported/');
}

const says = (text) => page.waitForSelector(`main:has-text(${JSON.stringify(text)})`);
const confirmed = async (report) => {
  await page.click('button:has-text("Import into")');
  await says(report);
};

test('what was recognised is shown with the first rows, and each part of it can be chosen', async () => {
  await choose('people.csv', Buffer.from('name;age\nJosé;5\nÜnsal;6\n', 'latin1'), 'people');
  await says('windows-1252, ";" between columns');
  assert.deepEqual(await page.locator('thead th').allTextContents(), ['name', 'age']);
  assert.deepEqual(await page.locator('tbody td').allTextContents(), ['José', '5', 'Ünsal', '6']);
  assert.equal(await axeFinds(page), '');
  for (const [option, value, text] of [
    ['delimiter', ',', '"," between columns'],
    ['header', 'no', 'without names'],
    ['quote', 'none', 'no quotes'],
    ['encoding', 'macintosh', 'macintosh'],
  ]) {
    await page.click('summary:has-text("Read it in another way")');
    await page.selectOption(`#${option}`, value);
    await page.click('details button:has-text("Look again")');
    await page.waitForURL(new RegExp(`${option}=`));
    await says(text);
  }
  await confirmed('3 stored, 0 known already, 0 refused');
  assert.equal((await data('people')).length, 3, 'the names of columns are a row now');
});

test('the list of a document is shown and can be chosen', async () => {
  const document = JSON.stringify({ meta: [{ page: 1 }], results: { rows: [{ n: 1 }, { n: 2 }] } });
  await choose('answer.json', document, 'lists');
  await says('the list "results.rows" of a JSON document');
  await page.click('summary:has-text("Read it in another way")');
  await page.selectOption('#list', 'meta');
  await page.click('details button:has-text("Look again")');
  await says('the list "meta" of a JSON document');
  await confirmed('1 stored');
  assert.deepEqual(await data('lists'), [{ page: 1 }]);
});

test('what cannot be stored is told by line before anything is', async () => {
  for (const [content, reason] of [
    ['a,b\n1,"x\n2,y\n', 'line 2: a quote is opened and never closed'],
    ['a,b\n1,2\n1,2,3\n', 'row 2, line 3: has 3 cells, but there are 2 columns'],
    ['a,b\n', 'there is no row in it'],
  ]) {
    await choose('wrong.csv', content, 'wrong');
    await says(reason);
    assert.equal(await axeFinds(page), '');
  }
  await page.click('button:has-text("Forget this file")');
  await says('It was cancelled. Nothing of it is stored.');
  assert.equal((await api.read('/api/v1/collections/wrong')).status, 404);
});

test('a version of a file is told from another file, and all of it can be stored all the same', async () => {
  const rows = Array.from({ length: 12 }, (_, n) => `Person ${n}\n`).join('');
  await choose('a.csv', `name\n${rows}`, 'versions');
  await says('None looks known');
  await confirmed('12 stored, 0 known already, 0 refused');
  await says('no earlier file is like it');
  await choose('b.csv', `name\nAda\n${rows}`, 'versions');
  await says('12 look known: it is a version of "a.csv"');
  await confirmed('1 stored, 12 known already, 0 refused');
  await choose('b.csv', `name\nAda\n${rows}`, 'versions');
  await says('13 look known: this very file was imported before');
  await page.check('input[name=rows][value=all]');
  await confirmed('13 stored, 0 known already, 0 refused');
  assert.equal((await data('versions')).length, 26);
});

test('entries of an export stay, change or come once more, as staff choose', async () => {
  await choose('a.csv', 'name,seats\nAda,1\nBen,2\n', 'again');
  await confirmed('2 stored');
  const changed = (await api.text('/csv?_collection=again&_bom=0')).replace(',Ada,1', ',Ada,9');
  const seats = async () => (await data('again')).map((entry) => entry.seats);
  for (const [choice, differ, report, now] of [
    ['skip', 1, '0 stored, 2 known already', [1, 2]],
    ['update', 1, '1 known already, 1 changed', [9, 2]],
    // an export is the newest first
    ['add', 0, '2 stored, 0 known already', [9, 2, 2, 9]],
  ]) {
    await choose(`${choice}.csv`, changed, 'again');
    await says('2 look known: ' + (choice === 'skip' ? 'it is an export, and names entries that are there' : 'this very file was imported before'));
    await says(`get the values of the file: ${differ} differ`);
    await page.check(`input[name=ids][value=${choice}]`);
    await confirmed(report);
    assert.deepEqual(await seats(), now, choice);
  }
  const { entries } = await api.read('/list?_collection=again&_sort=_id&_limit=1');
  await api.send(`/api/v1/entries/${entries[0]._id}`, 'DELETE');
  await choose('back.csv', changed, 'again');
  await says('1 of the entries that it names is deleted and would come back.');
  assert.equal(await axeFinds(page), '');
  await confirmed('0 stored, 1 known already, 1 restored, 0 refused');
});

test('a field that is a value here and an object there loses nothing, on the page, in a file and on the command line', async () => {
  const file = join(folder, 'mixed.ndjson');
  writeFileSync(file, '{"email":"ada@example.org"}\n{"email":{"x":"ben@example.org"}}\n');
  desk.run(['import', file, '--collection', 'mixed']);
  const both = (csv) => {
    const [header, ...rows] = csv.trim().split('\r\n');
    assert.deepEqual([header, ...rows.sort()], ['email,email.x', ',ben@example.org', 'ada@example.org,']);
  };
  both(desk.run(['export', '--collection', 'mixed', '_fields=email']).stdout);
  await page.goto(`${desk.url}/list?_collection=mixed&_fields=email`);
  const shown = await page.textContent('main');
  assert.match(shown, /ada@example\.org/);
  assert.match(shown, /ben@example\.org/);
  await page.click('summary:has-text("Export")');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('a[href^="/csv"]')]);
  both((await readFile(await download.path(), 'utf8')).replace(/^\ufeff/, ''));
});

test('what is pasted keeps the line breaks of its cells', async () => {
  await page.goto(`${desk.url}/import`);
  await page.fill('#collection', 'pasted');
  await page.fill('#text', 'name,note\nIda,"l1\nl2"\n');
  await page.click('main form button');
  await says('1 row');
  await confirmed('1 stored');
  assert.deepEqual(await data('pasted'), [{ name: 'Ida', note: 'l1\nl2' }]);
});

test('the command line takes the same choices, and tells the same', async () => {
  const file = join(folder, 'cli.txt');
  writeFileSync(file, Buffer.from('José|1\nAda|2\n', 'latin1'));
  const run = (...more) => desk.run(['import', file, '--collection', 'cli', '--format', 'table', '--encoding', 'windows-1252', '--delimiter', '|', '--quote', 'none', '--header', 'no', ...more]);
  assert.match(run('--dry-run').stderr, /2 stored, 0 known already/);
  assert.equal((await api.read('/list?_collection=cli')).status, 404, 'nothing is stored, nothing made');
  assert.match(run().stderr, /2 stored, 0 known already, 0 refused \(no earlier file is like it/);
  assert.deepEqual(await data('cli'), [{ column_1: 'José', column_2: 1 }, { column_1: 'Ada', column_2: 2 }]);
  assert.match(run().stderr, /0 stored, 2 known already, 0 refused \(this very file was imported before/);
  assert.match(run('--again').stderr, /2 stored, 0 known already/);
  const document = join(folder, 'cli.json');
  writeFileSync(document, '{"a":[{"n":1}],"b":[{"n":2},{"n":3}]}');
  assert.match(desk.run(['import', document, '--collection', 'cli2', '--list', 'a']).stderr, /1 stored/);
  const ours = join(folder, 'ours.csv');
  writeFileSync(ours, desk.run(['export', '--collection', 'cli2']).stdout.replace(/,1\r?\n$/, ',7\n'));
  assert.match(desk.run(['import', ours, '--collection', 'cli2', '--ids', 'update']).stderr, /1 changed/);
  assert.deepEqual(await data('cli2'), [{ n: 7 }]);
});

test('a roster: what would become of whom is shown first, and only then done', async () => {
  const upload = async (content, absent) => {
    await page.goto(`${desk.url}/directory/students/import`);
    await page.setInputFiles('#file', { name: 'roster.csv', mimeType: 'text/csv', buffer: Buffer.from(content, 'latin1') });
    if (absent) await page.check('input[name=absent]');
    await page.click('main form button');
  };
  const header = 'Student number;First name;Last name;E-mail;\n';
  await upload(`${header}S1;José;Ünsal;jose@example.org;\nS2;Ada;Byron;ada@example.org;\n`);
  await says('2 added, 0 brought up to date, 0 unchanged');
  await upload(`${header}S1;José;Ünsal;jose@example.org;\nS2;Ada;Byron;ada@example.org;\n`);
  await says('0 added, 0 brought up to date, 2 unchanged');
  await upload(`${header}S1;José;Ünsal;;\n`, true);
  await says('Nothing is changed yet');
  await says('They would become inactive:');
  await says('Ada Byron');
  assert.equal(await axeFinds(page), '');
  await page.click('button:has-text("Do this")');
  await says('They are inactive now:');
  const { students } = await api.read('/api/v1/students');
  assert.deepEqual(students.map((one) => [one.name, one.email, one.status]).sort(), [['Ada Byron', 'ada@example.org', 'inactive'], ['José Ünsal', 'jose@example.org', 'active']]);
});

test('a collection is deleted and restored on its pages', async () => {
  await choose('kept.csv', 'name\nAda\n', 'kept');
  await confirmed('1 stored');
  await page.goto(`${desk.url}/collections/kept`);
  await page.click('button:has-text("Delete this collection")');
  await page.click('[data-confirm-yes]');
  await page.waitForURL(`${desk.url}/collections`);
  await says('"kept" is deleted. It can be restored for 30 days.');
  assert.equal(await axeFinds(page), '');
  assert.equal((await api.read('/list?_collection=kept')).status, 404);
  await page.click('button:has-text("Restore")');
  await says('It is back, with all its entries.');
  assert.deepEqual(await data('kept'), [{ name: 'Ada' }]);
});

test('settings that somebody else changed meanwhile are not overwritten, and what was typed stays', async () => {
  await page.goto(`${desk.url}/collections/kept`);
  await page.fill('#title', 'Mine');
  await api.send('/api/v1/collections/kept', 'PATCH', { title: 'Theirs' });
  await page.click('button:has-text("Save")');
  await says('Somebody changed these settings meanwhile, and nothing was saved.');
  assert.equal(await page.inputValue('#title'), 'Mine');
  assert.equal((await api.read('/api/v1/collections/kept')).title, 'Theirs');
  await page.click('button:has-text("Save")');
  await says('Saved.');
  assert.equal((await api.read('/api/v1/collections/kept')).title, 'Mine');
});

test('columns are those of the newest entries, every field can be filtered, and one can be forgotten', async () => {
  const old = Array.from({ length: 14 }, (_, n) => `old_${n}`);
  await choose('old.csv', `${old.join(',')}\n${old.join(',')}\n`, 'columns');
  await confirmed('1 stored');
  await choose('new.csv', `fresh,other\n${'x,y\n'.repeat(60)}`, 'columns');
  await confirmed('60 stored');
  await page.goto(`${desk.url}/list?_collection=columns`);
  const columns = (await page.locator('thead th').allTextContents()).join(' ');
  // eight of them: those that the newest entries have, whatever was there before
  assert.match(columns, /old_0.*fresh other/);
  assert.doesNotMatch(columns, /old_9/);
  const names = await page.locator('select option, datalist option').evaluateAll((options) => options.map((option) => option.value));
  for (const name of [...old, 'fresh', 'other']) assert.ok(names.includes(name), `${name} can be filtered`);
  await page.goto(`${desk.url}/collections/columns`);
  await page.click('tr:has-text("old_13") button:has-text("Forget")');
  await says('"old_13" is forgotten.');
  assert.equal(await page.locator('th:has-text("old_13")').count(), 0);
});
