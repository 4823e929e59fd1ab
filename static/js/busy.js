// No second click while a form with data-busy is being sent.
import { find } from './dom.js';

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!('busy' in form.dataset) || event.defaultPrevented) return;
  const button = event.submitter || find('button:not([type=button])', form);
  setTimeout(() => {
    button.setAttribute('aria-busy', 'true');
    button.disabled = true;
  });
});

// The page may be shown again as it was left, by the browser's Back button.
addEventListener('pageshow', (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll('[aria-busy]')) {
    button.removeAttribute('aria-busy');
    button.disabled = false;
  }
});
