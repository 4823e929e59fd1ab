// The keyboard: data-keys of a link or button names its keys. Off while typing, with modifiers, and when switched off.
import { find, findAll } from './dom.js';

const choice = find('[data-keys-choice]');
if (choice) {
  choice.checked = localStorage.keys !== 'off';
  choice.addEventListener('change', () => (localStorage.keys = choice.checked ? 'on' : 'off'));
}

let row = -1;
const rows = () => findAll('[data-keys-row]');
const step = (by) => {
  const all = rows();
  if (!all.length) return;
  row = Math.max(0, Math.min(all.length - 1, row + by));
  const link = find('a', all[row]);
  link.focus();
  link.scrollIntoView({ block: 'nearest' });
};

const named = (keys) => find(`[data-keys="${CSS.escape(keys)}"]`);
const click = (element) => element && element.click();
const actions = {
  '?': () => find('#help') && find('#help').showModal(),
  '/': () => find('#q') && find('#q').focus(),
  j: () => (named('j') ? click(named('j')) : step(1)),
  k: () => (named('k') ? click(named('k')) : step(-1)),
  n: () => click(named('n')),
  x: () => rows()[row] && click(find('input[name=id]', rows()[row])),
};

const isMeant = (event) =>
  localStorage.keys !== 'off' &&
  !(event.ctrlKey || event.metaKey || event.altKey) &&
  !event.target.closest('input, textarea, select, [contenteditable]');

let before = '';
document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && event.ctrlKey && event.target.form) return event.target.form.requestSubmit();
  if (!isMeant(event)) return;
  const pair = before && named(`${before} ${event.key}`);
  before = event.key;
  setTimeout(() => (before = ''), 1000);
  const act = pair ? () => pair.click() : actions[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
