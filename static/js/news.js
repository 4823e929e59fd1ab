// "12 new entries, show": the list itself never jumps.
import { find } from './dom.js';
import { readEntries } from './entries.js';

const news = find('[data-news]');

const look = async () => {
  if (document.hidden) return;
  const found = await readEntries(`${news.dataset.news}&_id__gt=${news.dataset.newsNewest}&_limit=1`);
  if (!found || !found.count) return;
  const count = `${found.count}${found.truncated ? '+' : ''}`;
  find('a', news).textContent = `${count} new ${found.count === 1 ? 'entry' : 'entries'}, show`;
  news.hidden = false;
};

if (news && !/_cursor|_sort/.test(location.search)) setInterval(look, 5000);
