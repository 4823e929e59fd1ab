// Waiting for the first entry of a query: looks again until it is there.
import { find } from './dom.js';
import { readEntries } from './entries.js';

const guide = find('[data-first-entry]');

const look = async () => {
  const found = await readEntries(`${guide.dataset.firstEntry}&_limit=1`);
  if (found && found.count) location.reload();
  else setTimeout(look, 2000);
};

if (guide) setTimeout(look, 2000);
