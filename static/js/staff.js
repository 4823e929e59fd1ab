// What makes the pages of staff quicker to use. Every page works without it.
import './colours.js';
import './times.js';
import './copy.js';
import './progress.js';
import './confirm.js';
import './busy.js';
import './editor.js';
import './drafts.js';
import './offline.js';
import './menus.js';
import './first-entry.js';
import './news.js';
import './again.js';
import './selection.js';
import './keys.js';
