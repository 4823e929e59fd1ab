// What was typed into a form that was sent after its session is kept in this tab, for the same person, and given back on
// its page after they signed in. The version goes with it: a change that somebody made meanwhile is not overwritten.
import { find, findAll } from './dom.js';

// Who is signed in.
const person = document.body.dataset.drafts;
const keepDraft = (draft) => {
  try {
    draft ? (sessionStorage.draft = JSON.stringify(draft)) : delete sessionStorage.draft;
  } catch {} // too long to be kept, or nothing may be kept here
};

const readDraft = () => {
  try {
    return JSON.parse(sessionStorage.draft);
  } catch {}
};

const isChoice = (field) => ['checkbox', 'radio'].includes(field.type);
const fits = (field) =>
  field.name && (field.name === 'version' || !['hidden', 'password', 'file', 'submit'].includes(field.type));
const typed = (form) =>
  [...form.elements].filter((field) => fits(field) && (field.checked || !isChoice(field))).map(({ name, value }) => [name, value]);

const giveBack = ({ action, values }) => {
  const has = (form) => values.every(([name]) => [...form.elements].some((field) => field.name === name && fits(field)));
  const form = findAll('main form[method=post]').find((form) => form.getAttribute('action') === action && has(form));
  if (!form) return;
  for (const field of [...form.elements].filter(fits)) {
    const given = values.filter(([name]) => name === field.name).map(([, value]) => value);
    if (isChoice(field)) field.checked = given.includes(field.value);
    else if (given.length) [field.value] = given;
    field.dispatchEvent(new Event('input', { bubbles: true }));
  }
  form.insertAdjacentHTML('afterbegin', '<p class="notice" role="status">What you typed is back. It is not saved yet.</p>');
};

const draft = readDraft();
if (location.pathname === '/sign-in') {
  if (draft && location.search.includes('ended=true')) {
    keepDraft({ ...draft, ended: true });
    find('input[name=next]').value = draft.page;
  }
} else {
  // A form that was refused is shown at the address it was sent to; the page that it belongs to is the one before.
  const again = draft && !draft.ended && location.pathname === draft.action && find('main [aria-invalid], main .error');
  // Asked for when it is needed: what is being written may get an address meanwhile.
  const page = () => (again ? draft.page : location.pathname + location.search);
  keepDraft();
  if (draft && draft.ended && draft.page === page() && draft.person === person) giveBack(draft);
  document.addEventListener('submit', (event) => {
    const form = event.target;
    const values = typed(form);
    if (person && form.method === 'post' && !event.defaultPrevented && values.some(([name]) => name !== 'version')) {
      keepDraft({ page: page(), person, action: form.getAttribute('action'), values });
    }
  });
}
