// Colours: as the system, light or dark. theme.js sets them when a page is opened.
import { find } from './dom.js';

const choice = find('[data-theme-choice]');
if (choice) {
  choice.value = localStorage.theme || 'auto';
  choice.addEventListener('change', () => {
    localStorage.theme = choice.value;
    if (choice.value === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice.value;
  });
}
