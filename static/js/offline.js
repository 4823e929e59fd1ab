// Says that this device is offline.
import { find } from './dom.js';

const offline = find('[data-offline]');
if (offline) {
  const look = () => (offline.hidden = navigator.onLine);
  addEventListener('online', look);
  addEventListener('offline', look);
  look();
}
