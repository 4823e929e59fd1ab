// A question before what cannot be undone: data-confirm of a form says what would happen.
import { find } from './dom.js';

const dialog = find('#confirm');

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!dialog || !form.dataset.confirm || 'confirmed' in form.dataset) return;
  event.preventDefault();
  const { submitter } = event;
  const words = submitter ? submitter.textContent.trim() : 'Go on';
  find('#confirm-title').textContent = `${words}?`;
  find('#confirm-words').textContent = form.dataset.confirm;
  find('[data-confirm-yes]').textContent = words;
  dialog.returnValue = 'no';
  dialog.onclose = () => {
    if (dialog.returnValue !== 'yes') return;
    form.dataset.confirmed = '';
    form.requestSubmit(submitter);
  };
  dialog.showModal();
});
