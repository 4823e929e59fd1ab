// Progress of what the server does: the number moves, the rest of the page stays until it is over.
import { find } from './dom.js';

const follow = async (shown) => {
  const answer = await fetch(location.href).catch(() => {});
  const next = answer && find('[data-progress]', new DOMParser().parseFromString(await answer.text(), 'text/html'));
  if (answer && !next) return location.reload();
  if (next) shown.replaceWith((shown = next));
  setTimeout(follow, 2000, shown);
};

const progress = find('[data-progress]');
if (progress) setTimeout(follow, 1000, progress);
